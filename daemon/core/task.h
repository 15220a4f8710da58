/* The task engine: runs the journal that a task document carries, step by step on a worker, undoes
 * it in reverse when a step fails, and writes the outcome. After a crash it runs what is unfinished
 * again: every step can be repeated. One task at a time works on an object. */
#pragma once

#include "core/core.h"
#include "core/views.h"

struct task;

/* What a step sees. Worker thread. */
struct step_context {
    struct core *core;
    struct task *task;
    const struct step_record *step;
    struct snapshot *snapshot; /* fresh for this step */
    /* Of an orphan, whose documents may be gone by now; NULL and -1 otherwise. */
    const char *orphan_pool; /* uuid of the pool that its volume lies in */
    int orphan_type;         /* enum guest_type of its guest */
};

struct step_type {
    const char *name;
    int (*run)(struct step_context *c, struct err *e);
    int (*undo)(struct step_context *c, struct err *e); /* NULL: nothing to undo */
};

/* How a kind of task ends: puts what becomes of its documents into the same transaction as the
 * task's own outcome. Called again when that transaction met another one. Worker thread. */
struct task_type {
    const char *action;
    void (*finish)(struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
    /* Loop thread, after the outcome is committed; NULL: nothing follows. */
    void (*after)(struct core *core, const struct doc *task, bool ok);
};

const struct step_type *step_type_named(const char *name);
const struct task_type *task_type_named(const char *action);

struct tasks *tasks_new(struct core *core);
/* Takes up what is unfinished in the registry and whatever is proposed from now on. */
void tasks_start(struct tasks *tasks);
/* Asks running steps to stop where they are; nothing is undone: the next start goes on. */
void tasks_interrupt(struct tasks *tasks);
void tasks_free(struct tasks *tasks);

/* The task that works on this object, NULL when none. The uuid is borrowed until the next turn. Loop thread.
 */
const char *tasks_busy(struct tasks *tasks, const char *object_uuid);
/* ERR_BUSY naming the task; 0 when the object is free. */
int tasks_check_free(struct tasks *tasks, const struct doc *object, struct err *e);
/* Asks a task to stop and undo. ERR_STATE when it has ended or cannot be stopped any more. */
int tasks_cancel(struct tasks *tasks, const char *uuid, struct err *e);

/* Progress as it is now: percent and the last line of the log; false when the task does not run. */
bool tasks_progress(
    struct tasks *tasks, const char *uuid, unsigned *ret_percent, char *ret_text, size_t size);
/* The log of a task that runs: owned text, a line an entry; NULL when it does not run. Loop thread. */
char *tasks_live_log(struct tasks *tasks, const char *uuid);
/* The log of a task that has ended: owned, "" when there is none. Blocks: for workers. */
char *tasks_log(struct tasks *tasks, const char *uuid);
size_t tasks_running(struct tasks *tasks);
/* Grows when a task begins, ends or moves: what a status shows of tasks may be another. Loop thread. */
uint64_t tasks_generation(struct tasks *tasks);

/* Called on the loop when progress of a task moved. */
void tasks_watch(struct tasks *tasks, void (*fn)(void *arg, const char *uuid), void *arg);

/* ---- for steps ---- */

void task_log(struct task *t, const char *fmt, ...) ATTR_PRINTF(2, 3);
void task_progress(struct task *t, unsigned percent_of_step);
const _Atomic bool *task_cancel_flag(const struct task *t);
const char *task_uuid(const struct task *t);

/* A serial job on an object that no user asked for (detaching the disks of a guest that powered
 * itself off): runs on a worker before the next task of that object. Loop thread. */
void tasks_settle(
    struct tasks *tasks, const char *object_uuid, void (*fn)(struct core *core, const char *uuid));

/* For tests of crashes: called before and after each step with its index. NULL in the product. */
extern void (*task_step_hook)(const char *action, size_t step, bool done, bool undo);
