/* The seam between the registry and what makes a transaction durable: one host (solo.c) or a
 * cluster later. The registry proposes encoded transactions; the replica says in order which of
 * them are committed at which position, and the registry applies them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct position {
    uint64_t term;
    uint64_t index;
};

/* An encoded transaction (txn.h). */
struct entry {
    const uint8_t *data; /* stays valid until the registry has called `applied` on it */
    size_t len;
    void (*applied)(struct entry *entry); /* frees it; set by who made the entry */
    bool frees_room;                      /* the proposer's mark, not replicated: see txn_frees_room */
    void *origin;                         /* the proposer's mark; NULL when it came from another node */
};

/* Calls of the replica into the registry; they may come from any thread, one at a time. */
struct replica_events {
    /* Entries [0, n) are committed in this order, the first one at position `first`; none is skipped. It
     * returns at once: the registry applies them on its own thread. They are durable at this point only
     * when the replica keeps its own log; solo's log is the database, applying makes them durable. */
    void (*committed)(void *arg, struct position first, struct entry *const *entries, size_t n);
    void *arg;
};

struct replica_ops {
    const char *name;
    /* `applied` is the last position that the registry has on disk. */
    int (*open)(
        const struct replica_events *events, struct position applied, void **ret_replica, struct err *e);
    void (*close)(void *replica);
    /* Thread-safe, asynchronous; `entry` comes back in committed unless this returns an error. */
    int (*propose)(void *replica, struct entry *entry, struct err *e);
    struct position (*position)(void *replica); /* of the last committed entry; thread-safe */
};

extern const struct replica_ops replica_solo;
