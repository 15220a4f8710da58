/* What follows when a guest's state and what is wanted differ and no task is at work: a guest that
 * shut itself down is wanted stopped, one that is always kept running is started again, and after a
 * host boot those start that ran before. */
#include "core/guest.h"

#include "base/log.h"
#include "base/map.h"

#define RESTARTS_MAX       3
#define RESTARTS_WINDOW_MS (10 * 60 * 1000)

struct restarts {
    uint64_t at_ms[RESTARTS_MAX]; /* monotonic */
    size_t n;
    bool alarmed;
};

/* Loop thread only. */
static struct {
    bool stopping;
    bool boot_pending;
    struct map restarts; /* guest uuid → struct restarts */
} watch;

static void ignore_result(void *arg, const struct commit_result *result)
{
    (void)arg;
    (void)result;
}

static void want_stopped(struct core *core, const struct doc *d, enum power_cause cause)
{
    _cleanup_free_ char *private = guest_record_wanting(d, POWER_STOPPED, cause);
    struct txn *txn = txn_new();
    txn_put_private(txn, d, private, clock_unix_ms(core->clock));
    txn_frees_room(txn);
    registry_propose(core->registry, txn, ignore_result, NULL);
}

/* True while another restart is within the limit; counts it. */
static bool may_restart(struct core *core, const char *uuid)
{
    struct restarts *r = map_get(&watch.restarts, uuid);
    uint64_t now = clock_monotonic_ms(core->clock);
    if (!r) {
        r = mem_new(struct restarts, 1);
        map_set(&watch.restarts, uuid, r);
    }
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (now - r->at_ms[i] < RESTARTS_WINDOW_MS)
            r->at_ms[n++] = r->at_ms[i];
    r->n = n;
    if (n == RESTARTS_MAX)
        return false;
    r->at_ms[r->n++] = now;
    return true;
}

static void keep_running(struct core *core, const struct doc *d)
{
    struct err e;
    if (!may_restart(core, d->uuid)) {
        log_warning("guest %s stopped %d times within 10 minutes and is not started again", d->name,
            RESTARTS_MAX + 1);
        want_stopped(core, d, POWER_POLICY);
        return;
    }
    log_notice("guest %s has stopped and is kept running: starting it", d->name);
    if (guest_start_by_itself(core, d, POWER_POLICY, &e) < 0)
        log_warning("cannot start guest %s again: %s", d->name, e.detail);
}

void guest_reconcile(struct core *core, const char *uuid)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    const struct doc *d = snapshot_by_uuid(s, KIND_GUEST, uuid);
    const struct guest_record *r = guest_record_of(d);
    const struct guest_spec *spec = guest_spec_of(d);
    if (!r || !spec || watch.stopping || watch.boot_pending || core->closing || r->phase != PHASE_READY)
        return;
    if (tasks_busy(core->tasks, uuid) || !inventory_knows(core->inventory, spec->type))
        return;
    enum guest_state state = inventory_state(core->inventory, uuid);
    if (r->wanted != POWER_RUNNING || (state != GUEST_STOPPED && state != GUEST_CRASHED))
        return;
    tasks_settle(core->tasks, uuid, guest_settle);
    if (spec->run == RUN_ALWAYS)
        keep_running(core, d);
    else
        want_stopped(core, d, POWER_GUEST);
}

/* ---- after a host boot ---- */

static int earlier_first(const void *a, const void *b)
{
    const struct doc *x = *(struct doc *const *)a, *y = *(struct doc *const *)b;
    int64_t p = guest_spec_of(x)->boot->order, q = guest_spec_of(y)->boot->order;
    return p == q ? strcmp(x->name, y->name) : p < q ? -1 : 1;
}

static bool starts_with_host(const struct guest_spec *spec, const struct guest_record *r)
{
    return r->phase == PHASE_READY &&
           (spec->run == RUN_ALWAYS || (spec->run == RUN_LAST && r->wanted == POWER_RUNNING));
}

static void start_after_boot(struct core *core)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    _cleanup_free_ struct doc **guests = mem_new(struct doc *, snapshot_count(s, KIND_GUEST) + 1);
    size_t n = 0;
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_spec *spec = guest_spec_of(d);
        const struct guest_record *r = guest_record_of(d);
        if (!spec || !r || inventory_state(core->inventory, d->uuid) != GUEST_STOPPED)
            continue;
        if (starts_with_host(spec, r))
            guests[n++] = d;
        else if (r->wanted == POWER_RUNNING && r->phase == PHASE_READY)
            want_stopped(core, d, POWER_HOST);
    }
    qsort(guests, n, sizeof(*guests), earlier_first);
    for (size_t i = 0; i < n; i++) {
        struct err e;
        if (!tasks_busy(core->tasks, guests[i]->uuid) &&
            guest_start_by_itself(core, guests[i], POWER_HOST, &e) < 0)
            log_warning("cannot start guest %s with the host: %s", guests[i]->name, e.detail);
    }
    if (n)
        log_info("starting %zu guests that ran before the host went down", n);
}

/* Remembers this boot; true when it is another one than last time. */
static bool is_new_boot(struct core *core)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct doc *node = snapshot_by_uuid(s, KIND_NODE, core->node_uuid);
    _cleanup_json_ json_t *private = NULL;
    if (!node || json_parse(node->private, strlen(node->private), "node", &private, NULL) < 0)
        return false;
    if (streq(json_get_str(private, "boot_id", ""), core->boot_id))
        return false;
    json_object_set_new(private, "boot_id", json_string(core->boot_id));
    _cleanup_free_ char *text = json_text(private);
    struct txn *txn = txn_new();
    txn_put_private(txn, node, text, clock_unix_ms(core->clock));
    registry_propose(core->registry, txn, ignore_result, NULL);
    return true;
}

static void reconcile_all(struct core *core)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));)
        guest_reconcile(core, d->uuid);
}

static void on_change(void *arg, const char *uuid, bool state_changed)
{
    struct core *core = arg;
    if (watch.boot_pending && inventory_complete(core->inventory)) {
        watch.boot_pending = false;
        if (is_new_boot(core))
            start_after_boot(core);
        else
            reconcile_all(core);
    }
    if (uuid && state_changed)
        guest_reconcile(core, uuid);
}

void guest_watch_open(struct core *core)
{
    watch.stopping = false;
    watch.boot_pending = true;
    inventory_watch(core->inventory, on_change, core);
}

void guest_watch_close(struct core *core)
{
    (void)core;
    MAP_FOREACH (&watch.restarts, entry)
        free(entry->value);
    map_clear(&watch.restarts);
}

void guest_watch_host_stopping(struct core *core)
{
    (void)core;
    watch.stopping = true;
}
