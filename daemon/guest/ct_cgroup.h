/* Where a container's control groups are, v1 or v2, and what their files say. Reads files only. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "guest/guest_ops.h"

struct ct_mounts; /* where this host has its hierarchies */

/* The folders of one container; NULL where the host has no such controller. With v2 all are the same. */
struct ct_cgroup {
    bool v2;
    char *cpu, *memory, *io, *freezer; /* owned */
};

struct ct_mounts *ct_mounts_read(void);
void ct_mounts_free(struct ct_mounts *mounts);

/* Finds the groups of the process, cut after the component that is the container's uuid: what runs inside
 * may have made further ones. False when it has none there. */
bool ct_cgroup_find(const struct ct_mounts *mounts, pid_t pid, const char *uuid, struct ct_cgroup *ret);
void ct_cgroup_clear(struct ct_cgroup *cgroup);
/* Fills in CPU, memory and disk. */
void ct_cgroup_sample(const struct ct_cgroup *cgroup, struct guest_sample *sample);
bool ct_cgroup_is_frozen(const struct ct_cgroup *cgroup);
/* Freezes or thaws all processes, and waits until they are. A frozen one does not even die. */
int ct_cgroup_freeze(const struct ct_cgroup *cgroup, bool freeze, struct err *e);
/* Removes groups that a killed monitor left: "lodge-<instance>/<uuid>" everywhere. Its processes may still be
 * on their way out, so this waits for them; an error when some stay, and liblxc would refuse to start. */
int ct_cgroup_sweep(const struct ct_mounts *mounts, const char *instance, const char *uuid, struct err *e);
