/* Group commit. While one commit waits for the disk, the next group gathers in the queue. */
#include "registry/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define LINGER_MS 20 /* local values alone wait this long for company: they are many and not urgent */
#define IDLE_MS   50 /* without work for this long: time to tidy up */

enum item_type { ITEM_ENTRY, ITEM_LOCAL, ITEM_BARRIER };

struct item {
    struct item *next;
    enum item_type type;
    struct position position;
    struct entry *entry;
    char *table, *key, *value; /* owned */
    bool *passed;              /* of a barrier: set under the lock */
};

struct writer {
    struct store *store;
    struct reserve *reserve; /* the thread's */
    settled_fn *fn;
    void *arg;
    pthread_t thread;

    /* Only the thread's: */
    struct snapshot *newest;
    struct dedup ids;
    bool scarce; /* some of the reserve is given up: only what frees room is written */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    pthread_cond_t passed;
    struct item *queue;
    struct item **tail;
    size_t urgent; /* items in the queue that somebody waits for */
    bool stopping;
};

void outcome_free(struct outcome *o)
{
    applied_clear(&o->applied);
    free(o->error);
    free(o);
}

struct outcome *outcome_refused(struct entry *entry, const struct err *e)
{
    struct outcome *o = mem_new(struct outcome, 1);
    o->entry = entry;
    o->error = mem_dup(e, sizeof(*e));
    return o;
}

/* ---- one group ---- */

struct group {
    struct writer *w;
    struct snapshot *state; /* after the transactions so far; owned */
    struct outcome *list;
    struct outcome **tail;
    bool begun;
};

static void item_free(struct item *item)
{
    free(item->table);
    free(item->key);
    free(item->value);
    free(item);
}

static int begin_once(struct group *g, struct err *e)
{
    if (!g->begun && store_begin(g->w->store, e) < 0)
        return -1;
    g->begun = true;
    return 0;
}

static int write_applied(
    struct group *g, const struct item *item, const char *id, struct outcome *o, struct err *e)
{
    uint64_t revision = snapshot_revision(g->state) + 1;
    if (begin_once(g, e) < 0 || store_write(g->w->store, revision, item->position, id, o->applied.changes,
                                    o->applied.n_changes, e) < 0)
        return -1;
    if (id)
        dedup_add(&g->w->ids, id, revision);
    snapshot_unref(g->state);
    g->state = snapshot_ref(o->applied.after);
    o->revision = revision;
    return 0;
}

static void refuse_scarce(struct err *e)
{
    err_set(e, ERR_NO_SPACE, "cannot write the configuration: the disk that holds it is full");
    err_hint(e, "what is kept back for this lets you stop guests and delete them, volumes and images "
                "(?purge=true frees at once); or free space on the file system of Lodge's state directory");
}

/* A refusal is an outcome; -1 means that the database failed. */
static int add_entry(struct group *g, const struct item *item, struct err *e)
{
    struct txn_reader reader;
    struct err refusal;
    struct outcome *o = mem_new(struct outcome, 1);
    o->entry = item->entry;
    *g->tail = o;
    g->tail = &o->next;
    uint64_t revision = snapshot_revision(g->state);
    if (g->w->scarce && !item->entry->frees_room)
        refuse_scarce(&refusal);
    else if (txn_reader_init(&reader, item->entry->data, item->entry->len, &refusal) == 0) {
        uint64_t done = reader.id ? dedup_find(&g->w->ids, reader.id) : 0;
        o->revision = done ? done : revision;
        if (done)
            return 0;
        if (apply_txn(g->state, &reader, revision + 1, &o->applied, &refusal) == 0)
            return o->applied.after ? write_applied(g, item, reader.id, o, e) : 0;
    }
    o->revision = 0;
    o->error = mem_dup(&refusal, sizeof(refusal));
    return 0;
}

static int add_item(struct group *g, const struct item *item, struct err *e)
{
    switch (item->type) {
    case ITEM_ENTRY: return add_entry(g, item, e);
    case ITEM_LOCAL:
        return begin_once(g, e) < 0 ? -1
                                    : store_write_local(g->w->store, item->table, item->key, item->value, e);
    case ITEM_BARRIER: break;
    }
    return 0;
}

static void abandon(struct group *g)
{
    if (g->begun)
        store_rollback(g->w->store);
    dedup_undo(&g->w->ids, snapshot_revision(g->w->newest));
    snapshot_unref(g->state);
    for (struct outcome *o = g->list, *next; o; o = next) {
        next = o->next;
        outcome_free(o);
    }
}

static void settle(struct writer *w, struct group *g)
{
    snapshot_unref(w->newest);
    w->newest = g->state;
    dedup_prune(&w->ids, snapshot_revision(w->newest));
    if (g->list)
        w->fn(w->arg, g->list, w->newest);
}

/* All of them become durable, or none does and nothing has changed. */
static int commit_group(struct writer *w, const struct item *first, size_t n, struct err *e)
{
    struct group g = {.w = w, .state = snapshot_ref(w->newest)};
    g.tail = &g.list;
    const struct item *item = first;
    for (size_t i = 0; i < n; i++, item = item->next)
        if (add_item(&g, item, e) < 0) {
            abandon(&g);
            return -1;
        }
    if (g.begun && store_commit(w->store, e) < 0) {
        abandon(&g);
        return -1;
    }
    settle(w, &g);
    return 0;
}

/* What frees room gets what is kept back for it. -1: `e` stands. */
static int commit_with_reserve(struct writer *w, const struct item *item, struct err *e)
{
    while (e->code == ERR_NO_SPACE) {
        if (item->type != ITEM_ENTRY || !item->entry->frees_room || !reserve_give(w->reserve))
            return -1;
        w->scarce = true;
        if (commit_group(w, item, 1, e) == 0)
            return 0;
    }
    return -1;
}

/* A group that fails is tried one by one: only those fail that cannot be written, because the disk is
 * full for them. A local value that fails is lost. */
static void commit_all(struct writer *w, const struct item *items, size_t n)
{
    struct err e = {0};
    w->scarce = w->scarce && !reserve_whole(w->reserve);
    if (commit_group(w, items, n, &e) == 0)
        return;
    for (const struct item *item = items; item; item = item->next)
        if ((n == 1 || commit_group(w, item, 1, &e) < 0) && commit_with_reserve(w, item, &e) < 0 &&
            item->type == ITEM_ENTRY)
            w->fn(w->arg, outcome_refused(item->entry, &e), w->newest);
}

/* ---- the thread ---- */

static struct timespec in_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* With the lock held: true when that time passed with nothing urgent coming. */
static bool wait_quiet(struct writer *w, long ms)
{
    struct timespec until = in_ms(ms);
    bool had_queue = w->queue != NULL;
    while (!w->urgent && !w->stopping && had_queue == (w->queue != NULL))
        if (pthread_cond_timedwait(&w->work, &w->lock, &until) == ETIMEDOUT)
            return true;
    return false;
}

/* With the lock held: waits for a group to commit; NULL when it is time to end. */
static struct item *take_group(struct writer *w)
{
    bool tidy = false;
    while (!w->urgent && !w->stopping) {
        if (w->queue) {
            if (wait_quiet(w, LINGER_MS))
                break;
        } else if (!tidy) {
            if (!wait_quiet(w, IDLE_MS))
                continue;
            pthread_mutex_unlock(&w->lock);
            store_tidy(w->store, true);
            pthread_mutex_lock(&w->lock);
            tidy = true;
        } else {
            pthread_cond_wait(&w->work, &w->lock);
        }
    }
    struct item *items = w->queue;
    w->queue = NULL;
    w->tail = &w->queue;
    w->urgent = 0;
    return items;
}

/* With the lock held. */
static void finish_items(struct writer *w, struct item *items)
{
    for (struct item *item = items, *next; item; item = next) {
        next = item->next;
        if (item->type == ITEM_BARRIER) {
            *item->passed = true;
            pthread_cond_broadcast(&w->passed);
        }
        item_free(item);
    }
}

static void *run(void *arg)
{
    struct writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (struct item *items; (items = take_group(w));) {
        pthread_mutex_unlock(&w->lock);
        size_t n = 0;
        for (struct item *item = items; item; item = item->next)
            n++;
        commit_all(w, items, n);
        store_tidy(w->store, false);
        pthread_mutex_lock(&w->lock);
        finish_items(w, items);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct writer *writer_start(struct store *store, struct reserve *reserve, struct snapshot *start,
    struct dedup ids, settled_fn *fn, void *arg)
{
    struct writer *w = mem_new(struct writer, 1);
    w->store = store;
    w->reserve = reserve;
    w->scarce = reserve_is_part(reserve);
    w->newest = start;
    w->ids = ids;
    w->fn = fn;
    w->arg = arg;
    w->tail = &w->queue;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &monotonic);
    pthread_cond_init(&w->passed, NULL);
    pthread_condattr_destroy(&monotonic);
    sigset_t all, old; /* signals stay with the loop's thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort(); /* at start-up, without threads: nothing can work */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return w;
}

void writer_stop(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    snapshot_unref(w->newest);
    dedup_clear(&w->ids);
    reserve_close(w->reserve);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->passed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void enqueue_locked(struct writer *w, struct item *item)
{
    *w->tail = item;
    w->tail = &item->next;
    w->urgent += item->type != ITEM_LOCAL;
    pthread_cond_signal(&w->work);
}

static void enqueue(struct writer *w, struct item *item)
{
    pthread_mutex_lock(&w->lock);
    enqueue_locked(w, item);
    pthread_mutex_unlock(&w->lock);
}

void writer_entry(struct writer *w, struct entry *entry, struct position position)
{
    struct item *item = mem_new(struct item, 1);
    *item = (struct item){.type = ITEM_ENTRY, .entry = entry, .position = position};
    enqueue(w, item);
}

void writer_local(struct writer *w, const char *table, const char *key, const char *value)
{
    struct item *item = mem_new(struct item, 1);
    *item = (struct item){
        .type = ITEM_LOCAL, .table = mem_strdup(table), .key = mem_strdup(key), .value = mem_strdup(value)};
    enqueue(w, item);
}

void writer_flush(struct writer *w)
{
    bool passed = false;
    struct item *item = mem_new(struct item, 1);
    *item = (struct item){.type = ITEM_BARRIER, .passed = &passed};
    pthread_mutex_lock(&w->lock);
    enqueue_locked(w, item);
    while (!passed)
        pthread_cond_wait(&w->passed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}
