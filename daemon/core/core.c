#include "core/core.h"

#include "auth/secret.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/console_mux.h"
#include "core/guest.h"
#include "core/guest_guard.h"
#include "core/host_stat.h"
#include "core/id_range.h"
#include "core/network.h"
#include "core/network_keeper.h"
#include "core/orphan.h"
#include "core/pools.h"
#include "core/task.h"
#include "core/upload.h"

#define TASK_THREADS    64
#define IO_THREADS      8
#define CONSOLE_THREADS 8
#define MINUTE_MS       60000

static void tidy_run(void *arg)
{
    struct core *core = arg;
    orphans_retry(core);
}

static void tidy_posted(void *arg)
{
    struct core *core = arg;
    if (core->watch && !core->closing)
        workers_submit(core->io_workers, tidy_run, NULL, core);
}

void core_guest_event(void *arg, const struct guest_event *event)
{
    struct core *core = arg;
    if (!core->inventory)
        return;
    if (!event->uuid[0]) {
        inventory_refresh(core->inventory);
        /* What could not be undone without the driver can be now. */
        if (event->state != GUEST_UNKNOWN)
            loop_post(core->loop, tidy_posted, core);
        return;
    }
    inventory_set(core->inventory, event->uuid, event->state, event->cause, event->detail);
}

static int open_drivers(struct core *core, struct err *e)
{
    struct guest_driver_options guest = {
        .state_dir = core->state_dir,
        .instance = core->instance,
        .helper_dir = core->helper_dir,
        .event = core_guest_event,
        .event_arg = core,
    };
    struct net_options net = {.state_dir = core->state_dir, .instance = core->instance};
    for (size_t i = 0; i < ARRAY_SIZE(core->guest_drivers); i++)
        if (core->drivers->guests[i]->open(&guest, &core->guest_drivers[i], e) < 0)
            return err_prefix(e, "driver %s", core->drivers->guests[i]->name);
    for (size_t i = 0; i < core->drivers->n_networks; i++)
        if (core->drivers->networks[i]->open(&net, &core->net_drivers[i], e) < 0)
            return err_prefix(e, "network driver %s", core->drivers->networks[i]->kind);
    if (core->drivers->guard->open(&net, &core->guard_driver, e) < 0)
        return err_prefix(e, "packet rules");
    return 0;
}

/* Networks that a reboot or a stranger took away come back before guests need them. */
static void bring_up(void *arg)
{
    struct core *core = arg;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_NETWORK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        struct err e;
        if (network_ensure(core, d, &e) < 0)
            log_warning("%s", e.detail);
    }
    pools_refresh(core->pools, s);
}

static void every_minute(void *arg)
{
    struct core *core = arg;
    volumes_purge_expired(core);
    uploads_sweep(core->uploads);
    workers_submit(core->io_workers, tidy_run, NULL, core);
    loop_timer_arm(core->minute_timer, MINUTE_MS);
}

/* Forgets what was kept of guests and pools that are gone. */
static void on_commit(void *arg, const struct commit *commit)
{
    struct core *core = arg;
    for (size_t i = 0; i < commit->n_changes; i++) {
        const struct doc *before = commit->changes[i].before;
        const struct doc *guest = commit->changes[i].after ? commit->changes[i].after : before;
        if (guest && guest->kind == KIND_GUEST)
            id_range_settled(core, guest->uuid);
        if (commit->changes[i].after || !before)
            continue;
        if (before->kind == KIND_GUEST)
            inventory_forget(core->inventory, before->uuid);
        else if (before->kind == KIND_POOL)
            pools_drop(core->pools, before->uuid);
    }
}

static int make_folders(struct core *core, struct err *e)
{
    static const struct {
        const char *name;
        mode_t mode;
    } folders[] = {{"run", 0755}, {"log", 0755}, {"images", 0700}, {"pools", 0755}, {"metrics", 0755}};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        _cleanup_free_ char *path = mem_printf("%s/%s", core->state_dir, folders[i].name);
        if (fs_mkdir_all(path, folders[i].mode, e) < 0)
            return -1;
    }
    return 0;
}

int core_open(const struct core_options *o, struct core **ret, struct err *e)
{
    struct core *core = mem_new(struct core, 1);
    *core = (struct core){
        .loop = o->loop,
        .registry = o->registry,
        .clock = o->clock,
        .drivers = o->drivers,
        .state_dir = mem_strdup(o->state_dir),
        .helper_dir = mem_strdup(o->helper_dir),
        .instance = mem_strdup(o->instance),
        .node_name = mem_strdup(o->node_name),
        .boot_id = mem_strdup(o->boot_id),
        .host_cpus = host_cpu_count(),
        .host_memory_bytes = host_memory_total(),
    };
    core->task_workers = workers_new(o->loop, TASK_THREADS);
    core->io_workers = workers_new(o->loop, IO_THREADS);
    core->console_workers = workers_new(o->loop, CONSOLE_THREADS);
    core->pools = pools_new(core);
    core->tasks = tasks_new(core);
    core->inventory = inventory_new(core);
    core->network_keeper = network_keeper_new(core);
    core->mux = mux_new(core);
    core->guest_guard = guest_guard_new();
    core->id_ranges = id_ranges_new();
    core->minute_timer = loop_timer_new(core->loop, every_minute, core);
    if (make_folders(core, e) < 0 || secret_key_open(core->state_dir, &core->secret_key, e) < 0 ||
        uploads_open(core, &core->uploads, e) < 0 || open_drivers(core, e) < 0) {
        core_close(core);
        return -1;
    }
    *ret = core;
    return 0;
}

void core_start(struct core *core)
{
    core->watch = registry_watch(core->registry, on_commit, core);
    guest_watch_open(core);
    tasks_start(core->tasks);
    inventory_start(core->inventory);
    workers_submit(core->io_workers, bring_up, NULL, core);
    loop_timer_arm(core->minute_timer, MINUTE_MS);
}

void core_close(struct core *core)
{
    if (!core)
        return;
    core->closing = true;
    tasks_interrupt(core->tasks);
    workers_free(core->task_workers);
    workers_free(core->io_workers);
    workers_free(core->console_workers);
    mux_free(core->mux);
    registry_watch_free(core->watch);
    loop_timer_free(core->minute_timer);
    guest_watch_close(core);
    for (size_t i = 0; i < ARRAY_SIZE(core->guest_drivers); i++)
        if (core->guest_drivers[i])
            core->drivers->guests[i]->close(core->guest_drivers[i]);
    for (size_t i = 0; i < core->drivers->n_networks; i++)
        if (core->net_drivers[i])
            core->drivers->networks[i]->close(core->net_drivers[i]);
    if (core->guard_driver)
        core->drivers->guard->close(core->guard_driver);
    while (loop_unpost(core->loop, tidy_posted, core))
        ;
    tasks_free(core->tasks);
    network_keeper_free(core->network_keeper);
    guest_guard_free(core->guest_guard);
    id_ranges_free(core->id_ranges);
    secret_key_free(core->secret_key);
    inventory_free(core->inventory);
    pools_free(core->pools);
    uploads_close(core->uploads);
    free(core->state_dir);
    free(core->helper_dir);
    free(core->instance);
    free(core->node_name);
    free(core->boot_id);
    free(core);
}
