/* The registry's front: proposing, waiting, and delivering to watches on the loop's thread. Deciding
 * and writing are the writer's thread's; order and durability are the replica's. */
#include "registry/registry.h"

#include <pthread.h>
#include <stdatomic.h>

#include "registry/replica_ops.h"
#include "registry/writer.h"

/* A thread that waits in registry_commit; on its stack. */
struct waiter {
    struct waiter *next;
    pthread_cond_t done_cond;
    bool done;
    uint64_t revision;
    bool failed;
    struct err error;
};

struct proposal {
    struct entry entry;
    uint8_t *data;
    commit_fn *fn;
    void *arg;
    struct waiter *waiter;
};

struct registry_watch {
    struct registry_watch *next;
    struct registry *registry;
    watch_fn *fn; /* NULL once it was freed during a delivery */
    void *arg;
    uint64_t since; /* the state that its owner could see already */
};

/* What a posted call finds, even when the registry was closed meanwhile. */
struct mailbox {
    struct registry *registry;
};

struct registry {
    struct loop *loop;
    pthread_t loop_thread;
    struct registry_options options;
    char *path;
    struct store *store;
    struct writer *writer;
    const struct replica_ops *replica_ops;
    void *replica;
    atomic_bool closing;

    /* The loop's thread only: */
    struct snapshot *published; /* what the watches have seen */
    struct registry_watch *watches;
    bool delivering;

    pthread_mutex_t lock; /* guards all below */
    struct snapshot *newest;
    struct outcome *undelivered;
    struct outcome **undelivered_tail;
    struct mailbox *posted; /* NULL when no delivery is posted */
};

/* ---- delivery ---- */

static bool on_loop(const struct registry *r)
{
    return pthread_equal(pthread_self(), r->loop_thread);
}

static void tell_watches(struct registry *r, const struct commit *commit)
{
    for (struct registry_watch *w = r->watches; w; w = w->next)
        if (w->fn && w->since < commit->revision)
            w->fn(w->arg, commit);
}

static void sweep_watches(struct registry *r)
{
    for (struct registry_watch **at = &r->watches; *at;) {
        struct registry_watch *w = *at;
        if (w->fn) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        free(w);
    }
}

static void deliver_one(struct registry *r, struct outcome *o)
{
    struct proposal *p = o->entry->origin;
    if (o->applied.after) {
        snapshot_unref(r->published);
        r->published = snapshot_ref(o->applied.after);
        struct commit commit = {.revision = o->revision,
            .changes = o->applied.changes,
            .n_changes = o->applied.n_changes,
            .snapshot = r->published};
        tell_watches(r, &commit);
    }
    if (p && p->fn) {
        struct commit_result result = {.revision = o->revision, .error = o->error};
        p->fn(p->arg, &result);
    }
    o->entry->applied(o->entry);
    outcome_free(o);
}

static struct outcome *take_undelivered(struct registry *r)
{
    pthread_mutex_lock(&r->lock);
    struct outcome *list = r->undelivered;
    r->undelivered = NULL;
    r->undelivered_tail = &r->undelivered;
    pthread_mutex_unlock(&r->lock);
    return list;
}

static void deliver(struct registry *r)
{
    if (r->delivering)
        return; /* further up on this stack: it goes on until nothing is left */
    r->delivering = true;
    for (struct outcome *o = take_undelivered(r); o; o = take_undelivered(r))
        for (struct outcome *next; o; o = next) {
            next = o->next;
            deliver_one(r, o);
        }
    sweep_watches(r);
    r->delivering = false;
}

static void run_posted(void *arg)
{
    struct mailbox *m = arg;
    struct registry *r = m->registry;
    free(m);
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->posted = NULL;
    pthread_mutex_unlock(&r->lock);
    deliver(r);
}

/* Moves the list to the loop. */
static void hand_over(struct registry *r, struct outcome *list, struct snapshot *newest)
{
    pthread_mutex_lock(&r->lock);
    if (newest) {
        snapshot_unref(r->newest);
        r->newest = snapshot_ref(newest);
    }
    *r->undelivered_tail = list;
    while (*r->undelivered_tail)
        r->undelivered_tail = &(*r->undelivered_tail)->next;
    if (!r->posted && !r->closing) {
        r->posted = mem_new(struct mailbox, 1);
        r->posted->registry = r;
        loop_post(r->loop, run_posted, r->posted);
    }
    pthread_mutex_unlock(&r->lock);
}

/* Their results are filled in before the loop may free the outcomes. */
static struct waiter *collect_waiters(struct outcome *list)
{
    struct waiter *waiters = NULL;
    for (struct outcome *o = list; o; o = o->next) {
        struct proposal *p = o->entry->origin;
        if (!p || !p->waiter)
            continue;
        p->waiter->next = waiters;
        waiters = p->waiter;
        waiters->revision = o->revision;
        waiters->failed = o->error != NULL;
        if (o->error)
            waiters->error = *o->error;
    }
    return waiters;
}

static void on_settled(void *arg, struct outcome *list, struct snapshot *newest)
{
    struct registry *r = arg;
    struct waiter *waiters = collect_waiters(list);
    hand_over(r, list, newest);
    pthread_mutex_lock(&r->lock);
    for (struct waiter *w = waiters, *next; w; w = next) {
        next = w->next;
        w->done = true;
        pthread_cond_signal(&w->done_cond);
    }
    pthread_mutex_unlock(&r->lock);
}

static void on_committed(void *arg, struct position first, struct entry *const *entries, size_t n)
{
    struct registry *r = arg;
    for (size_t i = 0; i < n; i++, first.index++)
        writer_entry(r->writer, entries[i], first);
}

/* ---- proposing ---- */

static void proposal_free(struct entry *entry)
{
    struct proposal *p = container_of(entry, struct proposal, entry);
    free(p->data);
    free(p);
}

static void propose(struct registry *r, struct txn *t, struct proposal *p)
{
    struct err e;
    p->entry.applied = proposal_free;
    p->entry.origin = p;
    p->entry.frees_room = txn_is_freeing(t);
    int result = txn_check(t, &e);
    if (result == 0) {
        p->data = txn_encode(t, &p->entry.len);
        p->entry.data = p->data;
        result = r->closing ? err_set(&e, ERR_UNAVAILABLE, "Lodge is shutting down")
                            : r->replica_ops->propose(r->replica, &p->entry, &e);
    }
    txn_free(t);
    if (result < 0)
        on_settled(r, outcome_refused(&p->entry, &e), NULL);
}

void registry_propose(struct registry *r, struct txn *t, commit_fn *fn, void *arg)
{
    struct proposal *p = mem_new(struct proposal, 1);
    p->fn = fn;
    p->arg = arg;
    propose(r, t, p);
}

int registry_commit(struct registry *r, struct txn *t, uint64_t *ret_revision, struct err *e)
{
    struct waiter waiter = {0};
    pthread_cond_init(&waiter.done_cond, NULL);
    struct proposal *p = mem_new(struct proposal, 1);
    p->waiter = &waiter;
    propose(r, t, p);
    pthread_mutex_lock(&r->lock);
    while (!waiter.done)
        pthread_cond_wait(&waiter.done_cond, &r->lock);
    pthread_mutex_unlock(&r->lock);
    pthread_cond_destroy(&waiter.done_cond);
    if (on_loop(r))
        deliver(r);
    if (waiter.failed) {
        if (e)
            *e = waiter.error;
        return -1;
    }
    if (ret_revision)
        *ret_revision = waiter.revision;
    return 0;
}

struct snapshot *registry_snapshot(struct registry *r)
{
    if (on_loop(r))
        return snapshot_ref(r->published);
    pthread_mutex_lock(&r->lock);
    struct snapshot *s = snapshot_ref(r->newest);
    pthread_mutex_unlock(&r->lock);
    return s;
}

/* ---- watches ---- */

struct registry_watch *registry_watch(struct registry *r, watch_fn *fn, void *arg)
{
    struct registry_watch *w = mem_new(struct registry_watch, 1);
    *w = (struct registry_watch){
        .registry = r, .fn = fn, .arg = arg, .since = snapshot_revision(r->published)};
    struct registry_watch **at = &r->watches;
    while (*at)
        at = &(*at)->next;
    *at = w;
    return w;
}

void registry_watch_free(struct registry_watch *w)
{
    if (!w)
        return;
    w->fn = NULL;
    if (!w->registry->delivering)
        sweep_watches(w->registry);
}

/* ---- local values ---- */

void registry_local_put(struct registry *r, const char *table, const char *key, const char *value)
{
    writer_local(r->writer, table, key, value);
}

int registry_local_each(struct registry *r, const char *table, local_fn *fn, void *arg, struct err *e)
{
    writer_flush(r->writer);
    return store_local_each(&r->options, table, fn, arg, e);
}

/* ---- life ---- */

static int start(struct registry *r, struct err *e)
{
    struct dedup ids = {0};
    struct position applied;
    _cleanup_snapshot_ struct snapshot *loaded = snapshot_new();
    if (store_open(&r->options, &r->store, e) < 0)
        return -1;
    if (store_load(r->store, loaded, &ids, &applied, e) < 0) {
        dedup_clear(&ids);
        return err_prefix(e, "%s", r->path);
    }
    r->published = snapshot_ref(loaded);
    r->newest = snapshot_ref(loaded);
    _cleanup_free_ char *reserve = mem_printf("%s.reserve", r->path);
    r->writer = writer_start(
        r->store, reserve_open(reserve, r->options.reserve_bytes), TAKE_PTR(loaded), ids, on_settled, r);
    struct replica_events events = {.committed = on_committed, .arg = r};
    r->replica_ops = &replica_solo;
    return r->replica_ops->open(&events, applied, &r->replica, e);
}

int registry_open(const struct registry_options *options, struct registry **ret, struct err *e)
{
    _cleanup_(registry_close) struct registry *r = mem_new(struct registry, 1);
    r->loop = options->loop;
    r->loop_thread = pthread_self();
    r->path = mem_strdup(options->path);
    r->options = *options;
    r->options.path = r->path;
    r->undelivered_tail = &r->undelivered;
    pthread_mutex_init(&r->lock, NULL);
    if (start(r, e) < 0)
        return -1;
    *ret = TAKE_PTR(r);
    return 0;
}

void registry_close(struct registry *r)
{
    if (!r)
        return;
    r->closing = true;
    if (r->replica)
        r->replica_ops->close(r->replica);
    writer_stop(r->writer);
    deliver(r);
    if (r->posted && loop_unpost(r->loop, run_posted, r->posted))
        free(r->posted);
    else if (r->posted)
        r->posted->registry = NULL; /* its turn has begun: it frees itself */
    while (r->watches) {
        r->watches->fn = NULL;
        sweep_watches(r);
    }
    snapshot_unref(r->published);
    snapshot_unref(r->newest);
    store_close(r->store);
    pthread_mutex_destroy(&r->lock);
    free(r->path);
    free(r);
}
