/* The tables of the task engine: every step that a journal can name, and how each kind of task ends. */
#include "core/guest.h"
#include "core/image.h"
#include "core/network.h"
#include "core/pools.h"

static int step_pool_open(struct step_context *c, struct err *e)
{
    _cleanup_pool_use_ struct pool_use use = {0};
    if (pools_get(c->core->pools, snapshot_by_uuid(c->snapshot, KIND_POOL, c->step->object), &use, e) < 0)
        return -1;
    pools_refresh(c->core->pools, c->snapshot);
    return 0;
}

static void finish_pool_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_POOL, task_spec_of(task)->object->uuid);
    if (!d || ok)
        return;
    pools_drop(core->pools, d->uuid);
    txn_delete(t, KIND_POOL, d->uuid, d->revision);
}

/* An undo kills a guest only if this task launched it: that is what its launch step stands for. */
static int undo_launch(struct step_context *c, struct err *e)
{
    return guest_step_kill(c, e) < 0 ? -1 : guest_step_forget(c, e);
}

static const struct step_type steps[] = {
    {"volume.create", volume_step_create, volume_step_delete},
    {"volume.delete", volume_step_delete, NULL},
    {"volume.resize", volume_step_resize, NULL},
    {"image.import", image_step_import, image_step_delete},
    {"image.delete", image_step_delete, NULL},
    {"pool.open", step_pool_open, NULL},
    {"network.create", guest_step_ensure_network, network_step_remove},
    {"network.ensure", guest_step_ensure_network, NULL},
    {"network.remove", network_step_remove, NULL},
    {"disk.attach", guest_step_attach, guest_step_detach},
    {"disk.detach", guest_step_detach, NULL},
    {"guest.launch", guest_step_launch, undo_launch},
    {"guest.ask", guest_step_ask, NULL},
    {"guest.await", guest_step_await, NULL},
    {"guest.kill", guest_step_kill, NULL},
    {"guest.forget", guest_step_forget, NULL},
    {"guest.erase", guest_step_erase, NULL},
    {"guest.reset", guest_step_reset, NULL},
    {"guest.pause", guest_step_pause, NULL},
    {"guest.resume", guest_step_resume, NULL},
    {"guest.stop-all", guest_step_stop_all, NULL},
};

static const struct task_type types[] = {
    {"guest.create", guest_finish_create, guest_after_create},
    {"guest.update", guest_finish_update, guest_after},
    {"guest.delete", guest_finish_delete, NULL},
    {"guest.purge", guest_finish_delete, NULL},
    {"guest.start", guest_finish_start, guest_after},
    {"guest.shutdown", guest_finish_stop, guest_after},
    {"guest.stop", guest_finish_stop, guest_after},
    {"guest.reboot", guest_finish_stop, guest_after},
    {"guest.reset", NULL, guest_after},
    {"guest.pause", NULL, guest_after},
    {"guest.resume", NULL, guest_after},
    {"volume.create", volume_finish_create, NULL},
    {"volume.resize", NULL, NULL},
    {"volume.delete", volume_finish_delete, NULL},
    {"image.import", image_finish_import, NULL},
    {"image.delete", image_finish_delete, NULL},
    {"network.create", network_finish_create, NULL},
    {"network.update", NULL, NULL},
    {"network.delete", network_finish_delete, NULL},
    {"pool.create", finish_pool_create, NULL},
    {"node.stop-guests", NULL, NULL},
};

const struct step_type *step_type_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        if (streq(steps[i].name, name))
            return &steps[i];
    return NULL;
}

const struct task_type *task_type_named(const char *action)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (streq(types[i].action, action))
            return &types[i];
    return NULL;
}
