/* Which entries a container's tar archive may have: pure but for the memory of the links it has seen. The
 * same checks stand before probing and before unpacking; the unpacking root is a second wall behind them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"

enum tar_type { TAR_FILE, TAR_DIRECTORY, TAR_SYMLINK, TAR_HARDLINK, TAR_FIFO, TAR_DEVICE, TAR_OTHER };

struct tar_entry {
    enum tar_type type;
    const char *path;
    const char *target; /* of a link */
    int64_t uid, gid;
    uint64_t size_bytes;
};

struct tar_limits {
    uint64_t total_bytes; /* of all files together */
    uint64_t entries;
    uint64_t id_count; /* owners are 0 to id_count - 1 */
};

struct tar_policy {
    struct tar_limits limits;
    struct map links; /* path → target, owned, of every symlink so far */
    struct map inits; /* paths seen that could be an init or a shell */
    uint64_t entries, bytes;
};

void tar_policy_clear(struct tar_policy *policy);
/* Refuses the entry, saying which and why, or counts and remembers it. */
int tar_policy_entry(struct tar_policy *policy, const struct tar_entry *entry, struct err *e);
/* After the last entry: whether this is a root file system that a container could run. *ret_init is the
 * init that it has, NULL when only a shell. */
int tar_policy_root(const struct tar_policy *policy, const char **ret_init, struct err *e);
/* "./usr//bin/" → "usr/bin", owned; "" for the root. */
char *tar_policy_normal(const char *path);
