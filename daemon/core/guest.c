/* What a guest's spec means: plans its creation, change and deletion, and tells its status. Whether the spec
 * can be is decided in guest_check.c. */
#include "core/guest.h"

#include "core/id_range.h"
#include "core/network.h"

/* The position that stays with a disk or card for life: the lowest that none of the others has. */
static int64_t free_slot(const int64_t *used, size_t n)
{
    for (int64_t slot = 0;; slot++) {
        bool taken = false;
        for (size_t i = 0; i < n; i++)
            taken |= used[i] == slot;
        if (!taken)
            return slot;
    }
}

/* Locally administered, unicast, and recognisable: 02:4c:… (4c is "L"). */
static char *mac_new(struct arena *a)
{
    uint8_t b[4];
    random_bytes(b, sizeof(b));
    char *mac = arena_alloc(a, 18);
    snprintf(mac, 18, "02:4c:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]);
    return mac;
}

static const struct nic_record *nic_named(const struct guest_record *r, const char *name)
{
    for (size_t i = 0; r && i < r->n_nics; i++)
        if (streq(r->nics[i].name, name))
            return &r->nics[i];
    return NULL;
}

static const struct guest_disk_spec *disk_spec_named(const struct guest_spec *spec, const char *name)
{
    for (size_t i = 0; spec && i < spec->n_disks; i++)
        if (streq(spec->disks[i].name, name))
            return &spec->disks[i];
    return NULL;
}

/* ---- the new record ---- */

/* Not longer than a name that a user gives (metadata_input.name): else nothing of it could be changed. */
static char *volume_name(const struct intent *c, const char *disk, struct arena *a)
{
    enum { SIZE = 63 + 1 };
    char rest[32], *name = arena_alloc(a, SIZE);
    snprintf(rest, sizeof(rest), "-%s", disk);
    for (unsigned n = 2;; n++) {
        snprintf(name, SIZE, "%.*s%s", SIZE - 1 - (int)strlen(rest), c->name, rest);
        if (!snapshot_by_name(c->snapshot, KIND_VOLUME, name))
            return name;
        snprintf(rest, sizeof(rest), "-%s-%u", disk, n);
    }
}

/* Puts the volume document of a new disk; its uuid goes into the record. */
static void plan_new_volume(const struct intent *c, struct plan *plan, const struct guest_disk_spec *disk,
    struct disk_record *record, struct arena *a)
{
    const struct guest_spec *spec = c->spec;
    const struct doc *image = disk->image ? snapshot_by_name(c->snapshot, KIND_IMAGE, disk->image) : NULL;
    const struct doc *pool = snapshot_by_name(c->snapshot, KIND_POOL, disk->pool);
    char *uuid = arena_alloc(a, UUID_LEN + 1), *name = volume_name(c, disk->name, a);
    uuid_new(uuid);
    record->volume = uuid;
    int64_t minimum = image ? image_record_of(image)->virtual_size : 0;
    uint64_t size = disk->size ? disk->size : (uint64_t)minimum;
    if (!disk->size)
        size = spec->type == GUEST_CONTAINER
                   ? MAX_OF(size * 2, UINT64_C(1) << 30) /* room to live in, not only to fit */
                   : MAX_OF(size, (uint64_t)object_field(OBJECT_volume_spec, "size")->min);
    int content = guest_content_of(spec);
    _cleanup_json_ json_t *json = json_pack("{s:s, s:I, s:s, s:s}", "pool", disk->pool, "size",
        (json_int_t)size, "content", enumeration_of(ENUM_volume_content)->values[content], "format",
        enumeration_of(ENUM_volume_format)->values[content == VOLUME_ROOTFS ? VOLUME_RAW : VOLUME_QCOW2]);
    if (disk->image)
        json_object_set_new(json, "image", json_string(disk->image));
    _cleanup_free_ char *text = json_text(json);
    _cleanup_free_ char *private = record_text(OBJECT_volume_record,
        &(struct volume_record){.phase = PHASE_CREATING, .pool = pool->uuid, .guest = c->uuid});
    txn_put(plan->txn, &(struct put){.kind = KIND_VOLUME,
                           .uuid = uuid,
                           .name = name,
                           .expected = REVISION_NONE,
                           .created_ms = c->now_ms,
                           .modified_ms = c->now_ms,
                           .spec = text,
                           .private = private});
    txn_require(plan->txn, KIND_POOL, pool->uuid, pool->revision);
    if (image)
        txn_require(plan->txn, KIND_IMAGE, image->uuid, image->revision);
    plan_step(plan, "volume.create", uuid, image ? image->uuid : NULL, "create volume %s in pool %s", name,
        disk->pool);
}

static void plan_taken_volume(
    const struct intent *c, struct plan *plan, const struct guest_disk_spec *disk, struct disk_record *record)
{
    const struct doc *d = snapshot_by_name(c->snapshot, KIND_VOLUME, disk->volume);
    struct volume_record volume = *volume_record_of(d);
    volume.guest = c->uuid;
    record->volume = d->uuid;
    volume_txn_put(plan->txn, d, &volume, d->name, NULL, c->now_ms);
}

static void plan_grown_disk(const struct intent *c, struct plan *plan, const struct guest_disk_spec *disk,
    const struct disk_record *record)
{
    const struct doc *d = snapshot_by_uuid(c->snapshot, KIND_VOLUME, record->volume);
    const struct volume_spec *volume = volume_spec_of(d);
    if (!volume || disk->size <= volume->size)
        return;
    _cleanup_free_ char *size = mem_printf("%llu", (unsigned long long)disk->size);
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(d->spec, d->spec_len, "volume", &json, NULL) < 0)
        return;
    json_object_set_new(json, "size", json_integer((json_int_t)disk->size));
    _cleanup_free_ char *text = json_text(json);
    volume_txn_put(plan->txn, d, volume_record_of(d), d->name, text, c->now_ms);
    plan_step(plan, "volume.resize", d->uuid, size, "grow volume %s", d->name);
}

static void plan_disks(const struct intent *c, struct plan *plan, const struct guest_record *old,
    struct guest_record *record, struct arena *a)
{
    const struct guest_spec *spec = c->spec;
    int64_t *used = arena_alloc(a, (spec->n_disks + 1) * sizeof(*used));
    size_t n_used = 0;
    record->disks = arena_alloc(a, (spec->n_disks + 1) * sizeof(*record->disks));
    record->n_disks = spec->n_disks;
    for (size_t i = 0; i < spec->n_disks; i++) {
        const struct disk_record *kept = guest_record_disk(old, spec->disks[i].name);
        if (kept)
            used[n_used++] = kept->slot;
    }
    for (size_t i = 0; i < spec->n_disks; i++) {
        const struct guest_disk_spec *disk = &spec->disks[i];
        const struct disk_record *kept = guest_record_disk(old, disk->name);
        record->disks[i] =
            kept ? *kept : (struct disk_record){.name = disk->name, .slot = free_slot(used, n_used)};
        if (kept) {
            plan_grown_disk(c, plan, disk, kept);
            continue;
        }
        used[n_used++] = record->disks[i].slot;
        if (disk->volume)
            plan_taken_volume(c, plan, disk, &record->disks[i]);
        else
            plan_new_volume(c, plan, disk, &record->disks[i], a);
    }
}

/* Disks that left the spec: one that was brought along is free again, the guest's own goes to the trash. */
static void plan_removed_disks(const struct intent *c, struct plan *plan, const struct guest_spec *old_spec,
    const struct guest_record *old)
{
    for (size_t i = 0; old && i < old->n_disks; i++) {
        if (disk_spec_named(c->spec, old->disks[i].name))
            continue;
        const struct guest_disk_spec *was = disk_spec_named(old_spec, old->disks[i].name);
        const struct doc *d = snapshot_by_uuid(c->snapshot, KIND_VOLUME, old->disks[i].volume);
        const struct volume_record *r = volume_record_of(d);
        if (!r)
            continue;
        struct volume_record freed = *r;
        freed.guest = NULL;
        if (was && was->volume)
            volume_txn_put(plan->txn, d, &freed, d->name, NULL, c->now_ms);
        else
            volume_txn_trash(plan->txn, d, c->now_ms);
    }
}

static void plan_nics(
    const struct intent *c, const struct guest_record *old, struct guest_record *record, struct arena *a)
{
    const struct guest_spec *spec = c->spec;
    int64_t *used = arena_alloc(a, (spec->n_nics + 1) * sizeof(*used));
    size_t n_used = 0;
    record->nics = arena_alloc(a, (spec->n_nics + 1) * sizeof(*record->nics));
    record->n_nics = spec->n_nics;
    for (size_t i = 0; i < spec->n_nics; i++) {
        const struct nic_record *kept = nic_named(old, spec->nics[i].name);
        if (kept)
            used[n_used++] = kept->slot;
    }
    for (size_t i = 0; i < spec->n_nics; i++) {
        const struct guest_nic_spec *nic = &spec->nics[i];
        const struct nic_record *kept = nic_named(old, nic->name);
        record->nics[i] =
            kept ? *kept : (struct nic_record){.name = nic->name, .slot = free_slot(used, n_used)};
        if (!kept)
            used[n_used++] = record->nics[i].slot;
        if (nic->mac)
            record->nics[i].mac = nic->mac;
        else if (!kept)
            record->nics[i].mac = mac_new(a);
    }
}

static bool disks_change(const struct intent *c, const struct guest_record *old)
{
    const struct guest_spec *spec = c->spec;
    for (size_t i = 0; i < spec->n_disks; i++)
        if (!guest_record_disk(old, spec->disks[i].name))
            return true;
    for (size_t i = 0; i < old->n_disks; i++)
        if (!disk_spec_named(spec, old->disks[i].name))
            return true;
    for (size_t i = 0; i < spec->n_disks; i++) {
        const struct disk_record *r = guest_record_disk(old, spec->disks[i].name);
        const struct volume_spec *volume =
            volume_spec_of(snapshot_by_uuid(c->snapshot, KIND_VOLUME, r->volume));
        if (volume && spec->disks[i].size > volume->size)
            return true;
    }
    return false;
}

static int check_changeable(
    struct core *core, const struct intent *c, const struct guest_record *old, struct err *e)
{
    if (tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    if (old->phase != PHASE_READY)
        return err_set(
            e, ERR_STATE, "guest %s is %s", c->before->name, enumeration_of(ENUM_phase)->values[old->phase]);
    if (disks_change(c, old) && guest_require_known(core, c->before, e) < 0)
        return -1;
    if (disks_change(c, old) && inventory_state(core->inventory, c->uuid) != GUEST_STOPPED) {
        err_set(e, ERR_STATE,
            "the disks of guest %s can be added, removed and grown only while it is stopped",
            c->before->name);
        return err_hint(e, "shut the guest down first");
    }
    return 0;
}

/* Who makes a guest of something must be allowed to use it. */
static int require_use(const struct intent *c, enum kind kind, const char *name, struct err *e)
{
    const struct doc *d = name ? snapshot_by_name(c->snapshot, kind, name) : NULL;
    if (!c->by || !d)
        return 0;
    return access_require(
        c->by, (permission_id)((int)kind << 8 | VERB_USE), d->name, d->labels, d->n_labels, e);
}

static bool had_network(const struct guest_spec *old, const char *network)
{
    for (size_t i = 0; old && i < old->n_nics; i++)
        if (streq(old->nics[i].network, network))
            return true;
    return false;
}

static int check_use(const struct intent *c, const struct guest_spec *old, struct err *e)
{
    const struct guest_spec *spec = c->spec;
    for (size_t i = 0; i < spec->n_disks; i++) {
        const struct guest_disk_spec *disk = &spec->disks[i];
        if (disk_spec_named(old, disk->name))
            continue;
        if (disk->volume && require_use(c, KIND_VOLUME, disk->volume, e) < 0)
            return -1;
        if (!disk->volume &&
            (require_use(c, KIND_POOL, disk->pool, e) < 0 || require_use(c, KIND_IMAGE, disk->image, e) < 0))
            return -1;
    }
    for (size_t i = 0; i < spec->n_nics; i++)
        if (!had_network(old, spec->nics[i].network) &&
            require_use(c, KIND_NETWORK, spec->nics[i].network, e) < 0)
            return -1;
    return 0;
}

/* A network that it is newly plugged into must still be there when this is committed. */
static int require_networks(
    struct core *core, const struct intent *c, const struct guest_spec *old, struct plan *plan, struct err *e)
{
    const struct guest_spec *spec = c->spec;
    for (size_t i = 0; i < spec->n_nics; i++) {
        if (had_network(old, spec->nics[i].network))
            continue;
        const struct doc *network = snapshot_by_name(c->snapshot, KIND_NETWORK, spec->nics[i].network);
        if (network_is_leaving(core, c->snapshot, network))
            return err_set(e, ERR_BUSY, "network %s is being deleted", network->name);
        txn_require(plan->txn, KIND_NETWORK, network->uuid, network->revision);
    }
    for (size_t i = 0; i < spec->n_nics; i++)
        if (spec->nics[i].n_addresses) /* nobody else may take one of them meanwhile */
            txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    return 0;
}

/* One of a release before this gets a range of its own with the first change while it does not run. */
static bool needs_id_range(struct core *core, const struct intent *c, const struct guest_record *record)
{
    const struct guest_spec *spec = c->spec;
    return spec->type == GUEST_CONTAINER && !record->id_base &&
           (!c->before || inventory_state(core->inventory, c->uuid) == GUEST_STOPPED);
}

static int put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct guest_spec *spec = c->spec, *old_spec = guest_spec_of(c->before);
    const struct guest_record *old = guest_record_of(c->before);
    guest_check(core, c, v);
    if (v->n)
        return 0;
    if (check_use(c, old_spec, e) < 0 || (old && check_changeable(core, c, old, e) < 0) ||
        require_networks(core, c, old_spec, plan, e) < 0)
        return -1;
    _cleanup_arena_ struct arena a = {0};
    struct guest_record record =
        old ? *old
            : (struct guest_record){
                  .phase = PHASE_CREATING, .node = core->node_uuid, .epoch = 1, .cause = POWER_USER};
    plan_disks(c, plan, old, &record, &a);
    plan_nics(c, old, &record, &a);
    if (needs_id_range(core, c, &record) && id_range_take(core, c->snapshot, c->uuid, &record.id_base, e) < 0)
        return -1;
    plan_removed_disks(c, plan, old_spec, old);
    if (old)
        guest_keep_launched(core, c->before, spec, &record, &a);
    if (!old && c->start) {
        record.wanted = POWER_RUNNING;
        if (guest_plan_start(core, c, spec, &record, plan, e) < 0)
            return -1;
    }
    if (!old && !json_array_size(plan->steps))
        record.phase = PHASE_READY;
    _cleanup_free_ char *private = record_text(OBJECT_guest_record, &record);
    plan_put(plan, c, private);
    if (json_array_size(plan->steps))
        plan_task_end(plan, c, old ? "guest.update" : "guest.create");
    return 0;
}

static int remove_guest(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    const struct guest_spec *spec = guest_spec_of(c->before);
    const struct guest_record *old = guest_record_of(c->before);
    if (!spec || !old)
        return err_set(e, ERR_DAMAGED, "the document of guest %s cannot be read by this release", c->name);
    if (tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    if (spec->protection) {
        err_set(e, ERR_STATE, "guest %s is protected", c->name);
        return err_hint(e, "turn its protection off first");
    }
    if (!c->force && guest_require_known(core, c->before, e) < 0)
        return -1;
    bool runs = inventory_state(core->inventory, c->uuid) != GUEST_STOPPED &&
                inventory_state(core->inventory, c->uuid) != GUEST_CRASHED;
    if (runs && !c->force) {
        err_set(e, ERR_STATE, "guest %s is running", c->name);
        err_hint(e, "shut it down first, or delete it by force, which stops it at once");
        return err_parameter(e, "force");
    }
    struct guest_record record = *old;
    record.phase = PHASE_DELETING;
    record.wanted = POWER_STOPPED;
    _cleanup_free_ char *private = record_text(OBJECT_guest_record, &record);
    txn_put_private(plan->txn, c->before, private, c->now_ms);
    if (runs)
        plan_step(plan, "guest.kill", c->uuid, NULL, "stop guest %s", c->name);
    guest_plan_release_steps(plan, c->before);
    for (size_t i = 0; c->purge && i < old->n_disks; i++) {
        const struct guest_disk_spec *disk = disk_spec_named(spec, old->disks[i].name);
        const struct doc *d = snapshot_by_uuid(c->snapshot, KIND_VOLUME, old->disks[i].volume);
        if (d && disk && !disk->volume)
            plan_step(plan, "volume.delete", d->uuid, NULL, "delete volume %s and its data", d->name);
    }
    plan_step(plan, "guest.erase", c->uuid, NULL, "remove the log of guest %s", c->name);
    plan_task_end(plan, c, c->purge ? "guest.purge" : "guest.delete");
    return 0;
}

/* ---- status ---- */

static void status_effective(const struct guest_spec *spec, struct buf *out)
{
    buf_str(out, ",\"effective\":");
    encode_object(OBJECT_guest_spec, spec, out);
}

static void status_hardware(const struct guest_record *r, struct snapshot *s, struct buf *out)
{
    buf_str(out, ",\"disks\":[");
    for (size_t i = 0; i < r->n_disks; i++) {
        const struct doc *d = snapshot_by_uuid(s, KIND_VOLUME, r->disks[i].volume);
        const struct volume_spec *volume = volume_spec_of(d);
        buf_str(out, i ? ",{\"name\":" : "{\"name\":");
        buf_json(out, r->disks[i].name);
        buf_str(out, ",\"volume\":");
        buf_json(out, d ? d->name : NULL);
        buf_printf(out, ",\"size\":%llu}", (unsigned long long)(volume ? volume->size : 0));
    }
    buf_str(out, "],\"nics\":[");
    for (size_t i = 0; i < r->n_nics; i++) {
        buf_str(out, i ? ",{\"name\":" : "{\"name\":");
        buf_json(out, r->nics[i].name);
        buf_str(out, ",\"mac\":");
        buf_json(out, r->nics[i].mac);
        buf_str(out, "}");
    }
    buf_str(out, "]");
}

static void status_figures(const struct live *l, struct buf *out)
{
    const struct guest_sample *s = &l->sample;
    buf_printf(out, ",\"cpu\":{\"used\":%.3f},\"memory\":{\"used\":%llu,\"max\":%llu}", l->cpu,
        (unsigned long long)s->memory_used_bytes, (unsigned long long)s->memory_max_bytes);
    buf_printf(out, ",\"disk\":{\"read\":%.0f,\"write\":%.0f,\"read_ops\":%.0f,\"write_ops\":%.0f}",
        l->disk_read, l->disk_write, l->disk_read_ops, l->disk_write_ops);
    buf_printf(out, ",\"net\":{\"rx\":%.0f,\"tx\":%.0f}", l->net_rx, l->net_tx);
}

static const char *shown_state(const struct guest_record *r, const struct live *l)
{
    if (r->phase == PHASE_CREATING || r->phase == PHASE_DELETING)
        return enumeration_of(ENUM_phase)->values[r->phase];
    return guest_state_name(l->state);
}

static void status(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    static const char *const causes[] = {[CAUSE_NONE] = NULL,
        [CAUSE_GUEST] = "guest",
        [CAUSE_STARTED] = "started",
        [CAUSE_STOPPED] = "stopped",
        [CAUSE_FAILED] = "failed",
        [CAUSE_IO_ERROR] = "io-error"};
    const struct guest_record *r = guest_record_of(d);
    const struct guest_spec *spec = guest_spec_of(d);
    struct live live;
    char when[TIME_LEN + 1];
    if (!r || !spec)
        return;
    inventory_get(core->inventory, d->uuid, &live);
    buf_str(out, "\"state\":");
    buf_json(out, shown_state(r, &live));
    if (causes[live.cause]) {
        buf_str(out, ",\"cause\":");
        buf_json(out, causes[live.cause]);
    }
    if (live.detail[0]) {
        buf_str(out, ",\"detail\":");
        buf_json(out, live.detail);
    }
    if (live.since_ms) {
        time_format(live.since_ms, when);
        buf_printf(out, ",\"since\":\"%s\"", when);
    }
    buf_printf(out, ",\"desired\":{\"state\":\"%s\",\"cause\":\"%s\"}",
        enumeration_of(ENUM_power)->values[r->wanted], enumeration_of(ENUM_power_cause)->values[r->cause]);
    buf_str(out, ",\"node\":");
    buf_json(out, core->node_name);
    buf_str(out, ",\"addresses\":[");
    for (size_t i = 0; i < live.addresses.n; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", live.addresses.items[i]);
    buf_str(out, "]");
    if (spec->type == GUEST_VM && core->kvm != KVM_UNKNOWN)
        buf_printf(out, ",\"accelerator\":\"%s\"", core->kvm == KVM_YES ? "kvm" : "tcg");
    if (live.sampled_ms)
        status_figures(&live, out);
    guest_status_pending(spec, r, live.state, out);
    const char *task = tasks_busy(core->tasks, d->uuid);
    if (task)
        buf_printf(out, ",\"task\":\"%s\"", task);
    status_hardware(r, s, out);
    if (detail)
        status_effective(spec, out);
}

const struct kind_ops guest_kind = {
    .help = "Virtual machines and containers", .put = put, .remove = remove_guest, .status = status};
