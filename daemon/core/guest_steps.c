/* What the steps of guest tasks do. Workers; each can be repeated. */
#include <errno.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "core/guest.h"
#include "core/guest_guard.h"
#include "core/id_range.h"
#include "core/network.h"
#include "core/orphan.h"
#include "guest/ids.h"

#define ASK_AGAIN_MS 5000

static struct doc *guest_doc(struct step_context *c, struct err *e)
{
    struct doc *d = snapshot_by_uuid(c->snapshot, KIND_GUEST, c->step->object);
    if (guest_spec_of(d) && guest_record_of(d))
        return d;
    err_set(e, ERR_NOT_FOUND, "the guest %s does not exist any more", c->step->object);
    return NULL;
}

static const struct guest_ops *ops_of(struct core *core, const struct doc *d, void **ret_driver)
{
    int type = guest_spec_of(d)->type;
    *ret_driver = core->guest_drivers[type];
    return core->drivers->guests[type];
}

int guest_step_ensure_network(struct step_context *c, struct err *e)
{
    const struct doc *network = snapshot_by_uuid(c->snapshot, KIND_NETWORK, c->step->object);
    if (!network)
        return err_set(e, ERR_NOT_FOUND, "the network %s does not exist any more", c->step->object);
    return network_ensure(c->core, network, e);
}

int guest_step_attach(struct step_context *c, struct err *e)
{
    struct attachment at;
    return volume_attach(c->core, c->snapshot, c->step->object, false, &at, e);
}

int guest_step_detach(struct step_context *c, struct err *e)
{
    return volume_detach(c->core, c->snapshot, c->step->object, e);
}

/* ---- launch ---- */

struct launch {
    struct guest_config config;
    struct guest_disk disks[16];
    struct guest_nic nics[8];
    char serials[16][24];
    char ifnames[8][16];
    char log_path[512];
    char runtime_dir[512];
    const char *init[33]; /* as many as the field takes, and NULL */
};

static int launch_disks(
    struct core *core, struct snapshot *s, const struct doc *d, struct launch *l, struct err *e)
{
    const struct guest_record *r = guest_record_of(d);
    const struct guest_spec *spec = guest_spec_of(d);
    for (size_t i = 0; i < r->n_disks && i < ARRAY_SIZE(l->disks); i++) {
        struct guest_disk *disk = &l->disks[i];
        for (size_t k = 0; k < spec->n_disks; k++)
            if (streq(spec->disks[k].name, r->disks[i].name))
                disk->read_only = spec->disks[k].read_only;
        if (volume_attach(core, s, r->disks[i].volume, disk->read_only, &disk->at, e) < 0)
            return -1;
        /* Virtio serials hold 20 characters: the beginning of the uuid without its hyphens. */
        size_t n = 0;
        for (const char *u = r->disks[i].volume; *u && n < 20; u++)
            if (*u != '-')
                l->serials[i][n++] = *u;
        disk->serial = l->serials[i];
        disk->slot = (unsigned)r->disks[i].slot;
        disk->boot_order = (unsigned)i + 1;
        l->config.n_disks++;
    }
    return 0;
}

static int launch_nics(struct snapshot *s, const struct doc *d, struct launch *l, struct err *e)
{
    const struct guest_record *r = guest_record_of(d);
    const struct guest_spec *spec = guest_spec_of(d);
    for (size_t i = 0; i < spec->n_nics && i < ARRAY_SIZE(l->nics); i++) {
        const struct doc *network = snapshot_by_name(s, KIND_NETWORK, spec->nics[i].network);
        const struct network_record *n = network_record_of(network);
        if (!n)
            return err_set(e, ERR_NOT_FOUND, "network %s does not exist any more", spec->nics[i].network);
        guest_link_name(d->uuid, r->nics[i].slot, l->ifnames[i]);
        l->nics[i] = (struct guest_nic){
            .bridge = n->bridge,
            .mac = r->nics[i].mac,
            .ifname = l->ifnames[i],
            .mtu = (unsigned)network_spec_of(network)->mtu,
            .slot = (unsigned)r->nics[i].slot,
        };
        l->config.n_nics++;
    }
    return 0;
}

static int launch_dirs(struct core *core, const struct doc *d, struct launch *l, struct err *e)
{
    char dir[480];
    snprintf(dir, sizeof(dir), "%s/log/guests", core->state_dir);
    snprintf(l->log_path, sizeof(l->log_path), "%s/log/guests/%s.log", core->state_dir, d->uuid);
    snprintf(l->runtime_dir, sizeof(l->runtime_dir), "%s/run/guests/%s", core->state_dir, d->uuid);
    return fs_mkdir_all(dir, 0700, e) < 0 ? -1 : fs_mkdir_all(l->runtime_dir, 0700, e);
}

static bool use_kvm(struct core *core)
{
    if (core->kvm == KVM_UNKNOWN) {
        char reason[sizeof(core->kvm_reason)] = "";
        bool works = core->drivers->kvm_works(core->state_dir, reason, sizeof(reason));
        memcpy(core->kvm_reason, reason, sizeof(reason));
        core->kvm = works ? KVM_YES : KVM_NO;
    }
    return core->kvm == KVM_YES;
}

static int launch_make(struct step_context *c, const struct doc *d, struct launch *l, struct err *e)
{
    const struct guest_spec *spec = guest_spec_of(d);
    *l = (struct launch){.config = {
                             .uuid = d->uuid,
                             .name = d->name,
                             .type = (enum guest_type)spec->type,
                             .vcpus = (unsigned)spec->cpu->cores,
                             .memory_bytes = spec->memory,
                             .disks = l->disks,
                             .nics = l->nics,
                             .serial_log = l->log_path,
                             .runtime_dir = l->runtime_dir,
                             .machine = guest_record_of(d)->machine,
                             .id_base = (unsigned)id_range_of(guest_record_of(d)),
                             .id_count = CONTAINER_ID_COUNT,
                         }};
    for (size_t i = 0; i < spec->boot->n_init && i + 1 < ARRAY_SIZE(l->init); i++)
        l->init[i] = spec->boot->init[i];
    if (spec->boot->n_init)
        l->config.init = l->init;
    if (launch_disks(c->core, c->snapshot, d, l, e) < 0 || launch_nics(c->snapshot, d, l, e) < 0)
        return -1;
    if (spec->type == GUEST_VM)
        l->config.kvm = use_kvm(c->core);
    return launch_dirs(c->core, d, l, e);
}

/* Changes the record of a guest that this task holds; of what else is in its document others may change the
 * labels, at any time. `alter`: false when there is nothing to change. */
static int alter_record(struct core *core, const char *uuid,
    bool (*alter)(struct guest_record *, const char *), const char *arg, struct err *e)
{
    for (;;) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
        const struct doc *d = snapshot_by_uuid(s, KIND_GUEST, uuid);
        struct guest_record record;
        if (!d || !guest_record_of(d))
            return 0;
        record = *guest_record_of(d);
        if (!alter(&record, arg))
            return 0;
        _cleanup_free_ char *text = record_text(OBJECT_guest_record, &record);
        struct txn *txn = txn_new();
        txn_put_private(txn, d, text, clock_unix_ms(core->clock));
        txn_frees_room(txn); /* what it is about has begun: on a full disk it ends, too */
        int r = registry_commit(core->registry, txn, NULL, e);
        if (r == 0 || e->code != ERR_PRECONDITION)
            return r;
    }
}

/* The machine type that "newest" meant at the first start is kept: the guest's hardware stays. */
static bool keep_machine(struct guest_record *record, const char *machine)
{
    if (!machine[0] || (record->machine && streq(record->machine, machine)))
        return false;
    record->machine = machine;
    return true;
}

/* It is down: what it ran with before is over, and must not come back with the next look at the leases. */
static bool forget_launched(struct guest_record *record, const char *unused)
{
    (void)unused;
    bool had = record->launched != NULL;
    record->launched = NULL;
    return had;
}

int guest_step_launch(struct step_context *c, struct err *e)
{
    struct doc *d = guest_doc(c, e);
    void *driver;
    if (!d)
        return -1;
    _cleanup_free_ struct launch *l = mem_new(struct launch, 1);
    struct guest_started started = {0};
    const struct guest_ops *ops = ops_of(c->core, d, &driver);
    if (guest_require_known(c->core, d, e) < 0)
        return -1;
    orphans_take_over(c->core, d);
    uint64_t changes = inventory_changes(c->core->inventory, d->uuid);
    /* The rules come first: nothing of it may be sent before they stand. */
    if (launch_make(c, d, l, e) < 0 || alter_record(c->core, d->uuid, forget_launched, NULL, e) < 0 ||
        guest_guard_set(c->core, c->snapshot, d, e) < 0 || ops->start(driver, &l->config, &started, e) < 0)
        return err_prefix(e, "cannot start guest %s", d->name);
    inventory_set_since(c->core->inventory, d->uuid, changes, GUEST_RUNNING, CAUSE_STARTED);
    /* It may have got its address before anybody knew that it runs. */
    inventory_refresh_leases(c->core->inventory);
    if (alter_record(c->core, d->uuid, keep_machine, started.machine, e) < 0)
        log_warning("cannot keep the machine type of guest %s: %s", d->name, e->detail);
    return 0;
}

/* ---- stopping ---- */

/* The driver of the guest, also of one whose document is gone; NULL: there never was one. */
static const struct guest_ops *ops_of_remains(struct step_context *c, void **ret_driver)
{
    const struct guest_spec *spec = guest_spec_of(snapshot_by_uuid(c->snapshot, KIND_GUEST, c->step->object));
    int type = spec ? spec->type : c->orphan_type;
    if (type < 0)
        return NULL;
    *ret_driver = c->core->guest_drivers[type];
    return c->core->drivers->guests[type];
}

int guest_step_kill(struct step_context *c, struct err *e)
{
    void *driver;
    const struct guest_ops *ops = ops_of_remains(c, &driver);
    if (!ops)
        return 0;
    if (ops->stop(driver, c->step->object, e) < 0)
        return err_prefix(e, "cannot stop the guest");
    inventory_set(c->core->inventory, c->step->object, GUEST_STOPPED, CAUSE_STOPPED, NULL);
    return 0;
}

int guest_step_ask(struct step_context *c, struct err *e)
{
    struct doc *d = guest_doc(c, e);
    void *driver;
    if (!d)
        return -1;
    if (guest_require_known(c->core, d, e) < 0)
        return -1;
    if (inventory_state(c->core->inventory, d->uuid) == GUEST_STOPPED)
        return 0;
    const struct guest_ops *ops = ops_of(c->core, d, &driver);
    return ops->shutdown(driver, d->uuid, e) < 0 ? err_prefix(e, "cannot shut down guest %s", d->name) : 0;
}

/* Waits in slices: a system that is still starting loses the press of the power button, so it is
 * pressed again. */
static int await_stopped(struct step_context *c, uint64_t timeout_ms, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + timeout_ms;
    for (;;) {
        uint64_t now = clock_monotonic_ms(&clock_system), left = until > now ? until - now : 0;
        int r = inventory_wait(c->core->inventory, c->step->object, GUEST_STOPPED,
            MIN_OF(left, (uint64_t)ASK_AGAIN_MS), task_cancel_flag(c->task), e);
        if (r == 0 || e->code != ERR_TIMEOUT || left <= ASK_AGAIN_MS)
            return r;
        struct err ignored; /* it may refuse, or have ended just now: the wait decides */
        guest_step_ask(c, &ignored);
    }
}

int guest_step_await(struct step_context *c, struct err *e)
{
    unsigned long seconds = c->step->arg ? strtoul(c->step->arg, NULL, 10) : 60;
    bool force = c->step->arg && strstr(c->step->arg, ",force");
    struct doc *d = guest_doc(c, e);
    if (!d || guest_require_known(c->core, d, e) < 0)
        return -1;
    int r = await_stopped(c, seconds * 1000, e);
    if (r == 0 || e->code != ERR_TIMEOUT)
        return r;
    if (force) {
        task_log(c->task, "the guest did not shut down in time: stopping it");
        return guest_step_kill(c, e);
    }
    err_set(e, ERR_TIMEOUT, "the guest did not shut down within %lu s", seconds);
    return err_hint(e, "it may ignore the power button: give it more time with timeout_s, or stop it");
}

int guest_step_forget(struct step_context *c, struct err *e)
{
    void *driver;
    const struct guest_ops *ops = ops_of_remains(c, &driver);
    if (ops && ops->forget(driver, c->step->object, e) < 0)
        return -1;
    guest_guard_drop(c->core, c->step->object);
    return 0;
}

/* What the host kept of a guest that is deleted: its log and its folder for sockets. */
int guest_step_erase(struct step_context *c, struct err *e)
{
    _cleanup_close_ int state = -1;
    _cleanup_free_ char *log = mem_printf("log/guests/%s.log", c->step->object);
    _cleanup_free_ char *dir = mem_printf("run/guests/%s", c->step->object);
    struct doc *d = snapshot_by_uuid(c->snapshot, KIND_GUEST, c->step->object);
    void *driver;
    const struct guest_ops *ops = guest_spec_of(d) ? ops_of(c->core, d, &driver) : NULL;
    if (ops && ops->erase && ops->erase(driver, d->uuid, e) < 0)
        return -1;
    if (fs_open_dir(c->core->state_dir, 0755, &state, e) < 0)
        return -1;
    _cleanup_free_ char *old_log = mem_printf("%s.1", log);
    if (fs_remove_tree(state, log, e) < 0 || fs_remove_tree(state, old_log, e) < 0)
        return -1;
    return fs_remove_tree(state, dir, e);
}

/* ---- on a running guest ---- */

static int simple(struct step_context *c, int (*call)(void *driver, const char *uuid, struct err *e),
    const char *verb, struct err *e)
{
    struct doc *d = guest_doc(c, e);
    if (!d)
        return -1;
    if (!call)
        return err_set(e, ERR_UNSUPPORTED, "guests of this type cannot be %s", verb);
    return call(c->core->guest_drivers[guest_spec_of(d)->type], d->uuid, e) < 0
               ? err_prefix(e, "guest %s was not %s", d->name, verb)
               : 0;
}

static const struct guest_ops *ops_for_step(struct step_context *c)
{
    static const struct guest_ops none;
    const struct guest_spec *spec = guest_spec_of(snapshot_by_uuid(c->snapshot, KIND_GUEST, c->step->object));
    return spec ? c->core->drivers->guests[spec->type] : &none;
}

int guest_step_reset(struct step_context *c, struct err *e)
{
    return simple(c, ops_for_step(c)->reset, "reset", e);
}

int guest_step_pause(struct step_context *c, struct err *e)
{
    uint64_t changes = inventory_changes(c->core->inventory, c->step->object);
    if (simple(c, ops_for_step(c)->pause, "paused", e) < 0)
        return -1;
    inventory_set_since(c->core->inventory, c->step->object, changes, GUEST_PAUSED, CAUSE_NONE);
    return 0;
}

int guest_step_resume(struct step_context *c, struct err *e)
{
    uint64_t changes = inventory_changes(c->core->inventory, c->step->object);
    if (simple(c, ops_for_step(c)->resume, "resumed", e) < 0)
        return -1;
    inventory_set_since(c->core->inventory, c->step->object, changes, GUEST_RUNNING, CAUSE_NONE);
    return 0;
}

/* ---- letting go ---- */

void guest_settle(struct core *core, const char *uuid)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct doc *d = snapshot_by_uuid(s, KIND_GUEST, uuid);
    const struct guest_record *r = guest_record_of(d);
    enum guest_state state = inventory_state(core->inventory, uuid);
    if (!r || (state != GUEST_STOPPED && state != GUEST_CRASHED))
        return;
    struct err e;
    struct step_record step = {.step = "guest.forget", .object = d->uuid};
    struct step_context c = {.core = core, .step = &step, .snapshot = s, .orphan_type = -1};
    if (guest_step_forget(&c, &e) < 0)
        log_warning("cannot tidy up after guest %s: %s", d->name, e.detail);
    for (size_t i = 0; i < r->n_disks; i++)
        if (volume_detach(core, s, r->disks[i].volume, &e) < 0)
            log_warning("cannot let go of a disk of guest %s: %s", d->name, e.detail);
}

/* ---- all of them: the host goes down ---- */

static size_t running_guests(struct core *core, struct snapshot *s, struct doc **out, size_t max)
{
    size_t n = 0;
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; n < max && (d = snapshot_iter_next(&it));) {
        enum guest_state state = inventory_state(core->inventory, d->uuid);
        if (guest_spec_of(d) && guest_record_of(d) &&
            (state == GUEST_RUNNING || state == GUEST_PAUSED || state == GUEST_BLOCKED))
            out[n++] = d;
    }
    return n;
}

static int later_first(const void *a, const void *b)
{
    const struct doc *x = *(struct doc *const *)a, *y = *(struct doc *const *)b;
    int64_t p = guest_spec_of(x)->boot->order, q = guest_spec_of(y)->boot->order;
    return p == q ? strcmp(x->name, y->name) : p < q ? 1 : -1;
}

/* One group of equal order: all are asked, then waited for together, then stopped. */
static void ask_group(struct step_context *c, struct doc **guests, size_t n)
{
    struct err e;
    void *driver;
    for (size_t i = 0; i < n; i++) {
        const struct guest_ops *ops = ops_of(c->core, guests[i], &driver);
        if (inventory_state(c->core->inventory, guests[i]->uuid) == GUEST_RUNNING &&
            ops->shutdown(driver, guests[i]->uuid, &e) < 0)
            task_log(c->task, "guest %s cannot be asked: %s", guests[i]->name, e.detail);
    }
}

/* True when none of them runs any more. */
static bool group_is_down(struct step_context *c, struct doc **guests, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (inventory_state(c->core->inventory, guests[i]->uuid) == GUEST_RUNNING)
            return false;
    return true;
}

static void stop_group(struct step_context *c, struct doc **guests, size_t n, uint64_t timeout_ms)
{
    struct err e;
    uint64_t until = clock_monotonic_ms(&clock_system) + timeout_ms, asked = 0;
    while (!group_is_down(c, guests, n)) {
        uint64_t now = clock_monotonic_ms(&clock_system);
        if (now >= until)
            break;
        if (!asked || now - asked >= ASK_AGAIN_MS) {
            ask_group(c, guests, n);
            asked = now;
        }
        struct timespec pause = {.tv_nsec = 50 * 1000000L};
        nanosleep(&pause, NULL);
    }
    for (size_t i = 0; i < n; i++) {
        if (inventory_state(c->core->inventory, guests[i]->uuid) != GUEST_STOPPED)
            task_log(c->task, "guest %s did not shut down in time: stopping it", guests[i]->name);
        struct step_record step = {.step = "guest.kill", .object = guests[i]->uuid};
        struct step_context kill = {
            .core = c->core, .task = c->task, .step = &step, .snapshot = c->snapshot, .orphan_type = -1};
        if (guest_step_kill(&kill, &e) < 0)
            task_log(c->task, "%s", e.detail);
        guest_settle(c->core, guests[i]->uuid);
    }
}

int guest_step_stop_all(struct step_context *c, struct err *e)
{
    unsigned long seconds = c->step->arg ? strtoul(c->step->arg, NULL, 10) : 30;
    size_t max = snapshot_count(c->snapshot, KIND_GUEST);
    _cleanup_free_ struct doc **guests = mem_new(struct doc *, max + 1);
    size_t n = running_guests(c->core, c->snapshot, guests, max);
    (void)e;
    qsort(guests, n, sizeof(*guests), later_first);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1;
             k < n && guest_spec_of(guests[k])->boot->order == guest_spec_of(guests[i])->boot->order;)
            k++;
        stop_group(c, guests + i, k - i, seconds * 1000);
        task_progress(c->task, (unsigned)(k * 100 / n));
    }
    return 0;
}
