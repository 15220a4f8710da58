/* Virtual machines by libvirt. The definition that it keeps is a cache: it is written before each start. */
#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>

#include "base/fs.h"
#include "guest/vm.h"
#include "guest/vm_console.h"
#include "guest/vm_machine.h"
#include "guest/vm_owner.h"
#include "guest/vm_poll.h"
#include "guest/vm_xml.h"

#define _cleanup_domain_  __attribute__((cleanup(virDomainFree_p)))
#define _cleanup_connect_ __attribute__((cleanup(virConnectClose_p)))

static void driver_close(void *arg)
{
    struct vm_driver *driver = arg;
    vm_connect_stop(driver);
    pthread_mutex_destroy(&driver->lock);
    pthread_cond_destroy(&driver->changed);
    map_clear(&driver->ours);
    map_clear(&driver->starting);
    for (size_t i = 0; i < ARRAY_SIZE(driver->machines); i++)
        free(driver->machines[i]);
    free(driver->state_dir);
    free(driver->instance);
    free(driver);
}

static int driver_open(const struct guest_driver_options *options, void **ret_driver, struct err *e)
{
    struct vm_driver *driver = mem_new(struct vm_driver, 1);
    driver->state_dir = mem_strdup(options->state_dir);
    driver->instance = mem_strdup(options->instance);
    driver->event = options->event;
    driver->event_arg = options->event_arg;
    if (vm_connect_start(driver, e) < 0) {
        free(driver->state_dir);
        free(driver->instance);
        free(driver);
        return -1;
    }
    *ret_driver = driver;
    return 0;
}

/* *ret is NULL when there is none. One that somebody else made is never touched. */
static int find(
    struct vm_driver *driver, virConnectPtr conn, const char *uuid, virDomainPtr *ret, struct err *e)
{
    *ret = virDomainLookupByUUIDString(conn, uuid);
    if (*ret && !vm_is_ours(driver, *ret)) {
        virDomainFree(TAKE_PTR(*ret));
        return err_set(e, ERR_CONFLICT, "libvirt has a machine %s that does not belong to this Lodge", uuid);
    }
    if (*ret)
        return 0;
    const virError *error = virGetLastError();
    return error && error->code == VIR_ERR_NO_DOMAIN ? 0 : vm_error(e, "cannot look up guest %s", uuid);
}

/* ---- start ---- */

static bool opens_directly(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    return fd >= 0;
}

static int build_xml(struct vm_driver *driver, const struct guest_config *config, const char *machine,
    char **ret, struct err *e)
{
    bool direct_io[VM_DISKS_MAX] = {false};
    if (config->n_disks > VM_DISKS_MAX)
        return err_set(e, ERR_UNSUPPORTED, "a virtual machine has at most %d disks", VM_DISKS_MAX);
    for (size_t i = 0; i < config->n_disks; i++)
        direct_io[i] = opens_directly(config->disks[i].at.path);
    struct vm_xml_options options = {driver->instance, machine, direct_io};
    return vm_xml_build(config, &options, ret, e);
}

/* libvirt has no call for it; its own record of the process is the only place. */
static pid_t qemu_pid(const char *uuid)
{
    _cleanup_free_ char *path = mem_printf("/run/libvirt/qemu/%s.pid", uuid), *text = NULL;
    return fs_read(AT_FDCWD, path, 64, &text, NULL, NULL) == 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static void set_starting(struct vm_driver *driver, const char *uuid, bool starting)
{
    pthread_mutex_lock(&driver->lock);
    if (starting)
        map_set(&driver->starting, uuid, driver);
    else
        map_remove(&driver->starting, uuid);
    pthread_mutex_unlock(&driver->lock);
}

/* A socket that a killed QEMU left would be in the way of the next. */
static void remove_sockets(const struct guest_config *config)
{
    static const char *const names[] = {VM_SERIAL_SOCKET, VM_VNC_SOCKET};
    for (size_t i = 0; config->runtime_dir && i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = mem_printf("%s/%s", config->runtime_dir, names[i]);
        unlink(path);
    }
}

/* QEMU makes its sockets there itself. */
static int give_to_qemu(virConnectPtr conn, const char *runtime_dir, struct err *e)
{
    uid_t uid;
    gid_t gid;
    char *capabilities = virConnectGetCapabilities(conn);
    if (!capabilities)
        return vm_error(e, "libvirt does not say as whom it starts QEMU");
    bool known = vm_owner_in(capabilities, &uid, &gid);
    free(capabilities);
    if (known && chown(runtime_dir, uid, gid) < 0)
        return err_errno(e, errno, "cannot give %s to QEMU's user", runtime_dir);
    return 0;
}

static int define_and_create(
    virConnectPtr conn, const struct guest_config *config, const char *xml, struct err *e)
{
    if (config->runtime_dir && give_to_qemu(conn, config->runtime_dir, e) < 0)
        return -1;
    virDomainPtr domain _cleanup_domain_ = virDomainDefineXML(conn, xml);
    if (!domain)
        return vm_error(e, "libvirt refuses the machine");
    remove_sockets(config);
    if (virDomainCreate(domain) == 0)
        return 0;
    vm_error(e, "QEMU does not start");
    virDomainUndefineFlags(domain, 0);
    return -1;
}

/* Its end is told by nobody as long as it is being started. */
static void tell_when_over(struct vm_driver *driver, virConnectPtr conn, const char *uuid)
{
    virDomainPtr domain _cleanup_domain_ = virDomainLookupByUUIDString(conn, uuid);
    struct guest_event event = {0};
    int state, reason;
    if (!domain || virDomainGetState(domain, &state, &reason, 0) < 0)
        return;
    vm_state_map(state, reason, &event.state, &event.cause);
    memcpy(event.uuid, uuid, UUID_LEN);
    if (event.state == GUEST_STOPPED || event.state == GUEST_CRASHED)
        driver->event(driver->event_arg, &event);
}

static int driver_start(
    void *arg, const struct guest_config *config, struct guest_started *ret, struct err *e)
{
    struct vm_driver *driver = arg;
    virConnectPtr conn _cleanup_connect_ = NULL;
    virDomainPtr present _cleanup_domain_ = NULL;
    _cleanup_free_ char *xml = NULL;
    struct guest_started started = {0};
    if (vm_connect_get(driver, &conn, e) < 0 || find(driver, conn, config->uuid, &present, e) < 0)
        return -1;
    if (config->machine)
        snprintf(started.machine, sizeof(started.machine), "%s", config->machine);
    else if (vm_machine_newest(driver, conn, config->kvm, started.machine, sizeof(started.machine), e) < 0)
        return -1;
    if (!present || virDomainIsActive(present) != 1) {
        if (build_xml(driver, config, started.machine, &xml, e) < 0)
            return -1;
        vm_set_ours(driver, config->uuid, true);
        set_starting(driver, config->uuid, true);
        int r = define_and_create(conn, config, xml, e);
        set_starting(driver, config->uuid, false);
        if (r < 0)
            return -1;
        tell_when_over(driver, conn, config->uuid);
    }
    started.pid = qemu_pid(config->uuid);
    *ret = started;
    return 0;
}

/* ---- calls on a domain ---- */

/* Runs fn on an active domain. One that is not there, or does not run, is `otherwise`: 0 is success. */
static int on_active(
    void *arg, const char *uuid, int (*fn)(virDomainPtr), const char *what, bool gone_is_fine, struct err *e)
{
    struct vm_driver *driver = arg;
    virConnectPtr conn _cleanup_connect_ = NULL;
    virDomainPtr domain _cleanup_domain_ = NULL;
    if (vm_connect_get(driver, &conn, e) < 0 || find(driver, conn, uuid, &domain, e) < 0)
        return -1;
    if (!domain || virDomainIsActive(domain) != 1)
        return gone_is_fine ? 0 : err_set(e, ERR_STATE, "cannot %s the guest: it does not run", what);
    if (fn(domain) == 0)
        return 0;
    /* It may have ended just now. */
    if (gone_is_fine && virDomainIsActive(domain) == 0)
        return 0;
    return vm_error(e, "cannot %s the guest", what);
}

/* The power button: it only asks, and at once. What listens inside is the guest's matter. */
static int press_power(virDomainPtr domain)
{
    return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
}

static int ask_reboot(virDomainPtr domain)
{
    return virDomainReboot(domain, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN);
}

static int reset(virDomainPtr domain)
{
    return virDomainReset(domain, 0);
}

static int suspend_running(virDomainPtr domain)
{
    int state = 0;
    virDomainGetState(domain, &state, NULL, 0);
    return state == VIR_DOMAIN_PAUSED ? 0 : virDomainSuspend(domain);
}

static int resume_paused(virDomainPtr domain)
{
    int state = 0;
    virDomainGetState(domain, &state, NULL, 0);
    return state == VIR_DOMAIN_RUNNING ? 0 : virDomainResume(domain);
}

static int driver_shutdown(void *arg, const char *uuid, struct err *e)
{
    return on_active(arg, uuid, press_power, "shut down", true, e);
}

static int driver_stop(void *arg, const char *uuid, struct err *e)
{
    return on_active(arg, uuid, virDomainDestroy, "stop", true, e);
}

static int driver_reboot(void *arg, const char *uuid, struct err *e)
{
    return on_active(arg, uuid, ask_reboot, "reboot", false, e);
}

static int driver_reset(void *arg, const char *uuid, struct err *e)
{
    return on_active(arg, uuid, reset, "reset", false, e);
}

static int driver_pause(void *arg, const char *uuid, struct err *e)
{
    return on_active(arg, uuid, suspend_running, "pause", false, e);
}

static int driver_resume(void *arg, const char *uuid, struct err *e)
{
    return on_active(arg, uuid, resume_paused, "resume", false, e);
}

static int driver_forget(void *arg, const char *uuid, struct err *e)
{
    struct vm_driver *driver = arg;
    virConnectPtr conn _cleanup_connect_ = NULL;
    virDomainPtr domain _cleanup_domain_ = NULL;
    if (vm_connect_get(driver, &conn, e) < 0 || find(driver, conn, uuid, &domain, e) < 0)
        return -1;
    if (!domain)
        return 0;
    if (virDomainIsActive(domain) == 1)
        return err_set(e, ERR_STATE, "the guest still runs");
    /* The files that it may have are volumes of ours: only what libvirt itself keeps goes. */
    if (virDomainUndefineFlags(
            domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                        VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) < 0)
        return vm_error(e, "cannot remove the guest's definition");
    pthread_mutex_lock(&driver->lock);
    map_remove(&driver->ours, uuid);
    pthread_mutex_unlock(&driver->lock);
    return 0;
}

static int driver_erase(void *arg, const char *uuid, struct err *e)
{
    _cleanup_free_ char *log = mem_printf("/var/log/libvirt/qemu/%s.log", uuid);
    (void)arg;
    if (unlink(log) < 0 && errno != ENOENT)
        return err_errno(e, errno, "cannot remove %s", log);
    return 0;
}

static int driver_poll(void *arg, guest_sample_fn *fn, void *fn_arg, struct err *e)
{
    return vm_poll(arg, fn, fn_arg, e);
}

const struct guest_ops guest_libvirt = {
    .name = "libvirt",
    .type = GUEST_VM,
    .open = driver_open,
    .close = driver_close,
    .start = driver_start,
    .shutdown = driver_shutdown,
    .stop = driver_stop,
    .reboot = driver_reboot,
    .reset = driver_reset,
    .pause = driver_pause,
    .resume = driver_resume,
    .forget = driver_forget,
    .erase = driver_erase,
    .poll = driver_poll,
    .consoles = 1U << CONSOLE_VNC | 1U << CONSOLE_SERIAL,
    .console_open = vm_console_open,
};
