/* The leases of all networks at one moment, by network and MAC. */
#pragma once

#include "base/map.h"
#include "core/core.h"

struct known_lease {
    struct known_lease *next; /* of the same MAC on the same network: another system of the guest had it */
    struct net_lease lease;
};

struct lease_book {
    struct map known; /* "<network uuid> <mac>" → struct known_lease, the newest first */
};

/* Blocking, cheap: a file for each network. One that cannot be read has none. */
void lease_book_read(struct core *core, struct snapshot *s, struct lease_book *ret);
const struct known_lease *lease_book_find(
    const struct lease_book *book, const char *network_uuid, const char *mac);
void lease_book_clear(struct lease_book *book);
