#include "core/network_keeper.h"

#include <pthread.h>

#include "base/map.h"
#include "core/network.h"

#define STEADY_MS    10000 /* who ran this long did not die of its start */
#define PAUSE_MS     1000  /* before the second start in a row; then twice as long each time */
#define PAUSE_MAX_MS 60000

/* Loop thread only. */
struct kept {
    struct network_keeper *keeper;
    char uuid[UUID_LEN + 1];
    int pidfd; /* -1 while nothing runs */
    struct loop_watch *watch;
    struct loop_timer *timer;
    uint64_t started_ms; /* monotonic */
    unsigned failures;   /* in a row */
};

/* A call from another thread. */
struct call {
    struct call *next;
    char uuid[UUID_LEN + 1];
    int pidfd; /* -1: again in a while */
};

struct network_keeper {
    struct core *core;
    struct map by_uuid; /* network uuid → struct kept; loop thread only */
    pthread_mutex_t lock;
    struct call *calls, **tail; /* guarded by the lock */
};

static void forget_process(struct kept *n)
{
    loop_watch_free(TAKE_PTR(n->watch));
    if (n->pidfd >= 0)
        close(TAKE_FD(n->pidfd));
}

static void kept_free(struct kept *n)
{
    forget_process(n);
    loop_timer_free(n->timer);
    free(n);
}

/* As a job of the network's own queue: while a task changes or removes the network, it waits. */
static void repair(void *arg)
{
    struct kept *n = arg;
    struct core *core = n->keeper->core;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    if (snapshot_by_uuid(s, KIND_NETWORK, n->uuid)) {
        tasks_settle(core->tasks, n->uuid, network_repair);
        return;
    }
    map_remove(&n->keeper->by_uuid, n->uuid);
    kept_free(n);
}

static void plan_repair(struct kept *n)
{
    uint64_t now = clock_monotonic_ms(&clock_system), pause = 0;
    if (n->started_ms && now - n->started_ms >= STEADY_MS)
        n->failures = 0;
    if (n->failures)
        pause = MIN_OF((uint64_t)PAUSE_MS << MIN_OF(n->failures - 1, 6U), (uint64_t)PAUSE_MAX_MS);
    n->failures++;
    n->started_ms = 0;
    loop_timer_arm(n->timer, pause);
}

static void on_end(void *arg, uint32_t events)
{
    struct kept *n = arg;
    (void)events;
    forget_process(n);
    plan_repair(n);
}

static struct kept *kept_of(struct network_keeper *k, const char *uuid)
{
    struct kept *n = map_get(&k->by_uuid, uuid);
    if (n)
        return n;
    n = mem_new(struct kept, 1);
    *n = (struct kept){.keeper = k, .pidfd = -1};
    memcpy(n->uuid, uuid, UUID_LEN);
    n->timer = loop_timer_new(k->core->loop, repair, n);
    map_set(&k->by_uuid, uuid, n);
    return n;
}

static void take_call(struct network_keeper *k, const struct call *c)
{
    struct kept *n = kept_of(k, c->uuid);
    forget_process(n);
    loop_timer_disarm(n->timer);
    if (c->pidfd < 0) {
        plan_repair(n);
        return;
    }
    n->pidfd = c->pidfd;
    n->started_ms = clock_monotonic_ms(&clock_system);
    n->watch = loop_watch_fd(k->core->loop, n->pidfd, EPOLLIN, on_end, n);
}

static struct call *take_calls(struct network_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    struct call *list = k->calls;
    k->calls = NULL;
    k->tail = &k->calls;
    pthread_mutex_unlock(&k->lock);
    return list;
}

static void deliver(void *arg)
{
    struct network_keeper *k = arg;
    for (struct call *c = take_calls(k), *next; c; c = next) {
        next = c->next;
        take_call(k, c);
        free(c);
    }
}

static void enqueue(struct network_keeper *k, const char *uuid, int pidfd)
{
    struct call *c = mem_new(struct call, 1);
    *c = (struct call){.pidfd = pidfd};
    memcpy(c->uuid, uuid, UUID_LEN);
    pthread_mutex_lock(&k->lock);
    bool first = !k->calls;
    *k->tail = c;
    k->tail = &c->next;
    pthread_mutex_unlock(&k->lock);
    if (first)
        loop_post(k->core->loop, deliver, k);
}

void network_keeper_watch(struct network_keeper *k, const char *uuid, int pidfd)
{
    enqueue(k, uuid, pidfd);
}

void network_keeper_again(struct network_keeper *k, const char *uuid)
{
    enqueue(k, uuid, -1);
}

struct network_keeper *network_keeper_new(struct core *core)
{
    struct network_keeper *k = mem_new(struct network_keeper, 1);
    k->core = core;
    k->tail = &k->calls;
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

void network_keeper_free(struct network_keeper *k)
{
    if (!k)
        return;
    loop_unpost(k->core->loop, deliver, k);
    for (struct call *c = take_calls(k), *next; c; c = next) {
        next = c->next;
        close_p(&c->pidfd);
        free(c);
    }
    MAP_FOREACH (&k->by_uuid, entry)
        kept_free(entry->value);
    map_clear(&k->by_uuid);
    pthread_mutex_destroy(&k->lock);
    free(k);
}
