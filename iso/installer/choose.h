/* Which disks and which card an answer means on this machine: pure, from data to data. */
#pragma once

#include "iso/installer/answer.h"
#include "iso/installer/inventory.h"

/* 16·10⁹, so that what is sold as 16 GB passes. */
#define DISK_MIN_BYTES UINT64_C(16000000000)

struct target {
    const struct disk *disks[2];
    size_t n_disks;
    uint64_t size_bytes;   /* of the smaller one */
    const struct nic *nic; /* NULL: the machine has none */
};

/* Refusals name key and line, and the disks there are; warnings are added too. 0 when the target is usable.
 */
int choose_target(
    const struct answer *a, const struct inventory *i, struct target *ret, struct complaints *c);
/* Of the state's file system, on a disk (or a mirror) of this size. */
uint64_t state_size(const struct answer *a, uint64_t disk_bytes);
/* Why a disk cannot be taken at all; NULL when it can. */
const char *disk_obstacle(const struct disk *d);
/* One disk that is seen twice, over two paths: its two ends would be no mirror. */
bool disks_are_one(const struct disk *a, const struct disk *b);
/* One disk that was looked at twice; names go to others when disks are plugged in and out. */
bool disk_is(const struct disk *a, const struct disk *b);
/* Whether it may be treated as it was decided before. */
bool disk_holds_the_same(const struct disk *a, const struct disk *b);
