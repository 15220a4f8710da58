/* Threads for what blocks: libvirt, disks, password hashing, helpers. They start on demand and end
 * after a while without work. A job runs on a worker; `done`, when given, runs on the loop. */
#pragma once

#include "base/loop.h"

struct workers;

/* At most `max` threads; jobs beyond wait in order. `loop` receives the `done` calls. */
struct workers *workers_new(struct loop *loop, size_t max);
/* Waits for running jobs, drops none. */
void workers_free(struct workers *w);
/* Thread-safe. `done` may be NULL. */
void workers_submit(struct workers *w, loop_fn *run, loop_fn *done, void *arg);
