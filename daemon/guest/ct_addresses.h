/* Which addresses a container's network stack has, as the kernel tells of its init: no process has to enter
 * it. Loopback and link-local addresses are nobody's answer to "where is it". */
#pragma once

#include <sys/types.h>

#include "guest/guest_ops.h"

/* From /proc/PID/net/fib_trie and if_inet6 (kernel: net/ipv4/fib_trie.c, net/ipv6/addrconf.c); either may be
 * NULL. IPv4 first, each once, at most GUEST_ADDRESSES_MAX. */
void ct_addresses_parse(const char *fib_trie, const char *if_inet6, struct guest_addresses *ret);
void ct_addresses_read(pid_t init, struct guest_addresses *ret);
