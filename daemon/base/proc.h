/* Programs: spawned with an argument vector, a clean environment and only the descriptors they are
 * given; no shell. proc_run waits with a deadline and belongs in a worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct proc_fd {
    int fd;     /* borrowed */
    int number; /* its number in the program */
};

struct proc_spec {
    const char *const *argv;   /* NULL-terminated; argv[0] is looked up in PATH unless it has a slash */
    const char *const *env;    /* NULL-terminated "NAME=value"; NULL: PATH, HOME=/, LANG=C.UTF-8 only */
    const struct proc_fd *fds; /* numbers not given here: 0 is /dev/null, 1 and 2 as below */
    size_t n_fds;
    bool quiet;             /* 1 and 2 to /dev/null; otherwise inherited */
    bool new_session;       /* setsid, so that it outlives the caller's terminal */
    unsigned unshare_flags; /* CLONE_NEW… taken before exec */
    uid_t uid;              /* switched to when not 0, with the group of the same number, no others */
};

/* Starts it; *ret_pidfd becomes readable when it ends. The caller reaps it (proc_reap). */
int proc_spawn(const struct proc_spec *spec, pid_t *ret_pid, int *ret_pidfd, struct err *e);
/* Waits without blocking others: exit code 0…255, or 128 + signal. */
int proc_reap(int pidfd, int *ret_code, struct err *e);

struct proc_output {
    char *out; /* owned, NUL-terminated; at most 1 MiB is kept of each */
    char *err;
    size_t out_len;
    int code; /* as proc_reap gives it */
};
void proc_output_clear(struct proc_output *o);

/* Runs it to its end, `input` (may be NULL) on its standard input; killed after timeout_ms, or when
 * *cancel (may be NULL) becomes true. Returns 0 when it ended by itself, whatever its code. */
int proc_run(const struct proc_spec *spec, const char *input, size_t input_len, uint64_t timeout_ms,
    const _Atomic bool *cancel, struct proc_output *ret, struct err *e);
/* proc_run that treats a code other than 0 as an error, with the program's last words as the reason. */
int proc_check(const struct proc_spec *spec, uint64_t timeout_ms, struct err *e);
