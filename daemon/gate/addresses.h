/* How many connections each client address has, over all workers. MHD's own limit counts for each of its
 * daemons, of which every worker has one. An IPv6 address counts as its /64, which is what a single host
 * is given. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

struct addresses;

#define ADDRESS_KEY_MAX 48

struct addresses *addresses_new(unsigned limit);
void addresses_free(struct addresses *a);

/* Counts one more connection from there; false, counting nothing, when it would be one too many. The key is
 * for addresses_leave. Any thread. */
bool addresses_enter(struct addresses *a, const struct sockaddr *from, char ret_key[static ADDRESS_KEY_MAX]);
void addresses_leave(struct addresses *a, const char *key);
