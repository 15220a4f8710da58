/* The host's configuration, host.json, as far as the screen shows and changes it. What it does not know stays
 * as it is. */
#pragma once

#include <stdbool.h>

#include "base/json.h"

#define NETWORK_TEXT_MAX 256

struct card {
    char name[16], mac[18];
};

/* How the host is managed. Texts as they are typed; "" for none. */
struct network {
    char bridge[16];
    struct card card; /* name "": none */
    bool dhcp;
    char address[NETWORK_TEXT_MAX], gateway[NETWORK_TEXT_MAX];
    char dns[NETWORK_TEXT_MAX]; /* separated by blanks or commas */
    char vlan[8];
};

void network_of(const json_t *host, struct network *ret);
/* The interface that has the address: the bridge, or its VLAN. "" without a card. */
void network_interface(const struct network *n, char out[static 32]);
void network_store(json_t *host, const struct network *n);

/* False: `why` is a sentence that says what is wrong. */
bool network_valid(const struct network *n, char why[static 512]);
/* A line for each difference: "Address   DHCP -> 192.0.2.10/24"; "" when there is none. Owned. */
char *network_changes(const struct network *from, const struct network *to);
/* What works less well than somebody may expect; "" for nothing. Owned. */
char *network_warnings(const struct network *n);

int host_read(json_t **ret, struct err *e);
/* From the one to the other nobody else changes the file: lodge-host takes the same lock. */
int host_lock(int *ret_fd, struct err *e);
int host_write(const json_t *host, struct err *e);
