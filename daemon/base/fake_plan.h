/* How a fake driver is told to fail or to be slow: by the file that LODGE_FAKE_PLAN names, which is read
 * again whenever it changes. Lines of that file:
 *
 *     storage.volume_create fail 2 no-space     the second call from now on fails with this code
 *     guest.start delay 50                      each call takes 50 ms longer, or until the file is replaced
 *
 * Used by fakes only; all functions are thread-safe. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"

struct fake_call {
    const char *name;
    unsigned fail_in; /* 1: the next call fails; 0: none does */
    enum err_code code;
    unsigned delay_ms;
};

struct fake_plan {
    const char *scope; /* "storage": what stands before the dot */
    struct fake_call *calls;
    size_t n_calls;
    pthread_mutex_t lock; /* guards all of it */
    ino_t file_inode;     /* with the time: two files may be written within one tick of the clock */
    struct timespec file_time;
    unsigned edition; /* counts the files that were read */
};

#define FAKE_PLAN_INIT(scope_, calls_)                                                                       \
    {                                                                                                        \
        .scope = (scope_), .calls = (calls_), .n_calls = ARRAY_SIZE(calls_),                                 \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                                    \
    }

/* At the head of each call of a fake: waits, and fails when it was planned. A name that is not
 * in the table ends the program. */
int fake_plan_enter(struct fake_plan *plan, const char *name, struct err *e);
