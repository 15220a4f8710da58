/* Ranges of user ids, one for each container: a process that breaks out of one is nobody in the others. A
 * range stands in the guest's record from its creation to its end. */
#pragma once

#include "core/core.h"

struct id_ranges;
struct id_ranges *id_ranges_new(void);
void id_ranges_free(struct id_ranges *ranges);
/* The lowest range that no container has, and none that is about to be committed. Loop thread. ERR_CAPACITY.
 */
int id_range_take(
    struct core *core, struct snapshot *s, const char *guest_uuid, int64_t *ret_base, struct err *e);
/* The guest was committed: what it has is in the snapshot. Loop thread. */
void id_range_settled(struct core *core, const char *guest_uuid);
/* Of a guest: its own, or the one that all had before each got its own. */
int64_t id_range_of(const struct guest_record *record);
