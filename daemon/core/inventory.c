#include "core/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <time.h>

#include "base/log.h"
#include "base/map.h"
#include "core/guest_guard.h"
#include "core/guest_log.h"
#include "core/host_stat.h"
#include "core/leases.h"
#include "core/pools.h"
#include "core/views.h"

#define WATCHERS_MAX 8
#define N_DRIVERS    2

/* One for each driver and one for the host: a hypervisor that hangs holds up only its own guests' figures. */
struct poller {
    struct inventory *inv;
    int type; /* of guests; N_DRIVERS is the host itself */
    struct loop_timer *timer;
    bool polling, again;
};

struct inventory {
    struct core *core;
    pthread_mutex_t lock;   /* guards all down to notices_tail */
    pthread_cond_t changed; /* some state changed */
    struct map lives;       /* guest uuid → struct live */
    struct host_live host;
    uint64_t generation;
    unsigned polled;        /* bit per driver: it answered once */
    struct notice *notices; /* for the watchers, not delivered yet */
    struct notice **notices_tail;
    /* the host's poll only, which is never twice at work */
    struct host_stat_memory host_memory;
    /* loop thread only */
    inventory_fn *watch_fn[WATCHERS_MAX];
    void *watch_arg[WATCHERS_MAX];
    size_t n_watchers;
    struct poller pollers[N_DRIVERS + 1];
    struct loop_timer *lease_timer;
    bool leasing, lease_again;
    int inotify_fd;
    struct loop_watch *inotify;
    struct map lease_watches; /* directory → (void *)1 */
};

/* With the lock held. */
static struct live *live_of(struct inventory *inv, const char *uuid)
{
    struct live *l = map_get(&inv->lives, uuid);
    if (!l) {
        l = mem_new(struct live, 1);
        l->since_ms = clock_unix_ms(inv->core->clock);
        map_set(&inv->lives, uuid, l);
    }
    return l;
}

struct notice {
    struct notice *next;
    bool state_changed;
    bool host;
    char uuid[UUID_LEN + 1];
};

/* With the lock held: all that wait, in order. */
static struct notice *take_notices(struct inventory *inv)
{
    struct notice *list = inv->notices;
    inv->notices = NULL;
    inv->notices_tail = &inv->notices;
    return list;
}

static void deliver_notices(void *arg)
{
    struct inventory *inv = arg;
    pthread_mutex_lock(&inv->lock);
    struct notice *list = take_notices(inv);
    pthread_mutex_unlock(&inv->lock);
    for (struct notice *n = list, *next; n; n = next) {
        next = n->next;
        for (size_t i = 0; i < inv->n_watchers; i++)
            inv->watch_fn[i](inv->watch_arg[i], n->host ? NULL : n->uuid, n->state_changed);
        free(n);
    }
}

static void notify(struct inventory *inv, const char *uuid, bool state_changed)
{
    struct notice *n = mem_new(struct notice, 1);
    *n = (struct notice){.state_changed = state_changed, .host = !uuid};
    if (uuid)
        memcpy(n->uuid, uuid, sizeof(n->uuid));
    pthread_mutex_lock(&inv->lock);
    bool first = inv->notices == NULL;
    *inv->notices_tail = n;
    inv->notices_tail = &n->next;
    pthread_mutex_unlock(&inv->lock);
    if (first)
        loop_post(inv->core->loop, deliver_notices, inv);
}

/* With the lock held; true when the state is another one. */
static bool set_state(
    struct inventory *inv, struct live *l, enum guest_state state, enum guest_cause cause, const char *detail)
{
    if (l->state == state)
        return false;
    l->state = state;
    l->cause = cause;
    snprintf(l->detail, sizeof(l->detail), "%s", detail ? detail : "");
    l->since_ms = clock_unix_ms(inv->core->clock);
    l->changed_ms = clock_monotonic_ms(&clock_system);
    l->changes++;
    if (state == GUEST_STOPPED || state == GUEST_CRASHED) {
        l->sampled_ms = 0;
        l->cpu = l->disk_read = l->disk_write = l->disk_read_ops = l->disk_write_ops = l->net_rx = l->net_tx =
            0;
        l->sample = (struct guest_sample){0};
        l->leased = l->addresses = (struct guest_addresses){0};
    }
    inv->generation++;
    pthread_cond_broadcast(&inv->changed);
    return true;
}

void inventory_set(struct inventory *inv, const char *uuid, enum guest_state state, enum guest_cause cause,
    const char *detail)
{
    pthread_mutex_lock(&inv->lock);
    bool changed = set_state(inv, live_of(inv, uuid), state, cause, detail);
    pthread_mutex_unlock(&inv->lock);
    if (changed)
        notify(inv, uuid, true);
}

uint64_t inventory_changes(struct inventory *inv, const char *uuid)
{
    struct live live;
    inventory_get(inv, uuid, &live);
    return live.changes;
}

void inventory_set_since(
    struct inventory *inv, const char *uuid, uint64_t changes, enum guest_state state, enum guest_cause cause)
{
    pthread_mutex_lock(&inv->lock);
    struct live *l = live_of(inv, uuid);
    bool changed = l->changes == changes && set_state(inv, l, state, cause, NULL);
    pthread_mutex_unlock(&inv->lock);
    if (changed)
        notify(inv, uuid, true);
}

void inventory_forget(struct inventory *inv, const char *uuid)
{
    pthread_mutex_lock(&inv->lock);
    free(map_remove(&inv->lives, uuid));
    inv->generation++;
    pthread_mutex_unlock(&inv->lock);
}

void inventory_get(struct inventory *inv, const char *uuid, struct live *ret)
{
    pthread_mutex_lock(&inv->lock);
    const struct live *l = map_get(&inv->lives, uuid);
    if (l)
        *ret = *l;
    else
        *ret = (struct live){.state = GUEST_STOPPED};
    pthread_mutex_unlock(&inv->lock);
}

enum guest_state inventory_state(struct inventory *inv, const char *uuid)
{
    pthread_mutex_lock(&inv->lock);
    const struct live *l = map_get(&inv->lives, uuid);
    enum guest_state state = l ? l->state : GUEST_STOPPED;
    pthread_mutex_unlock(&inv->lock);
    return state;
}

void inventory_host(struct inventory *inv, struct host_live *ret)
{
    pthread_mutex_lock(&inv->lock);
    *ret = inv->host;
    pthread_mutex_unlock(&inv->lock);
}

uint64_t inventory_generation(struct inventory *inv)
{
    pthread_mutex_lock(&inv->lock);
    uint64_t g = inv->generation;
    pthread_mutex_unlock(&inv->lock);
    return g;
}

bool inventory_knows(struct inventory *inv, int type)
{
    pthread_mutex_lock(&inv->lock);
    bool knows = inv->polled & 1U << type;
    pthread_mutex_unlock(&inv->lock);
    return knows;
}

bool inventory_complete(struct inventory *inv)
{
    for (int type = 0; type < N_DRIVERS; type++)
        if (!inventory_knows(inv, type))
            return false;
    return true;
}

/* A guest that crashed has stopped, too. */
static bool is_in(const struct live *l, enum guest_state wanted)
{
    enum guest_state state = l ? l->state : GUEST_STOPPED;
    return state == wanted || (wanted == GUEST_STOPPED && state == GUEST_CRASHED);
}

int inventory_wait(struct inventory *inv, const char *uuid, enum guest_state state, uint64_t timeout_ms,
    const _Atomic bool *cancel, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + timeout_ms;
    int r = 0;
    pthread_mutex_lock(&inv->lock);
    for (;;) {
        if (is_in(map_get(&inv->lives, uuid), state))
            break;
        uint64_t now = clock_monotonic_ms(&clock_system);
        if (now >= until) {
            r = err_set(e, ERR_TIMEOUT, "the guest was not %s within %llu s", guest_state_name(state),
                (unsigned long long)((timeout_ms + 999) / 1000));
            break;
        }
        if (cancel && *cancel) {
            r = err_set(
                e, ERR_CANCELLED, "cancelled while waiting for the guest to be %s", guest_state_name(state));
            break;
        }
        uint64_t step = MIN_OF(until - now, UINT64_C(250)); /* the cancel flag has no condition of its own */
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_nsec += (long)(step % 1000) * 1000000;
        at.tv_sec += (time_t)(step / 1000) + at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&inv->changed, &inv->lock, &at);
    }
    pthread_mutex_unlock(&inv->lock);
    return r;
}

void inventory_watch(struct inventory *inv, inventory_fn *fn, void *arg)
{
    if (inv->n_watchers == WATCHERS_MAX)
        abort();
    inv->watch_fn[inv->n_watchers] = fn;
    inv->watch_arg[inv->n_watchers++] = arg;
}

/* ---- the bulk poll ---- */

struct poll_job {
    struct inventory *inv;
    struct guest_sample *samples;
    size_t n, cap;
    bool failed;
};

static void keep_sample(void *arg, const struct guest_sample *s)
{
    struct poll_job *job = arg;
    if (job->n == job->cap) {
        job->cap = job->cap ? job->cap * 2 : 64;
        job->samples = mem_resize(job->samples, job->cap, sizeof(*job->samples));
    }
    job->samples[job->n++] = *s;
}

static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now >= before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

/* With the lock held. */
static void take_figures(struct live *l, const struct guest_sample *s, uint64_t now_ms)
{
    const struct guest_sample *o = &l->sample;
    double seconds = l->sampled_ms ? (double)(now_ms - l->sampled_ms) / 1000 : 0;
    if (l->sampled_ms && seconds > 0) {
        l->cpu = rate(o->cpu_time_ns, s->cpu_time_ns, seconds) / 1e9;
        l->disk_read = rate(o->disk_read_bytes, s->disk_read_bytes, seconds);
        l->disk_write = rate(o->disk_write_bytes, s->disk_write_bytes, seconds);
        l->disk_read_ops = rate(o->disk_read_ops, s->disk_read_ops, seconds);
        l->disk_write_ops = rate(o->disk_write_ops, s->disk_write_ops, seconds);
        l->net_rx = rate(o->net_rx_bytes, s->net_rx_bytes, seconds);
        l->net_tx = rate(o->net_tx_bytes, s->net_tx_bytes, seconds);
    }
    l->sample = *s;
    l->sampled_ms = now_ms;
}

/* With the lock held; true when others are shown now. */
static bool take_addresses(struct inventory *inv, struct live *l)
{
    struct guest_addresses all = l->leased;
    for (size_t i = 0; i < l->sample.addresses.n; i++)
        guest_addresses_add(&all, l->sample.addresses.items[i]);
    bool changed = all.n != l->addresses.n;
    for (size_t i = 0; i < all.n && !changed; i++)
        changed = !streq(all.items[i], l->addresses.items[i]);
    l->addresses = all;
    inv->generation += changed;
    return changed;
}

/* Guests of this driver that a poll did not mention do not run any more. */
static void sweep_missing(struct inventory *inv, int type, const struct map *seen, uint64_t started_ms)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(inv->core->registry);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_spec *spec = guest_spec_of(d);
        if (!spec || spec->type != type || map_get(seen, d->uuid))
            continue;
        struct live live;
        inventory_get(inv, d->uuid, &live);
        if (live.state != GUEST_STOPPED && live.state != GUEST_CRASHED && live.changed_ms < started_ms)
            inventory_set(inv, d->uuid, GUEST_STOPPED, CAUSE_FAILED, "it was gone without a word");
    }
}

static void apply_samples(struct inventory *inv, int type, const struct poll_job *job, uint64_t started_ms)
{
    struct map seen = {0};
    uint64_t now = clock_monotonic_ms(&clock_system);
    for (size_t i = 0; i < job->n; i++) {
        const struct guest_sample *s = &job->samples[i];
        map_set(&seen, s->uuid, inv);
        pthread_mutex_lock(&inv->lock);
        struct live *l = live_of(inv, s->uuid);
        bool changed = l->changed_ms < started_ms && set_state(inv, l, s->state, s->cause, NULL);
        take_figures(l, s, now);
        bool moved = take_addresses(inv, l);
        pthread_mutex_unlock(&inv->lock);
        if (changed || moved || s->state == GUEST_RUNNING)
            notify(inv, s->uuid, changed || moved);
        /* Found running: it may have had its address before lodged started. */
        if (changed && s->state == GUEST_RUNNING)
            inventory_refresh_leases(inv);
    }
    sweep_missing(inv, type, &seen, started_ms);
    map_clear(&seen);
    pthread_mutex_lock(&inv->lock);
    inv->generation++;
    inv->polled |= 1U << type;
    pthread_mutex_unlock(&inv->lock);
}

static void poll_guests(struct inventory *inv, int type)
{
    struct poll_job job = {.inv = inv};
    struct err e;
    uint64_t started = clock_monotonic_ms(&clock_system);
    if (inv->core->drivers->guests[type]->poll(inv->core->guest_drivers[type], keep_sample, &job, &e) == 0)
        apply_samples(inv, type, &job, started);
    free(job.samples);
}

static void poll_host(struct inventory *inv)
{
    struct core *core = inv->core;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    pools_refresh(core->pools, s);
    guest_logs_trim(core);
    struct host_live host;
    host_stat_read(&inv->host_memory, &host);
    pthread_mutex_lock(&inv->lock);
    inv->host = host;
    pthread_mutex_unlock(&inv->lock);
    notify(inv, NULL, false);
}

static void poll_run(void *arg)
{
    struct poller *p = arg;
    if (p->type < N_DRIVERS)
        poll_guests(p->inv, p->type);
    else
        poll_host(p->inv);
}

static void poll_done(void *arg)
{
    struct poller *p = arg;
    p->polling = false;
    bool again = p->again;
    p->again = false;
    loop_timer_arm(p->timer, again ? 0 : POLL_INTERVAL_MS);
}

static void poll_start(void *arg)
{
    struct poller *p = arg;
    if (p->polling) {
        p->again = true;
        return;
    }
    p->polling = true;
    workers_submit(p->inv->core->io_workers, poll_run, poll_done, p);
}

static void refresh_posted(void *arg)
{
    struct inventory *inv = arg;
    for (size_t i = 0; i < ARRAY_SIZE(inv->pollers); i++)
        poll_start(&inv->pollers[i]);
}

void inventory_refresh(struct inventory *inv)
{
    loop_post(inv->core->loop, refresh_posted, inv);
}

/* ---- addresses, from the leases of the networks ---- */

/* Of the card with this MAC, on the network that the guest has it on; before a restart that is another. */
static const struct known_lease *lease_of(
    const struct lease_book *book, struct snapshot *s, const struct doc *guest, const char *mac)
{
    const struct guest_record *r = guest_record_of(guest);
    const struct guest_spec *spec = r->launched ? r->launched : guest_spec_of(guest);
    for (size_t i = 0; spec && i < spec->n_nics; i++) {
        const char *of = spec->nics[i].mac;
        for (size_t k = 0; k < r->n_nics && !of; k++)
            if (streq(r->nics[k].name, spec->nics[i].name))
                of = r->nics[k].mac;
        const struct doc *network = snapshot_by_name(s, KIND_NETWORK, spec->nics[i].network);
        if (of && network && streq(of, mac))
            return lease_book_find(book, network->uuid, mac);
    }
    return NULL;
}

/* Private records say which address belongs to which guest. */
static void apply_leases(struct inventory *inv, const struct lease_book *book, struct snapshot *s)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_record *record = guest_record_of(d);
        enum guest_state state = inventory_state(inv, d->uuid);
        struct guest_addresses leased = {0};
        for (size_t i = 0; record && i < record->n_nics; i++) {
            const struct known_lease *known = lease_of(book, s, d, record->nics[i].mac);
            if (known)
                guest_addresses_add(&leased, known->lease.address);
        }
        if (state == GUEST_STOPPED || state == GUEST_CRASHED)
            continue; /* a lease outlives its guest */
        pthread_mutex_lock(&inv->lock);
        struct live *l = live_of(inv, d->uuid);
        l->leased = leased;
        bool changed = take_addresses(inv, l);
        pthread_mutex_unlock(&inv->lock);
        if (changed)
            notify(inv, d->uuid, true);
    }
}

static void lease_run(void *arg)
{
    struct inventory *inv = arg;
    struct core *core = inv->core;
    struct lease_book book;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    lease_book_read(core, s, &book);
    guest_guard_refresh(core, &book); /* first: who sees an address may use it */
    apply_leases(inv, &book, s);
    lease_book_clear(&book);
}

/* New lease folders are watched as networks come; a folder that does not exist yet is tried again
 * with the next refresh. */
static void watch_lease_dirs(struct inventory *inv)
{
    struct core *core = inv->core;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_NETWORK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct network_spec *spec = network_spec_of(d);
        const struct net_ops *ops = spec ? core->drivers->networks[spec->kind] : NULL;
        struct net_config config = {.uuid = d->uuid, .name = d->name};
        char dir[512];
        if (!ops || !ops->lease_dir ||
            ops->lease_dir(core->net_drivers[spec->kind], &config, dir, sizeof(dir)) < 0)
            continue;
        if (map_get(&inv->lease_watches, dir))
            continue;
        if (inotify_add_watch(inv->inotify_fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MODIFY) >= 0)
            map_set(&inv->lease_watches, dir, inv);
    }
}

static void lease_done(void *arg)
{
    struct inventory *inv = arg;
    inv->leasing = false;
    watch_lease_dirs(inv);
    if (inv->lease_again)
        loop_timer_arm(inv->lease_timer, 20);
    inv->lease_again = false;
}

static void lease_start(void *arg)
{
    struct inventory *inv = arg;
    if (inv->leasing) {
        inv->lease_again = true;
        return;
    }
    inv->leasing = true;
    workers_submit(inv->core->io_workers, lease_run, lease_done, inv);
}

static void on_inotify(void *arg, uint32_t events)
{
    struct inventory *inv = arg;
    char drop[4096];
    (void)events;
    while (read(inv->inotify_fd, drop, sizeof(drop)) > 0)
        ;
    loop_timer_arm(inv->lease_timer, 20); /* dnsmasq writes a file in several steps */
}

static void leases_posted(void *arg)
{
    struct inventory *inv = arg;
    loop_timer_arm(inv->lease_timer, 20);
}

void inventory_refresh_leases(struct inventory *inv)
{
    loop_post(inv->core->loop, leases_posted, inv);
}

/* ---- life ---- */

struct inventory *inventory_new(struct core *core)
{
    struct inventory *inv = mem_new(struct inventory, 1);
    inv->core = core;
    inv->notices_tail = &inv->notices;
    pthread_mutex_init(&inv->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&inv->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (int i = 0; i <= N_DRIVERS; i++) {
        struct poller *p = &inv->pollers[i];
        *p = (struct poller){.inv = inv, .type = i};
        p->timer = loop_timer_new(core->loop, poll_start, p);
    }
    inv->lease_timer = loop_timer_new(core->loop, lease_start, inv);
    inv->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (inv->inotify_fd >= 0)
        inv->inotify = loop_watch_fd(core->loop, inv->inotify_fd, EPOLLIN, on_inotify, inv);
    return inv;
}

void inventory_start(struct inventory *inv)
{
    refresh_posted(inv);
    loop_timer_arm(inv->lease_timer, 0);
}

void inventory_free(struct inventory *inv)
{
    if (!inv)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(inv->pollers); i++)
        loop_timer_free(inv->pollers[i].timer);
    loop_timer_free(inv->lease_timer);
    loop_unpost(inv->core->loop, deliver_notices, inv);
    for (struct notice *n = inv->notices, *next; n; n = next) {
        next = n->next;
        free(n);
    }
    loop_watch_free(inv->inotify);
    close_p(&inv->inotify_fd);
    MAP_FOREACH (&inv->lives, entry)
        free(entry->value);
    map_clear(&inv->lives);
    map_clear(&inv->lease_watches);
    pthread_cond_destroy(&inv->changed);
    pthread_mutex_destroy(&inv->lock);
    free(inv);
}
