/* The cell that lodge-image works in: its own user, mount, PID, network, IPC and UTS namespaces, a root that
 * holds only what it was given, no capabilities outside, no new privileges, limits, and a filter on system
 * calls. The process that makes it stays outside as root, looks at nothing, and passes on the exit code. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct sandbox_file {
    int fd;           /* borrowed; a regular file */
    const char *name; /* where it is in the cell: "/source" */
};

struct sandbox_spec {
    unsigned id_first, id_count; /* outside ids that are 0 to id_count - 1 inside */
    int root_fd;                 /* a directory that becomes the root, owners shifted; -1: an empty one */
    struct sandbox_file files[2];
    size_t n_files;
    bool programs; /* with the host's /usr, read-only: for qemu-img. Else no program can be run */
};

/* Runs fn(arg) in the cell and returns its exit code; -1 when the cell could not be made or was killed. */
int sandbox_run(const struct sandbox_spec *spec, int (*fn)(void *arg), void *arg, struct err *e);
