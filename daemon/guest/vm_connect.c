/* The connection to libvirtd: one thread runs libvirt's event loop, another opens the connection, asks
 * whether it still answers, and opens it again whenever it is lost; a third ends it when that hangs. Guests
 * do not depend on it.
 *
 * libvirt's own keepalive is not used: when it gives up while two calls wait, one of them goes on waiting,
 * and the client library (9.0) crashes in it once libvirtd is back. The end of the stream it handles well. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"
#include "guest/vm.h"
#include "guest/vm_xml.h"

#define URI      "qemu:///system"
#define RETRY_MS 500
#define ASK_MS   5000  /* between two questions whether it still answers */
#define HANG_MS  12000 /* without an answer for this long it is given up */

static char ours_mark, foreign_mark;

/* ---- libvirt's event loop: one for the process, for good ---- */

static void *run_events(void *arg)
{
    for (;;)
        if (virEventRunDefaultImpl() < 0)
            usleep(100000);
    return arg;
}

static void be_silent(void *arg, virErrorPtr error)
{
    (void)arg;
    (void)error; /* every one comes back as a return value */
}

/* The loop sleeps until something that it watches moves, and has to watch something from the beginning. */
static void ignore_timeout(int timer, void *arg)
{
    (void)timer;
    (void)arg;
}

static void start_events(void)
{
    pthread_t thread;
    virSetErrorFunc(NULL, be_silent);
    virInitialize();
    virEventRegisterDefaultImpl();
    virEventAddTimeout(60000, ignore_timeout, NULL, NULL);
    if (pthread_create(&thread, NULL, run_events, NULL) == 0)
        pthread_detach(thread);
}

/* ---- errors ---- */

static enum err_code code_of(const virError *error)
{
    static const struct {
        int number;
        enum err_code code;
    } rows[] = {
        {VIR_ERR_NO_DOMAIN, ERR_NOT_FOUND},
        {VIR_ERR_OPERATION_INVALID, ERR_STATE},
        {VIR_ERR_NO_SUPPORT, ERR_UNSUPPORTED},
        {VIR_ERR_OPERATION_UNSUPPORTED, ERR_UNSUPPORTED},
        {VIR_ERR_CONFIG_UNSUPPORTED, ERR_UNSUPPORTED},
        {VIR_ERR_OPERATION_TIMEOUT, ERR_TIMEOUT},
        {VIR_ERR_NO_CONNECT, ERR_UNAVAILABLE},
        {VIR_ERR_INVALID_CONN, ERR_UNAVAILABLE},
        {VIR_ERR_RPC, ERR_UNAVAILABLE},
    };
    /* A connection that broke under a call. */
    if (error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE)
        return ERR_UNAVAILABLE;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].number == error->code)
            return rows[i].code;
    return error->message && strstr(error->message, "No space left") ? ERR_NO_SPACE : ERR_INTERNAL;
}

static int set_unavailable(struct err *e, const char *why)
{
    err_set(e, ERR_UNAVAILABLE, "libvirtd cannot be reached: %.300s", why);
    return err_hint(e, "running guests go on; start it (systemctl start libvirtd) and this heals by itself");
}

int vm_error(struct err *e, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    const virError *error = virGetLastError();
    const char *why = error && error->message ? error->message : "libvirt gave no reason";
    if (error && code_of(error) == ERR_UNAVAILABLE) {
        set_unavailable(e, why);
        return err_prefix(e, "%s", what);
    }
    return err_set(e, error ? code_of(error) : ERR_INTERNAL, "%s: %.400s", what, why);
}

/* ---- whose domain ---- */

void vm_set_ours(struct vm_driver *driver, const char *uuid, bool ours)
{
    pthread_mutex_lock(&driver->lock);
    map_set(&driver->ours, uuid, ours ? &ours_mark : &foreign_mark);
    pthread_mutex_unlock(&driver->lock);
}

bool vm_is_ours(struct vm_driver *driver, virDomainPtr domain)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    if (virDomainGetUUIDString(domain, uuid) < 0 || !streq(virDomainGetName(domain), uuid))
        return false;
    pthread_mutex_lock(&driver->lock);
    const void *known = map_get(&driver->ours, uuid);
    pthread_mutex_unlock(&driver->lock);
    if (known)
        return known == &ours_mark;
    char *text = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, VM_METADATA_URI, 0);
    _cleanup_free_ char *wanted = mem_printf("instance=\"%s\"", driver->instance);
    bool ours = text && strstr(text, wanted);
    free(text);
    vm_set_ours(driver, uuid, ours);
    return ours;
}

bool vm_is_starting(struct vm_driver *driver, const char *uuid)
{
    pthread_mutex_lock(&driver->lock);
    bool starting = map_get(&driver->starting, uuid);
    pthread_mutex_unlock(&driver->lock);
    return starting;
}

/* ---- the keeper ---- */

static void tell_reachable(struct vm_driver *driver, bool reachable)
{
    struct guest_event event = {.state = reachable ? GUEST_RUNNING : GUEST_UNKNOWN};
    if (!reachable)
        snprintf(event.detail, sizeof(event.detail), "libvirtd cannot be reached");
    driver->event(driver->event_arg, &event);
}

static bool leads_to_libvirtd(int fd)
{
    struct sockaddr_un peer = {0};
    socklen_t len = sizeof(peer) - 1;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || peer.sun_family != AF_UNIX)
        return false;
    size_t n = strlen(peer.sun_path);
    return strstr(peer.sun_path, "/libvirt/") && n > 5 && streq(peer.sun_path + n - 5, "-sock");
}

/* Ends every call that waits for an answer. libvirt lets nobody have its socket, so that is looked up. A copy
 * is asked and shut down: the number may be another file's a moment later. */
static void end_calls(void)
{
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        _cleanup_close_ int copy =
            entry->d_name[0] == '.' ? -1 : fcntl(atoi(entry->d_name), F_DUPFD_CLOEXEC, 0);
        if (copy >= 0 && leads_to_libvirtd(copy))
            shutdown(copy, SHUT_RDWR);
    }
    if (dir)
        closedir(dir);
}

static void on_close(virConnectPtr conn, int reason, void *arg)
{
    (void)reason;
    struct vm_driver *driver = arg;
    pthread_mutex_lock(&driver->lock);
    if (driver->conn == conn && !driver->given_up) {
        snprintf(driver->reason, sizeof(driver->reason), "the connection was closed");
        pthread_cond_broadcast(&driver->changed);
    }
    pthread_mutex_unlock(&driver->lock);
}

/* With the lock: what the keeper does from here on may hang. Without it, end_waiting takes it again. */
static void begin_waiting(struct vm_driver *driver)
{
    driver->waiting_since_ms = clock_monotonic_ms(&clock_system);
    driver->given_up = false;
    pthread_cond_broadcast(&driver->changed);
    pthread_mutex_unlock(&driver->lock);
}

static void end_waiting(struct vm_driver *driver)
{
    pthread_mutex_lock(&driver->lock);
    driver->waiting_since_ms = 0;
}

/* With the lock, which is let go while it connects. */
static void try_connect(struct vm_driver *driver)
{
    begin_waiting(driver);
    virConnectPtr conn = virConnectOpen(URI);
    const virError *error = conn ? NULL : virGetLastError();
    if (conn) {
        virConnectRegisterCloseCallback(conn, on_close, driver, NULL);
        vm_event_register(driver, conn, driver->callbacks);
    }
    end_waiting(driver);
    driver->conn = conn;
    if (!conn && !driver->given_up)
        snprintf(driver->reason, sizeof(driver->reason), "%s", error ? error->message : "unknown reason");
    for (size_t i = 0; conn && i < ARRAY_SIZE(driver->machines); i++) /* QEMU may be another by now */
        free(TAKE_PTR(driver->machines[i]));
    bool tells = conn ? true : !driver->lost_told;
    driver->lost_told = !conn;
    pthread_mutex_unlock(&driver->lock);
    if (tells)
        tell_reachable(driver, conn != NULL);
    pthread_mutex_lock(&driver->lock);
}

/* With the lock. */
static void drop_connection(struct vm_driver *driver)
{
    virConnectPtr conn = TAKE_PTR(driver->conn);
    map_clear(&driver->ours);
    begin_waiting(driver);
    if (conn) {
        for (size_t i = 0; i < VM_CALLBACKS; i++) /* each holds the connection */
            if (driver->callbacks[i] >= 0)
                virConnectDomainEventDeregisterAny(conn, driver->callbacks[i]);
        virConnectUnregisterCloseCallback(conn, on_close);
        virConnectClose(conn);
    }
    end_waiting(driver);
}

/* With the lock, which is let go meanwhile. The question is one that libvirtd answers before all others, so
 * that a busy one does not seem to hang. */
static bool still_answers(struct vm_driver *driver)
{
    unsigned long version;
    begin_waiting(driver);
    virConnectGetLibVersion(driver->conn, &version);
    bool answers = virConnectIsAlive(driver->conn) == 1;
    end_waiting(driver);
    return answers;
}

static void wait_changed(struct vm_driver *driver, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&driver->changed, &driver->lock, &until);
}

static void *keeper(void *arg)
{
    struct vm_driver *driver = arg;
    pthread_mutex_lock(&driver->lock);
    while (!driver->closing) {
        if (!driver->conn)
            try_connect(driver);
        if (driver->closing)
            break;
        wait_changed(driver, driver->conn ? ASK_MS : RETRY_MS);
        if (driver->conn && !still_answers(driver))
            drop_connection(driver);
    }
    drop_connection(driver);
    driver->closed = true;
    pthread_cond_broadcast(&driver->changed);
    pthread_mutex_unlock(&driver->lock);
    return NULL;
}

/* Ends what the keeper waits for in vain, and with it all other calls. */
static void *watchdog(void *arg)
{
    struct vm_driver *driver = arg;
    pthread_mutex_lock(&driver->lock);
    while (!driver->closed) {
        uint64_t now = clock_monotonic_ms(&clock_system), since = driver->waiting_since_ms;
        if (since && (driver->closing || now - since >= HANG_MS)) {
            snprintf(driver->reason, sizeof(driver->reason), "it does not answer");
            driver->given_up = true;
            pthread_mutex_unlock(&driver->lock);
            end_calls();
            pthread_mutex_lock(&driver->lock);
            if (!driver->closed)
                wait_changed(driver, RETRY_MS);
        } else if (since) {
            wait_changed(driver, (unsigned)(HANG_MS - (now - since)));
        } else {
            pthread_cond_wait(&driver->changed, &driver->lock);
        }
    }
    pthread_mutex_unlock(&driver->lock);
    return NULL;
}

int vm_connect_start(struct vm_driver *driver, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_events);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&driver->changed, &attributes);
    pthread_mutex_init(&driver->lock, NULL);
    snprintf(driver->reason, sizeof(driver->reason), "not connected yet");
    int r = pthread_create(&driver->watchdog, NULL, watchdog, driver);
    if (r == 0 && (r = pthread_create(&driver->keeper, NULL, keeper, driver)) != 0) {
        pthread_mutex_lock(&driver->lock);
        driver->closed = true;
        pthread_cond_broadcast(&driver->changed);
        pthread_mutex_unlock(&driver->lock);
        pthread_join(driver->watchdog, NULL);
    }
    return r ? err_errno(e, r, "cannot start a thread") : 0;
}

void vm_connect_stop(struct vm_driver *driver)
{
    pthread_mutex_lock(&driver->lock);
    driver->closing = true;
    pthread_cond_broadcast(&driver->changed);
    pthread_mutex_unlock(&driver->lock);
    pthread_join(driver->keeper, NULL);
    pthread_join(driver->watchdog, NULL);
}

int vm_connect_get(struct vm_driver *driver, virConnectPtr *ret, struct err *e)
{
    pthread_mutex_lock(&driver->lock);
    virConnectPtr conn = driver->conn && virConnectRef(driver->conn) == 0 ? driver->conn : NULL;
    char why[sizeof(driver->reason)];
    memcpy(why, driver->reason, sizeof(why));
    pthread_mutex_unlock(&driver->lock);
    *ret = conn;
    return conn ? 0 : set_unavailable(e, why);
}
