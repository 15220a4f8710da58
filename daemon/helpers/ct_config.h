/* What a container is for liblxc: pure, from the daemon's request and the host's abilities to a list of
 * configuration items. */
#pragma once

#include <stdbool.h>

#include "base/json.h"

/* What this host has; see ct_host.h. */
struct ct_host {
    bool cgroup2; /* pure v2; else the controllers are on v1 */
    bool apparmor;
    bool lxcfs;
    const char *seccomp_path; /* NULL: none */
    int pid_max;              /* of the kernel */
};

struct ct_item {
    char *key, *value; /* owned */
};

struct ct_items {
    struct ct_item *list;
    size_t n;
};

void ct_items_clear(struct ct_items *items);
/* ERR_INVALID when the request lacks what every container has. */
/* How many processes a container may have: a fork bomb ends there, with room for others on the host. */
int ct_pids_max(int pid_max);
int ct_config(const json_t *request, const struct ct_host *host, struct ct_items *ret, struct err *e);
