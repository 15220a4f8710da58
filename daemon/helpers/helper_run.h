/* How the daemon runs a helper: spawns it, passes on its progress, and gives its result or its error. */
#pragma once

#include "base/json.h"
#include "base/proc.h"

/* Told 0 to 100 now and then; returns false to cancel. */
typedef bool helper_progress_fn(void *arg, unsigned percent);

struct helper_call {
    const char *helper_dir;
    const char *name;          /* "lodge-image" */
    const char *const *args;   /* NULL-terminated, without the program's name */
    const char *input;         /* for its standard input; NULL: none, or it is among the fds */
    const struct proc_fd *fds; /* borrowed */
    size_t n_fds;
    bool new_session; /* what it leaves running must not be the daemon's */
    uint64_t timeout_ms;
    const _Atomic bool *cancel;   /* may be NULL */
    helper_progress_fn *progress; /* may be NULL */
    void *progress_arg;
};

/* *ret (may be NULL) is the result object, owned. A helper that ended without an answer is
 * ERR_INTERNAL, with its last words. Blocks: for workers. */
int helper_run(const struct helper_call *call, json_t **ret, struct err *e);
/* The error of a report's "error" object. */
int helper_error(const json_t *error, struct err *e);
