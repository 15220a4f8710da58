/* A SQLite VFS that knows what a disk would still have after the power went: writes reach the real
 * files at once, so that the process sees them, but what was not synced is remembered apart. Cutting
 * the power makes every later write fail; turning it on again rewrites the files with what was
 * synced, plus as much of the rest as asked for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAULT_VFS "fault"

void fault_vfs_install(void);
/* Forgets all files and counts from zero; the power goes at the sync or write with that number (1 is the
 * first, 0 never). A sync that is cut has synced nothing; a write that is cut may have left a part. */
void fault_vfs_arm(uint64_t cut_at_sync, uint64_t cut_at_write);
uint64_t fault_vfs_syncs(void);
uint64_t fault_vfs_writes(void);
bool fault_vfs_is_cut(void);
void fault_vfs_cut(void);
/* While full, every write fails with SQLITE_FULL. */
void fault_vfs_set_full(bool full);

enum fault_keep {
    KEEP_NONE,   /* all that was not synced is gone */
    KEEP_PREFIX, /* the disk wrote in order and stopped somewhere, perhaps inside a write */
    KEEP_SOME,   /* any of them arrived, in part: each 512-byte sector by chance */
};
/* Once nobody has the files open. The seed makes the same choice again. */
void fault_vfs_power_on(enum fault_keep keep, unsigned seed);
