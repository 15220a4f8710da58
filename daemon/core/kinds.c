/* The kinds with little to plan: pools, nodes, settings, tasks. */
#include "core/inventory.h"
#include "core/plan.h"
#include "core/pools.h"
#include "core/task.h"

/* ---- pools ---- */

static int pool_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct pool_spec *spec = c->spec;
    struct snapshot_iter it;
    /* The daemon makes folders and files there as root: only who manages the host may name a place. */
    if (!c->before && c->by && spec->path &&
        access_require(c->by, PERMISSION(NODES, UPDATE), core->node_name, NULL, 0, e) < 0)
        return err_prefix(e, "a pool in a directory of the host");
    snapshot_iter_init(&it, c->snapshot, KIND_POOL, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct pool_spec *other = pool_spec_of(d);
        if (other && !streq(d->uuid, c->uuid) && spec->path && other->path && streq(spec->path, other->path))
            violation_add(v, "/spec/path", "is the place of pool \"%s\" already", d->name);
    }
    snapshot_iter_init(&it, c->snapshot, KIND_VOLUME, NULL);
    for (struct doc *d; c->before && !streq(c->before->name, c->name) && (d = snapshot_iter_next(&it));)
        if (volume_record_of(d) && streq(volume_record_of(d)->pool, c->uuid))
            return err_set(
                e, ERR_IN_USE, "pool %s has volumes (%s, …) and keeps its name", c->before->name, d->name);
    if (v->n)
        return 0;
    plan_put(plan, c, "{}");
    if (c->before && !streq(c->before->name, c->name))
        txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    if (!c->before) {
        plan_step(plan, "pool.open", c->uuid, NULL, "open pool %s", c->name);
        plan_task_end(plan, c, "pool.create");
    }
    return 0;
}

static int pool_remove(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    size_t volumes = 0, trashed = 0;
    struct snapshot_iter it;
    (void)core;
    snapshot_iter_init(&it, c->snapshot, KIND_VOLUME, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct volume_record *r = volume_record_of(d);
        if (!r || !streq(r->pool, c->uuid))
            continue;
        volumes++;
        trashed += r->phase == PHASE_TRASHED;
    }
    if (volumes) {
        err_set(e, ERR_IN_USE, "pool %s still has %zu volumes, %zu of them in the trash", c->name, volumes,
            trashed);
        return err_hint(e, "delete them first; one in the trash goes when it is deleted with purge");
    }
    txn_delete(plan->txn, KIND_POOL, c->uuid, c->before->revision);
    txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    return 0;
}

static void pool_status(
    struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    struct pool_stat stat;
    (void)s;
    (void)detail;
    if (!pools_stat(core->pools, d->uuid, &stat)) {
        buf_str(out, "\"state\":\"unknown\"");
        return;
    }
    buf_printf(out, "\"state\":\"ready\",\"size\":%llu,\"used\":%llu,\"free\":%llu",
        (unsigned long long)stat.size_bytes, (unsigned long long)stat.used_bytes,
        (unsigned long long)stat.free_bytes);
}

const struct kind_ops pool_kind = {
    .help = "Places for volumes", .put = pool_put, .remove = pool_remove, .status = pool_status};

/* ---- nodes ---- */

static int node_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    (void)core;
    if (!c->before)
        return err_set(e, ERR_UNSUPPORTED, "a node joins by itself, it is not created");
    if (!streq(c->before->name, c->name))
        violation_add(v, "/metadata/name", "is the host's name and cannot change here");
    plan_put(plan, c, NULL);
    return 0;
}

static void node_warnings(struct core *core, const struct host_live *host, struct buf *out)
{
    static const char *const mirrors[] = {
        [MIRROR_HALF] =
            "a mirror of the host's disks has one disk only, the other one failed or is missing: what "
            "is on it is lost with that disk. `lodge-mirror` in the appliance's shell gives it a new one",
        [MIRROR_REBUILDS] =
            "a mirror of the host's disks is being copied to its second disk: until that has ended, "
            "what is on it is lost with the first one",
    };
    _cleanup_free_ char *slow =
        core->kvm != KVM_NO
            ? NULL
            : mem_printf("virtual machines run in software emulation and are slow: %s", core->kvm_reason);
    const char *texts[] = {slow, mirrors[host->mirror]};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i]) {
            buf_str(out, n++ ? "," : ",\"warnings\":[");
            buf_json(out, texts[i]);
        }
    if (n)
        buf_str(out, "]");
}

static void node_status(
    struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    struct host_live host;
    (void)s;
    if (!streq(d->uuid, core->node_uuid)) {
        buf_str(out, "\"state\":\"unknown\"");
        return;
    }
    inventory_host(core->inventory, &host);
    buf_printf(out, "\"state\":\"online\",\"version\":\"%s\",\"uptime\":%llu", LODGE_VERSION,
        (unsigned long long)host.uptime_s);
    buf_printf(out, ",\"cpu\":{\"count\":%u,\"used\":%.3f,\"load\":[%.2f,%.2f,%.2f]}", core->host_cpus,
        host.cpu, host.load[0], host.load[1], host.load[2]);
    buf_printf(out, ",\"memory\":{\"total\":%llu,\"used\":%llu}", (unsigned long long)core->host_memory_bytes,
        (unsigned long long)host.memory_used_bytes);
    buf_printf(out, ",\"disk\":{\"read\":%llu,\"write\":%llu},\"net\":{\"rx\":%llu,\"tx\":%llu}",
        (unsigned long long)host.disk_read, (unsigned long long)host.disk_write,
        (unsigned long long)host.net_rx, (unsigned long long)host.net_tx);
    if (core->kvm != KVM_UNKNOWN)
        buf_printf(out, ",\"kvm\":%s", core->kvm == KVM_YES ? "true" : "false");
    node_warnings(core, &host, out);
    buf_printf(out, ",\"tasks\":%zu", tasks_running(core->tasks));
    (void)detail;
}

const struct kind_ops node_kind = {.help = "Hosts", .put = node_put, .status = node_status};

/* ---- settings ---- */

static int setting_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    (void)core;
    (void)v;
    if (!c->before || !streq(c->before->name, c->name)) {
        err_set(e, ERR_UNSUPPORTED, "there is no group of settings \"%s\"", c->name);
        return err_hint(e, "the only group is called general");
    }
    plan_put(plan, c, "{}");
    return 0;
}

const struct kind_ops setting_kind = {.help = "Settings of the whole installation", .put = setting_put};

/* ---- tasks ---- */

static void put_time(struct buf *out, const char *name, int64_t unix_ms)
{
    char when[TIME_LEN + 1];
    if (!unix_ms)
        return;
    time_format((uint64_t)unix_ms, when);
    buf_printf(out, ",\"%s\":\"%s\"", name, when);
}

static void task_status(
    struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    const struct task_record *r = task_record_of(d);
    unsigned percent = 0;
    char text[256] = "";
    (void)s;
    if (!r)
        return;
    bool runs =
        tasks_progress(core->tasks, d->uuid, &percent, text, sizeof(text)) && r->state <= TASK_UNDOING;
    int state = runs && r->state == TASK_QUEUED && text[0] ? TASK_RUNNING : r->state;
    buf_printf(out, "\"state\":\"%s\"", enumeration_of(ENUM_task_state)->values[state]);
    buf_printf(out, ",\"progress\":%u", r->state == TASK_SUCCEEDED ? 100 : percent);
    if (runs && text[0]) {
        buf_str(out, ",\"message\":");
        buf_json(out, text);
    }
    put_time(out, "started", r->started_ms);
    put_time(out, "ended", r->ended_ms);
    if (r->error) {
        buf_str(out, ",\"error\":");
        encode_object(OBJECT_task_error, r->error, out);
    }
    if (!detail)
        return;
    buf_str(out, ",\"steps\":[");
    for (size_t i = 0; i < r->n_steps; i++) {
        buf_str(out, i ? "," : "");
        buf_json(out, r->steps[i].text);
    }
    buf_str(out, "]");
}

const struct kind_ops task_kind = {.help = "Work that takes longer than a commit", .status = task_status};
