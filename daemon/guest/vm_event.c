/* What libvirt tells of domains, as guest events. */
#include "guest/vm.h"

/* Rows of event and detail; a detail of -1 means all others. */
static const struct {
    int event, detail;
    enum guest_state state;
    enum guest_cause cause;
    const char *words;
} events[] = {
    {VIR_DOMAIN_EVENT_STARTED, -1, GUEST_RUNNING, CAUSE_STARTED, ""},
    {VIR_DOMAIN_EVENT_RESUMED, -1, GUEST_RUNNING, CAUSE_STARTED, ""},
    {VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, GUEST_BLOCKED, CAUSE_IO_ERROR,
        "it waits: a disk reported an error"},
    {VIR_DOMAIN_EVENT_SUSPENDED, -1, GUEST_PAUSED, CAUSE_NONE, ""},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, GUEST_STOPPED, CAUSE_GUEST, ""},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_CRASHED, GUEST_CRASHED, CAUSE_FAILED,
        "its kernel panicked"},
    {VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, GUEST_CRASHED, CAUSE_FAILED,
        "QEMU ended unexpectedly"},
    {VIR_DOMAIN_EVENT_STOPPED, -1, GUEST_STOPPED, CAUSE_STOPPED, ""},
    {VIR_DOMAIN_EVENT_CRASHED, -1, GUEST_CRASHED, CAUSE_FAILED, "its kernel panicked"},
    {VIR_DOMAIN_EVENT_PMSUSPENDED, -1, GUEST_PAUSED, CAUSE_GUEST, "it sleeps"},
};

bool vm_event_map(int event, int detail, struct guest_event *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        if (events[i].event == event && (events[i].detail == detail || events[i].detail == -1)) {
            ret->state = events[i].state;
            ret->cause = events[i].cause;
            snprintf(ret->detail, sizeof(ret->detail), "%s", events[i].words);
            return true;
        }
    return false;
}

static const struct {
    int state, reason;
    enum guest_state guest;
    enum guest_cause cause;
} states[] = {
    {VIR_DOMAIN_RUNNING, -1, GUEST_RUNNING, CAUSE_STARTED},
    {VIR_DOMAIN_BLOCKED, -1, GUEST_RUNNING, CAUSE_STARTED},
    {VIR_DOMAIN_SHUTDOWN, -1, GUEST_RUNNING, CAUSE_STARTED}, /* on its way down: not yet there */
    {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, GUEST_BLOCKED, CAUSE_IO_ERROR},
    {VIR_DOMAIN_PAUSED, -1, GUEST_PAUSED, CAUSE_NONE},
    {VIR_DOMAIN_PMSUSPENDED, -1, GUEST_PAUSED, CAUSE_GUEST},
    {VIR_DOMAIN_CRASHED, -1, GUEST_CRASHED, CAUSE_FAILED},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, GUEST_STOPPED, CAUSE_GUEST},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED, GUEST_STOPPED, CAUSE_STOPPED},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_CRASHED, GUEST_CRASHED, CAUSE_FAILED},
    {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED, GUEST_CRASHED, CAUSE_FAILED},
    {VIR_DOMAIN_SHUTOFF, -1, GUEST_STOPPED, CAUSE_NONE},
};

void vm_state_map(int state, int reason, enum guest_state *ret_state, enum guest_cause *ret_cause)
{
    *ret_state = GUEST_UNKNOWN;
    *ret_cause = CAUSE_NONE;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++)
        if (states[i].state == state && (states[i].reason == reason || states[i].reason == -1)) {
            *ret_state = states[i].guest;
            *ret_cause = states[i].cause;
            return;
        }
}

static void tell(struct vm_driver *driver, virDomainPtr domain, struct guest_event *event)
{
    if (virDomainGetUUIDString(domain, event->uuid) < 0 || !vm_is_ours(driver, domain))
        return;
    bool dies = event->state == GUEST_CRASHED || event->state == GUEST_STOPPED;
    /* A start that fails half-way is told by its error. */
    if (dies && vm_is_starting(driver, event->uuid))
        return;
    driver->event(driver->event_arg, event);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *arg)
{
    (void)conn;
    struct guest_event row = {0};
    if (vm_event_map(event, detail, &row))
        tell(arg, domain, &row);
    return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr domain, void *arg)
{
    (void)conn;
    struct guest_event row = {.state = GUEST_RUNNING, .cause = CAUSE_GUEST, .detail = "it rebooted"};
    tell(arg, domain, &row);
}

static void on_io_error(virConnectPtr conn, virDomainPtr domain, const char *path, const char *alias,
    int action, const char *reason, void *arg)
{
    (void)conn;
    (void)alias;
    if (action != VIR_DOMAIN_EVENT_IO_ERROR_PAUSE)
        return;
    struct guest_event row = {.state = GUEST_BLOCKED, .cause = CAUSE_IO_ERROR};
    if (reason && streq(reason, "enospc"))
        snprintf(row.detail, sizeof(row.detail), "it waits: its pool is full (%.100s)", path ? path : "");
    else
        snprintf(
            row.detail, sizeof(row.detail), "it waits: its disk %.100s reported an error", path ? path : "");
    tell(arg, domain, &row);
}

void vm_event_register(struct vm_driver *driver, virConnectPtr conn, int ids[static VM_CALLBACKS])
{
    const struct {
        int id;
        virConnectDomainEventGenericCallback callback;
    } rows[] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
        {VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot)},
        {VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, VIR_DOMAIN_EVENT_CALLBACK(on_io_error)},
    };
    _Static_assert(ARRAY_SIZE(rows) == VM_CALLBACKS, "one id for each callback");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ids[i] = virConnectDomainEventRegisterAny(conn, NULL, rows[i].id, rows[i].callback, driver, NULL);
}
