/* Power: which actions are possible in which state, what the host can still promise, and the steps
 * that start and stop a guest. */
#include "core/guest.h"

static int check_admission(
    struct core *core, const struct intent *c, const struct guest_spec *wanting, struct err *e)
{
    struct snapshot *s = c->snapshot;
    const struct setting_spec *settings = setting_spec_of(snapshot_by_name(s, KIND_SETTING, "general"));
    uint64_t reserve = settings ? settings->memory_reserve : 0, promised = 0;
    uint64_t percent = settings ? (uint64_t)settings->memory_overcommit : 100;
    uint64_t have =
        core->host_memory_bytes > reserve ? (core->host_memory_bytes - reserve) / 100 * percent : 0;
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_record *r = guest_record_of(d);
        const struct guest_spec *spec = guest_spec_of(d);
        if (!r || !spec || streq(d->uuid, c->uuid) || !r->node || !streq(r->node, core->node_uuid))
            continue;
        if (r->wanted == POWER_RUNNING || inventory_state(core->inventory, d->uuid) == GUEST_RUNNING)
            promised += spec->memory;
    }
    uint64_t wanted = wanting->memory;
    if (promised + wanted <= have)
        return 0;
    char text[3][TEXT_SIZE_MAX];
    err_set(e, ERR_CAPACITY,
        "guest %s needs %s of memory; of the %s for guests on this host %s are promised already", c->name,
        text_size_str(wanted, text[0]), text_size_str(have, text[1]), text_size_str(promised, text[2]));
    return err_hint(e, "stop another guest, give this one less memory, or raise memory_overcommit in the "
                       "settings (the host can then run out)");
}

char *guest_record_wanting(const struct doc *guest, enum power wanted, enum power_cause cause)
{
    struct guest_record record = *guest_record_of(guest);
    record.wanted = (int)wanted;
    record.cause = (int)cause;
    return record_text(OBJECT_guest_record, &record);
}

void guest_plan_release_steps(struct plan *plan, const struct doc *guest)
{
    const struct guest_record *r = guest_record_of(guest);
    for (size_t i = 0; i < r->n_disks; i++)
        plan_step(plan, "disk.detach", r->disks[i].volume, NULL, "detach disk %s", r->disks[i].name);
    plan_step(plan, "guest.forget", guest->uuid, NULL, "tidy up after guest %s", guest->name);
}

int guest_plan_start(struct core *core, const struct intent *c, const struct guest_spec *spec,
    const struct guest_record *record, struct plan *plan, struct err *e)
{
    const struct node_spec *node = node_spec_of(snapshot_by_uuid(c->snapshot, KIND_NODE, core->node_uuid));
    if (node && node->maintenance) {
        err_set(e, ERR_STATE, "node %s is in maintenance: no guest is started on it", core->node_name);
        return err_hint(e, "set maintenance of the node to false");
    }
    if (check_admission(core, c, spec, e) < 0)
        return -1;
    for (size_t i = 0; i < spec->n_nics; i++) {
        const struct doc *network = snapshot_by_name(c->snapshot, KIND_NETWORK, spec->nics[i].network);
        if (network)
            plan_step(plan, "network.ensure", network->uuid, NULL, "bring up network %s", network->name);
    }
    for (size_t i = 0; i < record->n_disks; i++)
        plan_step(
            plan, "disk.attach", record->disks[i].volume, c->uuid, "attach disk %s", record->disks[i].name);
    plan_step(plan, "guest.launch", c->uuid, NULL, "start guest %s", c->name);
    return 0;
}

static int plan_start(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    return guest_plan_start(core, c, guest_spec_of(c->before), guest_record_of(c->before), plan, e);
}

static void plan_ask(const struct intent *c, struct plan *plan)
{
    int64_t timeout = c->power ? c->power->timeout_s : 60;
    _cleanup_free_ char *arg =
        mem_printf("%lld%s", (long long)timeout, c->power && c->power->force ? ",force" : "");
    plan_step(plan, "guest.ask", c->uuid, NULL, "ask guest %s to shut down", c->name);
    plan_step(plan, "guest.await", c->uuid, arg, "wait up to %lld s for guest %s to shut down%s",
        (long long)timeout, c->name, c->power && c->power->force ? ", then stop it" : "");
}

static int plan_shutdown(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    (void)e;
    plan_ask(c, plan);
    guest_plan_release_steps(plan, c->before);
    return 0;
}

static int plan_stop(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    (void)e;
    plan_step(plan, "guest.kill", c->uuid, NULL, "stop guest %s", c->name);
    guest_plan_release_steps(plan, c->before);
    return 0;
}

/* Through power-off and start, so that it does the same for every guest and takes up what waits for a
 * restart. */
static int plan_reboot(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    plan_ask(c, plan);
    guest_plan_release_steps(plan, c->before);
    return plan_start(core, c, plan, e);
}

static int plan_reset(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    if (guest_spec_of(c->before)->type == GUEST_CONTAINER) {
        err_set(e, ERR_UNSUPPORTED, "a container has no reset button");
        return err_hint(e, "stop it and start it again");
    }
    plan_step(plan, "guest.reset", c->uuid, NULL, "reset guest %s", c->name);
    return 0;
}

static int plan_pause(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    (void)e;
    plan_step(plan, "guest.pause", c->uuid, NULL, "pause guest %s", c->name);
    return 0;
}

static int plan_resume(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    (void)e;
    plan_step(plan, "guest.resume", c->uuid, NULL, "resume guest %s", c->name);
    return 0;
}

#define IN(state) (1U << (GUEST_##state))

/* Each action: in which states it makes sense, what is wanted afterwards, and its steps. */
static const struct {
    const char *action;
    const char *task;
    unsigned states;
    enum power wanted;
    int (*plan)(struct core *core, const struct intent *c, struct plan *plan, struct err *e);
} actions[] = {
    {"start", "guest.start", IN(STOPPED) | IN(CRASHED), POWER_RUNNING, plan_start},
    {"shutdown", "guest.shutdown", IN(RUNNING), POWER_STOPPED, plan_shutdown},
    {"stop", "guest.stop", IN(RUNNING) | IN(PAUSED) | IN(BLOCKED), POWER_STOPPED, plan_stop},
    {"reboot", "guest.reboot", IN(RUNNING), POWER_RUNNING, plan_reboot},
    {"reset", "guest.reset", IN(RUNNING) | IN(PAUSED) | IN(BLOCKED), POWER_RUNNING, plan_reset},
    {"pause", "guest.pause", IN(RUNNING), POWER_RUNNING, plan_pause},
    {"resume", "guest.resume", IN(PAUSED) | IN(BLOCKED), POWER_RUNNING, plan_resume},
};

int guest_require_known(struct core *core, const struct doc *guest, struct err *e)
{
    if (inventory_knows(core->inventory, guest_spec_of(guest)->type) &&
        inventory_state(core->inventory, guest->uuid) != GUEST_UNKNOWN)
        return 0;
    err_set(e, ERR_UNAVAILABLE, "it is not known yet whether guest %s runs: its hypervisor does not answer",
        guest->name);
    return err_hint(e, "try again in a few seconds; if it stays so, look at the log of libvirtd");
}

static int check_state(
    struct core *core, const struct intent *c, unsigned states, const char *action, struct err *e)
{
    enum guest_state state = inventory_state(core->inventory, c->uuid);
    if (guest_require_known(core, c->before, e) < 0)
        return -1;
    if (states & 1U << state)
        return 0;
    return err_set(e, ERR_STATE, "cannot %s guest %s: it is %s", action, c->name, guest_state_name(state));
}

int guest_plan_action(
    struct core *core, const struct intent *c, const char *action, struct plan *plan, struct err *e)
{
    const struct guest_record *r = guest_record_of(c->before);
    if (!r || !guest_spec_of(c->before))
        return err_set(e, ERR_DAMAGED, "the document of guest %s cannot be read by this release", c->name);
    if (tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    if (r->phase != PHASE_READY)
        return err_set(e, ERR_STATE, "cannot %s guest %s: it is %s", action, c->name,
            enumeration_of(ENUM_phase)->values[r->phase]);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (!streq(actions[i].action, action))
            continue;
        if (check_state(core, c, actions[i].states, action, e) < 0 || actions[i].plan(core, c, plan, e) < 0)
            return -1;
        _cleanup_free_ char *private =
            guest_record_wanting(c->before, actions[i].wanted, c->user ? POWER_USER : POWER_POLICY);
        txn_put_private(plan->txn, c->before, private, c->now_ms);
        plan_task_end(plan, c, actions[i].task);
        return 0;
    }
    return err_set(e, ERR_UNSUPPORTED, "a guest has no action %s", action);
}

static void ignore_result(void *arg, const struct commit_result *result)
{
    (void)arg;
    (void)result;
}

int guest_start_by_itself(struct core *core, const struct doc *guest, enum power_cause cause, struct err *e)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct doc *now = snapshot_by_uuid(s, KIND_GUEST, guest->uuid);
    if (!now)
        return 0;
    struct intent c = {.snapshot = s,
        .kind = KIND_GUEST,
        .before = now,
        .name = now->name,
        .now_ms = clock_unix_ms(core->clock)};
    memcpy(c.uuid, now->uuid, sizeof(c.uuid));
    struct plan plan;
    plan_init(&plan);
    int r = tasks_check_free(core->tasks, now, e) < 0 ? -1 : plan_start(core, &c, &plan, e);
    if (r == 0) {
        const struct guest_record *old = guest_record_of(now);
        _cleanup_free_ char *private = guest_record_wanting(
            now, POWER_RUNNING, old->wanted == POWER_RUNNING ? (enum power_cause)old->cause : cause);
        txn_put_private(plan.txn, now, private, c.now_ms);
        plan_task_end(&plan, &c, "guest.start");
        registry_propose(core->registry, TAKE_PTR(plan.txn), ignore_result, NULL);
    }
    plan_clear(&plan);
    return r;
}
