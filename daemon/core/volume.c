/* Volumes: their documents, the trash, and the steps that make, grow and remove them. */
#include "core/volume.h"

#include <errno.h>
#include <fcntl.h>

#include "core/image.h"
#include "core/pools.h"
#include "core/task.h"

#define TRASH_MARK ".trash-"

static bool fits_content(const struct image_spec *image, int content)
{
    return (image->format == IMAGE_KIND_TAR) == (content == VOLUME_ROOTFS);
}

void volume_check_image(const struct doc *image, const char *name, int content, uint64_t size,
    const char *pointer, struct violations *v)
{
    const struct image_spec *spec = image_spec_of(image);
    const struct image_record *record = image_record_of(image);
    char a[TEXT_SIZE_MAX], b[TEXT_SIZE_MAX];
    if (!spec || !record)
        violation_add(v, pointer, "there is no image \"%s\"", name);
    else if (record->phase != PHASE_READY)
        violation_add(v, pointer, "the image \"%s\" is not ready yet", name);
    else if (!fits_content(spec, content))
        violation_add(v, pointer, "the image \"%s\" is %s, which %s", name,
            spec->format == IMAGE_KIND_TAR ? "a container's (tar)" : "a virtual machine's disk",
            content == VOLUME_ROOTFS ? "is no root file system for a container"
                                     : "is no disk for a virtual machine");
    else if (size && size < (uint64_t)record->virtual_size)
        violation_add(v, pointer, "the image \"%s\" needs %s, the volume has only %s", name,
            text_size_str((uint64_t)record->virtual_size, a), text_size_str(size, b));
}

static int check_readable(const struct doc *d, struct err *e)
{
    return !d || (volume_spec_of(d) && volume_record_of(d))
               ? 0
               : err_set(e, ERR_DAMAGED, "the document of volume %s cannot be read by this release", d->name);
}

/* Who makes a volume of something must be allowed to use it. */
static int require_use(const struct intent *c, const struct doc *pool, const struct doc *image, struct err *e)
{
    if (!c->by)
        return 0;
    if (access_require(c->by, PERMISSION(POOLS, USE), pool->name, pool->labels, pool->n_labels, e) < 0)
        return -1;
    return image ? access_require(
                       c->by, PERMISSION(IMAGES, USE), image->name, image->labels, image->n_labels, e)
                 : 0;
}

static int put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct volume_spec *spec = c->spec;
    const struct volume_spec *old = volume_spec_of(c->before);
    const struct doc *pool = snapshot_by_name(c->snapshot, KIND_POOL, spec->pool);
    const struct doc *image = spec->image ? snapshot_by_name(c->snapshot, KIND_IMAGE, spec->image) : NULL;
    if (check_readable(c->before, e) < 0 || (c->before && tasks_check_free(core->tasks, c->before, e) < 0))
        return -1;
    if (!c->before && !pool)
        violation_add(v, "/spec/pool", "there is no pool \"%s\"", spec->pool);
    if (!c->before && spec->image)
        volume_check_image(image, spec->image, spec->content, spec->size, "/spec/image", v);
    if (!c->before && spec->content == VOLUME_ROOTFS && !spec->image)
        violation_add(v, "/spec/image", "is required: a root file system is made from an image");
    if (old && spec->size < old->size)
        violation_add(v, "/spec/size", "cannot shrink: data at the end would be lost");
    if (v->n || (!c->before && !pool))
        return 0;
    if (!c->before && require_use(c, pool, image, e) < 0)
        return -1;
    struct volume_record record = c->before
                                      ? *volume_record_of(c->before)
                                      : (struct volume_record){.pool = pool->uuid, .phase = PHASE_CREATING};
    if (record.phase == PHASE_TRASHED)
        return err_set(e, ERR_STATE, "volume %s is in the trash; undelete it first", c->name);
    if (old && spec->size > old->size) {
        struct doc *guest = record.guest ? snapshot_by_uuid(c->snapshot, KIND_GUEST, record.guest) : NULL;
        if (guest && volume_check_idle(core, guest, e) < 0)
            return -1;
        _cleanup_free_ char *size = mem_printf("%llu", (unsigned long long)spec->size);
        plan_step(plan, "volume.resize", c->uuid, size, "grow volume %s", c->name);
    }
    if (!c->before)
        plan_step(plan, "volume.create", c->uuid, image ? image->uuid : NULL, "create volume %s in pool %s",
            c->name, spec->pool);
    _cleanup_free_ char *private = record_text(OBJECT_volume_record, &record);
    plan_put(plan, c, private);
    if (!c->before)
        txn_require(plan->txn, KIND_POOL, pool->uuid, pool->revision);
    if (!c->before && image)
        txn_require(plan->txn, KIND_IMAGE, image->uuid, image->revision);
    if (json_array_size(plan->steps))
        plan_task_end(plan, c, c->before ? "volume.resize" : "volume.create");
    return 0;
}

int volume_check_idle(struct core *core, const struct doc *guest, struct err *e)
{
    if (tasks_check_free(core->tasks, guest, e) < 0)
        return -1;
    if (inventory_state(core->inventory, guest->uuid) == GUEST_STOPPED)
        return 0;
    err_set(e, ERR_STATE, "guest %s is running and uses the disk", guest->name);
    return err_hint(e, "shut the guest down first");
}

void volume_txn_put(struct txn *txn, const struct doc *d, const struct volume_record *record,
    const char *name, const char *spec, uint64_t now_ms)
{
    _cleanup_free_ char *private = record_text(OBJECT_volume_record, record);
    _cleanup_json_ json_t *labels = json_object();
    for (size_t i = 0; i < d->n_labels; i++)
        json_object_set_new(labels, d->labels[i].key, json_string(d->labels[i].value));
    _cleanup_free_ char *labels_text = json_text(labels);
    txn_put(txn, &(struct put){.kind = KIND_VOLUME,
                     .uuid = d->uuid,
                     .name = name,
                     .expected = d->revision,
                     .modified_ms = now_ms,
                     .labels = labels_text,
                     .description = d->description,
                     .spec = spec,
                     .private = private});
}

void volume_txn_trash(struct txn *txn, const struct doc *d, uint64_t now_ms)
{
    const struct volume_record *old = volume_record_of(d);
    if (!old || old->phase == PHASE_TRASHED)
        return;
    struct volume_record record = *old;
    record.phase = PHASE_TRASHED;
    record.guest = NULL;
    record.trashed_ms = (int64_t)now_ms;
    _cleanup_free_ char *name = mem_printf("%.200s" TRASH_MARK "%.8s", d->name, d->uuid);
    volume_txn_put(txn, d, &record, name, NULL, now_ms);
}

static int remove_volume(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    const struct volume_record *record = volume_record_of(c->before);
    if (check_readable(c->before, e) < 0 || tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    if (record->guest) {
        const struct doc *guest = snapshot_by_uuid(c->snapshot, KIND_GUEST, record->guest);
        err_set(
            e, ERR_IN_USE, "volume %s is a disk of guest %s", c->name, guest ? guest->name : record->guest);
        return err_hint(e, "remove the disk from the guest, or delete the guest");
    }
    if (!c->purge && record->phase == PHASE_READY) {
        volume_txn_trash(plan->txn, c->before, c->now_ms);
        return 0;
    }
    struct volume_record deleting = *record;
    deleting.phase = PHASE_DELETING;
    volume_txn_put(plan->txn, c->before, &deleting, c->name, NULL, c->now_ms);
    plan_step(plan, "volume.delete", c->uuid, NULL, "delete volume %s and its data", c->name);
    plan_task_end(plan, c, "volume.delete");
    return 0;
}

int volume_plan_action(
    struct core *core, const struct intent *c, const char *action, struct plan *plan, struct err *e)
{
    const struct volume_record *old = volume_record_of(c->before);
    (void)core;
    if (!streq(action, "undelete"))
        return err_set(e, ERR_UNSUPPORTED, "a volume has no action %s", action);
    if (check_readable(c->before, e) < 0)
        return -1;
    if (old->phase != PHASE_TRASHED)
        return err_set(e, ERR_STATE, "volume %s is not in the trash", c->name);
    struct volume_record record = *old;
    record.phase = PHASE_READY;
    record.trashed_ms = 0;
    _cleanup_free_ char *name = mem_strdup(c->before->name);
    char *mark = strstr(name, TRASH_MARK);
    if (mark)
        *mark = '\0';
    if (snapshot_by_name(c->snapshot, KIND_VOLUME, name)) {
        char *longer = mem_printf("%s.%.8s", name, c->uuid);
        free(name);
        name = longer;
    }
    volume_txn_put(plan->txn, c->before, &record, name, NULL, c->now_ms);
    return 0;
}

static void status(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    const struct volume_record *record = volume_record_of(d);
    (void)detail;
    if (!record)
        return;
    buf_str(out, "\"state\":");
    buf_json(out, enumeration_of(ENUM_phase)->values[record->phase]);
    const struct doc *guest = record->guest ? snapshot_by_uuid(s, KIND_GUEST, record->guest) : NULL;
    if (guest) {
        buf_str(out, ",\"guest\":");
        buf_json(out, guest->name);
    }
    if (record->trashed_ms) {
        const struct doc *pool = snapshot_by_uuid(s, KIND_POOL, record->pool);
        const struct pool_spec *spec = pool_spec_of(pool);
        char when[TIME_LEN + 1];
        time_format((uint64_t)record->trashed_ms, when);
        buf_printf(out, ",\"trashed\":\"%s\"", when);
        time_format((uint64_t)record->trashed_ms + (uint64_t)(spec ? spec->trash_hours : 0) * 3600000, when);
        buf_printf(out, ",\"purged_after\":\"%s\"", when);
    }
    const char *task = tasks_busy(core->tasks, d->uuid);
    if (task)
        buf_printf(out, ",\"task\":\"%s\"", task);
}

const struct kind_ops volume_kind = {
    .help = "Virtual disks and root file systems", .put = put, .remove = remove_volume, .status = status};

/* ---- steps ---- */

static int volume_open(
    struct step_context *c, const char *uuid, struct doc **ret, struct pool_use *ret_use, struct err *e)
{
    struct doc *d = snapshot_by_uuid(c->snapshot, KIND_VOLUME, uuid);
    const struct volume_record *record = volume_record_of(d);
    if (!record)
        return err_set(e, ERR_NOT_FOUND, "the volume %s does not exist any more", uuid);
    *ret = d;
    return pools_get(c->core->pools, snapshot_by_uuid(c->snapshot, KIND_POOL, record->pool), ret_use, e);
}

static bool report_progress(void *arg, unsigned percent)
{
    struct step_context *c = arg;
    task_progress(c->task, percent);
    return !*task_cancel_flag(c->task);
}

static int request_format(int image_format)
{
    static const int formats[] = {
        [IMAGE_KIND_QCOW2] = IMAGE_QCOW2, [IMAGE_KIND_RAW] = IMAGE_RAW, [IMAGE_KIND_TAR] = IMAGE_TAR};
    return formats[image_format];
}

int volume_step_create(struct step_context *c, struct err *e)
{
    struct doc *d;
    _cleanup_pool_use_ struct pool_use use = {0};
    if (volume_open(c, c->step->object, &d, &use, e) < 0)
        return -1;
    const struct volume_spec *spec = volume_spec_of(d);
    struct volume_request request = {
        .uuid = d->uuid,
        .content = (enum volume_content)spec->content,
        .format = (enum volume_format)spec->format,
        .size_bytes = spec->size,
        .image_fd = -1,
        .progress = report_progress,
        .progress_arg = c,
    };
    _cleanup_close_ int fd = -1;
    if (c->step->arg) {
        const struct doc *image = snapshot_by_uuid(c->snapshot, KIND_IMAGE, c->step->arg);
        if (!image_spec_of(image))
            return err_set(
                e, ERR_NOT_FOUND, "the image that volume %s is made from does not exist any more", d->name);
        if (image_open(c->core, image, &fd, e) < 0)
            return -1;
        request.image_fd = fd;
        request.image_format = (__typeof__(request.image_format))request_format(image_spec_of(image)->format);
    }
    return use.ops->volume_create(use.handle, &request, e) < 0
               ? err_prefix(e, "cannot create volume %s", d->name)
               : 0;
}

int volume_step_delete(struct step_context *c, struct err *e)
{
    struct doc *d = snapshot_by_uuid(c->snapshot, KIND_VOLUME, c->step->object);
    const struct volume_record *record = volume_record_of(d);
    const char *pool_uuid = record ? record->pool : c->orphan_pool;
    const struct doc *pool_doc = pool_uuid ? snapshot_by_uuid(c->snapshot, KIND_POOL, pool_uuid) : NULL;
    _cleanup_pool_use_ struct pool_use use = {0};
    if (!pool_doc)
        return 0;
    if (pools_get(c->core->pools, pool_doc, &use, e) < 0 ||
        use.ops->volume_delete(use.handle, c->step->object, e) < 0)
        return err_prefix(e, "cannot delete volume %s", d ? d->name : c->step->object);
    return 0;
}

int volume_step_resize(struct step_context *c, struct err *e)
{
    struct doc *d;
    _cleanup_pool_use_ struct pool_use use = {0};
    uint64_t size;
    if (volume_open(c, c->step->object, &d, &use, e) < 0)
        return -1;
    if (!c->step->arg || !text_u64(c->step->arg, &size))
        return err_set(e, ERR_INTERNAL, "the step has no size");
    return use.ops->volume_resize(use.handle, d->uuid, size, e) < 0
               ? err_prefix(e, "cannot grow volume %s", d->name)
               : 0;
}

int volume_attach(struct core *core, struct snapshot *s, const char *uuid, bool read_only,
    struct attachment *ret, struct err *e)
{
    struct doc *d;
    _cleanup_pool_use_ struct pool_use use = {0};
    struct step_context c = {.core = core, .snapshot = s};
    if (volume_open(&c, uuid, &d, &use, e) < 0)
        return -1;
    return use.ops->attach(use.handle, uuid, read_only, ret, e) < 0
               ? err_prefix(e, "cannot attach volume %s", d->name)
               : 0;
}

int volume_detach(struct core *core, struct snapshot *s, const char *uuid, struct err *e)
{
    struct doc *d;
    _cleanup_pool_use_ struct pool_use use = {0};
    struct step_context c = {.core = core, .snapshot = s};
    if (!snapshot_by_uuid(s, KIND_VOLUME, uuid))
        return 0;
    if (volume_open(&c, uuid, &d, &use, e) < 0)
        return -1;
    return use.ops->detach(use.handle, uuid, e) < 0 ? err_prefix(e, "cannot detach volume %s", d->name) : 0;
}

/* ---- how their tasks end ---- */

void volume_finish_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_VOLUME, task_spec_of(task)->object->uuid);
    const struct volume_record *old = volume_record_of(d);
    if (!old)
        return;
    if (!ok) {
        txn_delete(t, KIND_VOLUME, d->uuid, d->revision);
        return;
    }
    struct volume_record record = *old;
    record.phase = PHASE_READY;
    volume_txn_put(t, d, &record, d->name, NULL, clock_unix_ms(core->clock));
}

void volume_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_VOLUME, task_spec_of(task)->object->uuid);
    (void)core;
    if (d && ok)
        txn_delete(t, KIND_VOLUME, d->uuid, d->revision);
}

static void purge_done(void *arg, const struct commit_result *result)
{
    (void)arg;
    (void)result;
}

void volumes_purge_expired(struct core *core)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    uint64_t now = clock_unix_ms(core->clock);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_VOLUME, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct volume_record *record = volume_record_of(d);
        if (!record || record->phase != PHASE_TRASHED || tasks_busy(core->tasks, d->uuid))
            continue;
        const struct pool_spec *pool = pool_spec_of(snapshot_by_uuid(s, KIND_POOL, record->pool));
        if (pool && now < (uint64_t)record->trashed_ms + (uint64_t)pool->trash_hours * 3600000)
            continue;
        struct intent c = {
            .snapshot = s, .kind = KIND_VOLUME, .before = d, .name = d->name, .now_ms = now, .purge = true};
        memcpy(c.uuid, d->uuid, sizeof(c.uuid));
        struct plan plan;
        struct err e;
        plan_init(&plan);
        if (remove_volume(core, &c, &plan, &e) == 0) {
            txn_frees_room(plan.txn);
            registry_propose(core->registry, TAKE_PTR(plan.txn), purge_done, core);
        }
        plan_clear(&plan);
    }
}
