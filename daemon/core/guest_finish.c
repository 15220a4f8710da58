/* How guest tasks end: what becomes of the guest and its volumes, in the transaction that ends the task. */
#include "core/guest.h"

static const struct doc *guest_of(const struct doc *task, struct snapshot *s)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_GUEST, task_spec_of(task)->object->uuid);
    return guest_record_of(d) ? d : NULL;
}

static void put_record(struct txn *t, const struct doc *d, const struct guest_record *record, uint64_t now_ms)
{
    _cleanup_free_ char *text = record_text(OBJECT_guest_record, record);
    txn_put_private(t, d, text, now_ms);
}

/* The volumes that this task was to create: ready now, or gone. */
static void end_new_volumes(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct task_record *r = task_record_of(task);
    for (size_t i = 0; i < r->n_steps; i++) {
        if (!streq(r->steps[i].step, "volume.create"))
            continue;
        const struct doc *d = snapshot_by_uuid(s, KIND_VOLUME, r->steps[i].object);
        if (!volume_record_of(d))
            continue;
        struct volume_record record = *volume_record_of(d);
        record.phase = PHASE_READY;
        if (ok)
            volume_txn_put(t, d, &record, d->name, NULL, clock_unix_ms(core->clock));
        else
            txn_delete(t, KIND_VOLUME, d->uuid, d->revision);
    }
}

static bool made_by(const struct doc *task, const char *volume)
{
    const struct task_record *r = task_record_of(task);
    for (size_t i = 0; i < r->n_steps; i++)
        if (streq(r->steps[i].step, "volume.create") && streq(r->steps[i].object, volume))
            return true;
    return false;
}

/* A volume that existed before is nobody's again. */
static void free_taken_volumes(struct core *core, const struct doc *task, const struct guest_record *r,
    struct snapshot *s, struct txn *t)
{
    for (size_t i = 0; i < r->n_disks; i++) {
        const struct doc *d = snapshot_by_uuid(s, KIND_VOLUME, r->disks[i].volume);
        if (!volume_record_of(d) || made_by(task, d->uuid))
            continue;
        struct volume_record record = *volume_record_of(d);
        record.guest = NULL;
        volume_txn_put(t, d, &record, d->name, NULL, clock_unix_ms(core->clock));
    }
}

void guest_finish_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = guest_of(task, s);
    end_new_volumes(core, task, s, ok, t);
    if (!d)
        return;
    struct guest_record record = *guest_record_of(d);
    record.phase = PHASE_READY;
    if (ok) {
        put_record(t, d, &record, clock_unix_ms(core->clock));
        return;
    }
    free_taken_volumes(core, task, &record, s, t);
    txn_delete(t, KIND_GUEST, d->uuid, d->revision);
}

/* A disk that could not be made leaves the record; the spec keeps what the user set, and saving it
 * again tries again. */
void guest_finish_update(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = guest_of(task, s);
    end_new_volumes(core, task, s, ok, t);
    if (!d || ok)
        return;
    struct guest_record record = *guest_record_of(d);
    struct disk_record kept[64];
    size_t n = 0;
    for (size_t i = 0; i < record.n_disks && n < ARRAY_SIZE(kept); i++)
        if (!made_by(task, record.disks[i].volume))
            kept[n++] = record.disks[i];
    record.disks = kept;
    record.n_disks = n;
    put_record(t, d, &record, clock_unix_ms(core->clock));
}

static void end_disks(
    struct core *core, const struct doc *task, const struct doc *guest, struct snapshot *s, struct txn *t)
{
    const struct guest_record *r = guest_record_of(guest);
    const struct guest_spec *spec = guest_spec_of(guest);
    bool purge = streq(task_spec_of(task)->action, "guest.purge");
    for (size_t i = 0; i < r->n_disks; i++) {
        const struct doc *d = snapshot_by_uuid(s, KIND_VOLUME, r->disks[i].volume);
        const struct volume_record *volume = volume_record_of(d);
        bool brought = false;
        for (size_t k = 0; k < spec->n_disks; k++)
            brought |= spec->disks[k].volume && streq(spec->disks[k].name, r->disks[i].name);
        if (!volume)
            continue;
        struct volume_record freed = *volume;
        freed.guest = NULL;
        if (brought)
            volume_txn_put(t, d, &freed, d->name, NULL, clock_unix_ms(core->clock));
        else if (purge)
            txn_delete(t, KIND_VOLUME, d->uuid, d->revision);
        else
            volume_txn_trash(t, d, clock_unix_ms(core->clock));
    }
}

/* What is wanted follows what is, when something failed. */
static int wanted_as_is(struct core *core, const struct doc *d, const struct guest_record *record)
{
    enum guest_state state = inventory_state(core->inventory, d->uuid);
    if (state == GUEST_UNKNOWN || !inventory_knows(core->inventory, guest_spec_of(d)->type))
        return record->wanted;
    return state == GUEST_STOPPED || state == GUEST_CRASHED ? POWER_STOPPED : POWER_RUNNING;
}

void guest_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = guest_of(task, s);
    if (!d)
        return;
    if (ok) {
        end_disks(core, task, d, s, t);
        txn_delete(t, KIND_GUEST, d->uuid, d->revision);
        return;
    }
    struct guest_record record = *guest_record_of(d);
    record.phase = PHASE_READY;
    record.wanted = wanted_as_is(core, d, &record);
    put_record(t, d, &record, clock_unix_ms(core->clock));
}

static void want_what_is(struct core *core, const struct doc *task, struct snapshot *s, struct txn *t)
{
    const struct doc *d = guest_of(task, s);
    if (!d)
        return;
    struct guest_record record = *guest_record_of(d);
    int is = wanted_as_is(core, d, &record);
    if (record.wanted == is)
        return;
    record.wanted = is;
    put_record(t, d, &record, clock_unix_ms(core->clock));
}

void guest_finish_start(struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct guest_spec *spec = guest_spec_of(guest_of(task, s));
    if (!ok && spec && spec->run != RUN_ALWAYS)
        want_what_is(core, task, s, t);
}

void guest_finish_stop(struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    if (!ok)
        want_what_is(core, task, s, t);
}

void guest_after(struct core *core, const struct doc *task, bool ok)
{
    (void)ok;
    guest_reconcile(core, task_spec_of(task)->object->uuid);
}

void guest_after_create(struct core *core, const struct doc *task, bool ok)
{
    const char *uuid = task_spec_of(task)->object->uuid;
    if (ok)
        guest_reconcile(core, uuid);
    else
        inventory_forget(core->inventory, uuid);
}
