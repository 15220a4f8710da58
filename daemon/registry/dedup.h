/* The ids of the last transactions, so that a retry does not apply twice. Which ones are remembered
 * depends on the revision alone: every node forgets the same ones. */
#pragma once

#include <stdint.h>

#include "base/map.h"

#define DEDUP_KEEP 10000 /* transactions */

struct remembered;
struct dedup {
    struct map ids;
    struct remembered *oldest, *newest;
};

/* The revision of the transaction with that id, 0 when it is not remembered. */
uint64_t dedup_find(const struct dedup *d, const char *id);
/* Revisions must grow. */
void dedup_add(struct dedup *d, const char *id, uint64_t revision);
/* Forgets what is too old at this revision. */
void dedup_prune(struct dedup *d, uint64_t revision);
/* Takes back what was added for a later revision than this one. */
void dedup_undo(struct dedup *d, uint64_t revision);
void dedup_clear(struct dedup *d);
