#include "core/task.h"

#include <pthread.h>
#include <stdarg.h>
#include <time.h>

#include "base/log.h"
#include "base/map.h"
#include "core/orphan.h"
#include "core/plan.h"

#define LOG_MAX             (64 * 1024)
#define TASKS_KEEP          1000 /* finished tasks that stay in the registry */
#define TASKS_PRUNE_AT      1200
#define UNAVAILABLE_WAIT_MS 15000
#define OUTCOME_TRIES       20  /* in a row, when other changes come first */
#define OUTCOME_PAUSE_MS    500 /* before an outcome that could not be written is tried again */

void (*task_step_hook)(const char *action, size_t step, bool done, bool undo);

struct task {
    struct tasks *tasks;
    struct core *core;
    char uuid[UUID_LEN + 1];
    char object[UUID_LEN + 1];
    struct doc *doc;
    void (*settle)(struct core *core, const char *uuid); /* an internal job without a document */
    _Atomic bool cancel;
    struct task *next;   /* behind it for the same object */
    bool ended;          /* its outcome is committed: only its worker has not returned yet */
    uint64_t started_ms; /* unix time; of the worker that runs it */
    size_t step, n_steps;

    pthread_mutex_t lock; /* guards log, percent, progress_posted */
    bool progress_posted;
    struct buf log;
    unsigned percent;
};

struct tasks {
    struct core *core;
    struct map by_object; /* object uuid → first struct task of its queue */
    struct map by_uuid;
    struct registry_watch *watch;
    void (*progress_fn)(void *arg, const char *uuid);
    void *progress_arg;
    bool pruning;
    uint64_t generation;
};

const char *task_uuid(const struct task *t)
{
    return t->uuid;
}

const _Atomic bool *task_cancel_flag(const struct task *t)
{
    return &t->cancel;
}

/* Progress of one task is told once for all that moved since the loop last looked. */
static void deliver_progress(void *arg)
{
    struct task *t = arg;
    pthread_mutex_lock(&t->lock);
    t->progress_posted = false;
    pthread_mutex_unlock(&t->lock);
    t->tasks->generation++;
    if (t->tasks->progress_fn)
        t->tasks->progress_fn(t->tasks->progress_arg, t->uuid);
}

static void notify_progress(struct task *t)
{
    pthread_mutex_lock(&t->lock);
    bool first = !t->progress_posted;
    t->progress_posted = true;
    pthread_mutex_unlock(&t->lock);
    if (first)
        loop_post(t->core->loop, deliver_progress, t);
}

void task_log(struct task *t, const char *fmt, ...)
{
    char line[640], when[TIME_LEN + 1];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    time_format(clock_unix_ms(t->core->clock), when);
    pthread_mutex_lock(&t->lock);
    if (t->log.len < LOG_MAX)
        buf_printf(&t->log, "%s %s\n", when, line);
    pthread_mutex_unlock(&t->lock);
    notify_progress(t);
}

void task_progress(struct task *t, unsigned percent_of_step)
{
    unsigned percent =
        t->n_steps ? (unsigned)((t->step * 100 + MIN_OF(percent_of_step, 100U)) / t->n_steps) : 0;
    pthread_mutex_lock(&t->lock);
    bool moved = t->percent != percent;
    t->percent = percent;
    pthread_mutex_unlock(&t->lock);
    if (moved)
        notify_progress(t);
}

/* ---- running: on a worker ---- */

static void put_record(struct txn *txn, const struct doc *doc, struct task_record *record, uint64_t now_ms)
{
    _cleanup_free_ char *text = record_text(OBJECT_task_record, record);
    txn_put_private(txn, doc, text, now_ms);
}

/* Reads the task's document as it is now: a step may take minutes. NULL when it is gone. */
static struct doc *current_doc(struct task *t, struct snapshot *s)
{
    return snapshot_by_uuid(s, KIND_TASK, t->uuid);
}

static int set_state(struct task *t, enum task_state state, struct err *e)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(t->core->registry);
    struct doc *doc = current_doc(t, s);
    const struct task_record *old = task_record_of(doc);
    if (!old)
        return err_set(e, ERR_NOT_FOUND, "task %s is gone", t->uuid);
    struct task_record record = *old;
    uint64_t now = clock_unix_ms(t->core->clock);
    record.state = (int)state;
    if (!record.started_ms)
        record.started_ms = (int64_t)t->started_ms;
    struct txn *txn = txn_new();
    put_record(txn, doc, &record, now);
    txn_frees_room(txn);
    return registry_commit(t->core->registry, txn, NULL, e);
}

static void hook(const struct task_spec *spec, size_t step, bool done, bool undo)
{
    if (task_step_hook)
        task_step_hook(spec->action, step, done, undo);
}

/* A hypervisor that is being restarted is back within seconds: steps can be repeated, so they are. */
static bool worth_waiting(struct task *t, const struct err *e, uint64_t begun_ms)
{
    struct timespec pause = {.tv_nsec = 250 * 1000000L};
    if (e->code != ERR_UNAVAILABLE || t->cancel ||
        clock_monotonic_ms(&clock_system) - begun_ms > UNAVAILABLE_WAIT_MS)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

static int run_step(struct task *t, const struct step_record *step, bool undo, bool waits, struct err *e)
{
    const struct step_type *type = step_type_named(step->step);
    if (!type)
        return err_set(e, ERR_INTERNAL, "this release does not know the step %s", step->step);
    if (undo && !type->undo)
        return 0;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(t->core->registry);
    struct step_context c = {.core = t->core, .task = t, .step = step, .snapshot = s, .orphan_type = -1};
    task_log(t, undo ? "undo: %s" : "%s", step->text ? step->text : step->step);
    uint64_t begun_ms = clock_monotonic_ms(&clock_system);
    int r;
    do
        r = undo ? type->undo(&c, e) : type->run(&c, e);
    while (r < 0 && waits && worth_waiting(t, e, begun_ms));
    return r;
}

static int run_steps(
    struct task *t, const struct task_spec *spec, const struct task_record *record, struct err *e)
{
    for (t->step = 0; t->step < record->n_steps; t->step++) {
        if (t->cancel)
            return err_set(e, ERR_CANCELLED, "cancelled before: %s", record->steps[t->step].text);
        task_progress(t, 0);
        hook(spec, t->step, false, false);
        if (run_step(t, &record->steps[t->step], false, true, e) < 0)
            return -1;
        hook(spec, t->step, true, false);
    }
    return 0;
}

/* Everything from the step that failed back to the first. What cannot be undone becomes an orphan: at once,
 * when the task failed because it had waited for a hypervisor in vain. */
static void undo_steps(struct task *t, const struct task_spec *spec, const struct task_record *record,
    size_t from, const struct err *failure)
{
    bool waits = failure->code != ERR_UNAVAILABLE;
    for (size_t i = MIN_OF(from + 1, record->n_steps); i-- > 0;) {
        struct err e;
        hook(spec, i, false, true);
        if (run_step(t, &record->steps[i], true, waits, &e) < 0) {
            task_log(t, "undo failed, will be tried again: %s", e.detail);
            orphan_add(t->core, t->uuid, &record->steps[i], &e);
        }
        hook(spec, i, true, true);
    }
}

/* False when Lodge closes meanwhile: the next start goes on with the task. */
static bool pause_unless_closing(struct task *t)
{
    struct timespec pause = {.tv_nsec = 50 * 1000000L};
    for (int i = 0; i < OUTCOME_PAUSE_MS / 50 && !t->core->closing; i++)
        nanosleep(&pause, NULL);
    return !t->core->closing;
}

/* The outcome in one transaction; met by another change, it is made again from what is there then. While it
 * cannot be written (a full disk), the task has not ended, and what it works on stays busy. */
static void finish(struct task *t, enum task_state state, const struct err *failure)
{
    for (unsigned tries = 0, told = 0;; tries++) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(t->core->registry);
        struct doc *doc = current_doc(t, s);
        const struct task_spec *spec = task_spec_of(doc);
        const struct task_record *old = task_record_of(doc);
        if (!spec || !old)
            return;
        struct task_record record = *old;
        struct task_error error;
        uint64_t now = clock_unix_ms(t->core->clock);
        record.state = (int)state;
        if (!record.started_ms)
            record.started_ms = (int64_t)t->started_ms;
        record.ended_ms = (int64_t)now;
        if (failure) {
            error = (struct task_error){
                err_code_name(failure->code), failure->detail, failure->hint[0] ? failure->hint : NULL};
            record.error = &error;
        }
        struct txn *txn = txn_new();
        put_record(txn, doc, &record, now);
        txn_frees_room(txn); /* what is under way must end */
        const struct task_type *type = task_type_named(spec->action);
        if (type && type->finish)
            type->finish(t->core, doc, s, state == TASK_SUCCEEDED, txn);
        struct err e;
        if (registry_commit(t->core->registry, txn, NULL, &e) == 0)
            return;
        if (e.code == ERR_PRECONDITION && tries < OUTCOME_TRIES)
            continue;
        if (!told++) {
            log_error("cannot write the outcome of task %s, will try until it can: %s", t->uuid, e.detail);
            task_log(t, "the outcome cannot be written yet: %s", e.detail);
        }
        if (!pause_unless_closing(t))
            return;
    }
}

static void run_task(struct task *t)
{
    const struct task_spec *spec = task_spec_of(t->doc);
    const struct task_record *record = task_record_of(t->doc);
    struct err e = {0};
    if (!spec || !record)
        return;
    t->n_steps = record->n_steps;
    t->started_ms = clock_unix_ms(t->core->clock);
    bool undoing = record->state == TASK_UNDOING;
    size_t from = record->n_steps;
    if (undoing)
        err_set(&e, ERR_INTERNAL, "lodged ended while the task was being undone");
    int r = undoing ? -1 : run_steps(t, spec, record, &e);
    if (r == 0) {
        finish(t, TASK_SUCCEEDED, NULL);
        return;
    }
    if (t->core->closing)
        return;
    if (!undoing) {
        from = t->step;
        struct err ignored;
        task_log(t, "failed: %s", e.detail);
        set_state(t, TASK_UNDOING, &ignored);
    }
    undo_steps(t, spec, record, from, &e);
    if (e.code != ERR_CANCELLED)
        log_notice("task %s %s of %s %s failed: %s", t->uuid, spec->action, spec->object->kind,
            spec->object->name, e.detail);
    finish(t, e.code == ERR_CANCELLED ? TASK_CANCELLED : TASK_FAILED, &e);
}

static void task_run(void *arg)
{
    struct task *t = arg;
    if (t->settle) {
        t->settle(t->core, t->object);
        return;
    }
    run_task(t);
    pthread_mutex_lock(&t->lock);
    char *log = mem_strdup(t->log.data ? t->log.data : "");
    pthread_mutex_unlock(&t->lock);
    registry_local_put(t->core->registry, "task_log", t->uuid, log);
    free(log);
}

/* ---- the queues: on the loop ---- */

static void task_done(void *arg);

static void task_start(struct task *t)
{
    workers_submit(t->core->task_workers, task_run, task_done, t);
}

static void task_free(struct task *t)
{
    loop_unpost(t->core->loop, deliver_progress, t);
    doc_unref(t->doc);
    buf_free(&t->log);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void task_done(void *arg)
{
    struct task *t = arg;
    struct tasks *tasks = t->tasks;
    struct task *next = t->next;
    tasks->generation++;
    map_remove(&tasks->by_object, t->object);
    if (!t->settle)
        map_remove(&tasks->by_uuid, t->uuid);
    if (next)
        map_set(&tasks->by_object, t->object, next);
    if (!t->settle) {
        const struct task_spec *spec = task_spec_of(t->doc);
        const struct task_type *type = spec ? task_type_named(spec->action) : NULL;
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(t->core->registry);
        struct doc *now = snapshot_by_uuid(s, KIND_TASK, t->uuid);
        const struct task_record *record = task_record_of(now);
        if (type && type->after && record && !tasks->core->closing)
            type->after(t->core, now, record->state == TASK_SUCCEEDED);
        if (tasks->progress_fn)
            tasks->progress_fn(tasks->progress_arg, t->uuid);
    }
    task_free(t);
    if (next && !tasks->core->closing)
        task_start(next);
}

static void enqueue(struct tasks *tasks, struct task *t)
{
    struct task *first = map_get(&tasks->by_object, t->object);
    tasks->generation++;
    if (!first) {
        map_set(&tasks->by_object, t->object, t);
        task_start(t);
        return;
    }
    while (first->next)
        first = first->next;
    first->next = t;
}

static struct task *task_make(struct tasks *tasks, const char *object)
{
    struct task *t = mem_new(struct task, 1);
    t->tasks = tasks;
    t->core = tasks->core;
    snprintf(t->object, sizeof(t->object), "%s", object);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

static void take_up(struct tasks *tasks, struct doc *doc)
{
    const struct task_spec *spec = task_spec_of(doc);
    const struct task_record *record = task_record_of(doc);
    if (!spec || !record || record->state > TASK_UNDOING || map_get(&tasks->by_uuid, doc->uuid))
        return;
    struct task *t = task_make(tasks, spec->object->uuid);
    memcpy(t->uuid, doc->uuid, sizeof(t->uuid));
    t->doc = doc_ref(doc);
    map_set(&tasks->by_uuid, t->uuid, t);
    enqueue(tasks, t);
}

void tasks_settle(
    struct tasks *tasks, const char *object_uuid, void (*fn)(struct core *core, const char *uuid))
{
    struct task *t = task_make(tasks, object_uuid);
    t->settle = fn;
    enqueue(tasks, t);
}

static void prune_done(void *arg, const struct commit_result *result)
{
    struct tasks *tasks = arg;
    (void)result;
    tasks->pruning = false;
}

/* Keeps the newest TASKS_KEEP: the oldest finished ones go, with their logs. */
static void prune(struct tasks *tasks, struct snapshot *s)
{
    size_t count = snapshot_count(s, KIND_TASK);
    if (count < TASKS_PRUNE_AT || tasks->pruning)
        return;
    struct doc **old = mem_new(struct doc *, count);
    size_t n = 0;
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_TASK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct task_record *record = task_record_of(d);
        if (record && record->state <= TASK_UNDOING)
            continue;
        size_t at = n++;
        for (; at && old[at - 1]->created_ms > d->created_ms; at--)
            old[at] = old[at - 1];
        old[at] = d;
    }
    struct txn *txn = txn_new();
    tasks->pruning = true;
    for (size_t i = 0; i < n && count - i > TASKS_KEEP; i++) {
        txn_delete(txn, KIND_TASK, old[i]->uuid, REVISION_ANY);
        registry_local_put(tasks->core->registry, "task_log", old[i]->uuid, NULL);
    }
    free(old);
    txn_frees_room(txn);
    registry_propose(tasks->core->registry, txn, prune_done, tasks);
}

/* Whoever waits for the end hears of it with this commit, and may go on with the object at once. */
static void note_end(struct tasks *tasks, const struct doc *doc)
{
    const struct task_record *record = task_record_of(doc);
    struct task *t = map_get(&tasks->by_uuid, doc->uuid);
    if (t && record && record->state > TASK_UNDOING)
        t->ended = true;
}

static void on_commit(void *arg, const struct commit *commit)
{
    struct tasks *tasks = arg;
    bool added = false;
    for (size_t i = 0; i < commit->n_changes; i++) {
        struct doc *after = commit->changes[i].after;
        if (!after || after->kind != KIND_TASK)
            continue;
        if (commit->changes[i].before) {
            note_end(tasks, after);
            continue;
        }
        added = true;
        if (!tasks->core->closing)
            take_up(tasks, after);
    }
    if (added)
        prune(tasks, commit->snapshot);
}

struct tasks *tasks_new(struct core *core)
{
    struct tasks *tasks = mem_new(struct tasks, 1);
    tasks->core = core;
    return tasks;
}

void tasks_start(struct tasks *tasks)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(tasks->core->registry);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_TASK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));)
        take_up(tasks, d);
    tasks->watch = registry_watch(tasks->core->registry, on_commit, tasks);
}

void tasks_interrupt(struct tasks *tasks)
{
    MAP_FOREACH (&tasks->by_uuid, entry)
        ((struct task *)entry->value)->cancel = true;
}

void tasks_free(struct tasks *tasks)
{
    if (!tasks)
        return;
    registry_watch_free(tasks->watch);
    MAP_FOREACH (&tasks->by_object, entry)
        for (struct task *t = entry->value, *next; t; t = next) {
            next = t->next;
            task_free(t);
        }
    map_clear(&tasks->by_object);
    map_clear(&tasks->by_uuid);
    free(tasks);
}

const char *tasks_busy(struct tasks *tasks, const char *object_uuid)
{
    for (struct task *t = map_get(&tasks->by_object, object_uuid); t; t = t->next)
        if (!t->settle && !t->ended)
            return t->uuid;
    return NULL;
}

int tasks_check_free(struct tasks *tasks, const struct doc *object, struct err *e)
{
    const char *uuid = tasks_busy(tasks, object->uuid);
    if (!uuid)
        return 0;
    const struct task *t = map_get(&tasks->by_uuid, uuid);
    const struct task_spec *spec = t ? task_spec_of(t->doc) : NULL;
    err_set(e, ERR_BUSY, "%s %s is busy: task %s (%s) works on it", kind_singular(object->kind), object->name,
        uuid, spec ? spec->action : "");
    return err_hint(e, "wait until task %s has ended, or cancel it", uuid);
}

int tasks_cancel(struct tasks *tasks, const char *uuid, struct err *e)
{
    struct task *t = map_get(&tasks->by_uuid, uuid);
    if (!t || t->ended)
        return err_set(e, ERR_STATE, "task %s has ended already", uuid);
    t->cancel = true;
    return 0;
}

bool tasks_progress(struct tasks *tasks, const char *uuid, unsigned *ret_percent, char *ret_text, size_t size)
{
    struct task *t = map_get(&tasks->by_uuid, uuid);
    if (!t)
        return false;
    pthread_mutex_lock(&t->lock);
    *ret_percent = t->percent;
    ret_text[0] = '\0';
    if (t->log.len) {
        const char *end = t->log.data + t->log.len - 1, *line = end;
        while (line > t->log.data && line[-1] != '\n')
            line--;
        line += MIN_OF((size_t)(TIME_LEN + 1), (size_t)(end - line));
        snprintf(ret_text, size, "%.*s", (int)(end - line), line);
    }
    pthread_mutex_unlock(&t->lock);
    return true;
}

struct log_search {
    const char *uuid;
    char *found;
};

static void find_log(void *arg, const char *key, const char *value)
{
    struct log_search *search = arg;
    if (streq(key, search->uuid) && !search->found)
        search->found = mem_strdup(value);
}

char *tasks_log(struct tasks *tasks, const char *uuid)
{
    struct log_search search = {.uuid = uuid};
    registry_local_each(tasks->core->registry, "task_log", find_log, &search, NULL);
    return search.found ? search.found : mem_strdup("");
}

char *tasks_live_log(struct tasks *tasks, const char *uuid)
{
    struct task *t = map_get(&tasks->by_uuid, uuid);
    if (!t)
        return NULL;
    pthread_mutex_lock(&t->lock);
    char *log = mem_strdup(t->log.data ? t->log.data : "");
    pthread_mutex_unlock(&t->lock);
    return log;
}

size_t tasks_running(struct tasks *tasks)
{
    return tasks->by_uuid.count;
}

uint64_t tasks_generation(struct tasks *tasks)
{
    return tasks->generation;
}

void tasks_watch(struct tasks *tasks, void (*fn)(void *arg, const char *uuid), void *arg)
{
    tasks->progress_fn = fn;
    tasks->progress_arg = arg;
}
