/* Room on the disk that is kept back for the day it is full: a file of blocks that are given up, a piece at a
 * time, to write what frees room, and taken again when there is enough. Writer thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct reserve;

/* Takes as much as there is room for; the file is what an earlier process left. size_bytes 0: none is kept.
 */
struct reserve *reserve_open(const char *path, uint64_t size_bytes);
/* What it holds stays: another process may need it more. */
void reserve_close(struct reserve *r);
/* False when there is nothing left to give. */
bool reserve_give(struct reserve *r);
/* Some of it was given by an earlier process, and cannot be taken back yet. */
bool reserve_is_part(const struct reserve *r);
/* Whether all of it is held, after trying to take back what was given when the disk has room again. */
bool reserve_whole(struct reserve *r);
