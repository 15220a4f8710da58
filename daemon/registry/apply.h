/* What a transaction does to a state: a function from data to data, without clock or randomness, so
 * that every node comes to the same result. */
#pragma once

#include "registry/snapshot.h"
#include "registry/txn.h"

struct applied {
    struct snapshot *after; /* owned; NULL when the transaction changes nothing */
    struct change *changes; /* owned, with their references */
    size_t n_changes;
};
void applied_clear(struct applied *a);

/* Refuses with ERR_PRECONDITION, ERR_EXISTS, ERR_NOT_FOUND, ERR_TOO_LARGE or ERR_INVALID, and changes
 * nothing then. `revision` is what the changed documents get. */
int apply_txn(
    struct snapshot *base, struct txn_reader *txn, uint64_t revision, struct applied *ret, struct err *e);
