/* Watching containers: their monitors' and inits' pidfds in one epoll. A monitor that ends has left the
 * reason in its folder; an init that ends alone reboots. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fs.h"
#include "guest/ct.h"

#define REBOOT_LOOK_MS 20 /* how often to look for the new init */

void ct_tell(const struct ct_driver *driver, const struct guest_event *event)
{
    if (driver->event)
        driver->event(driver->event_arg, event);
}

bool ct_guest_alive(const struct ct_guest *guest)
{
    return guest->state == GUEST_RUNNING || guest->state == GUEST_PAUSED;
}

int ct_guest_dir(const struct ct_driver *driver, const char *uuid)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", driver->path, uuid);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct ct_guest *ct_guest_get(struct ct_driver *driver, const char *uuid)
{
    struct ct_guest *guest = map_get(&driver->guests, uuid);
    if (guest)
        return guest;
    guest = mem_new(struct ct_guest, 1);
    memcpy(guest->uuid, uuid, UUID_LEN);
    guest->monitor_fd = guest->init_fd = -1;
    map_set(&driver->guests, uuid, guest);
    return guest;
}

static void unwatch(struct ct_guest *guest)
{
    close_p(&guest->monitor_fd); /* which takes them out of the epoll, too */
    close_p(&guest->init_fd);
    guest->monitor_fd = guest->init_fd = -1;
    guest->init_gone_ms = 0;
    ct_cgroup_clear(&guest->cgroup);
}

void ct_guest_free(struct ct_guest *guest)
{
    unwatch(guest);
    free(guest->ifnames);
    free(guest);
}

/* A pidfd of exactly this process, -1 when it is gone. */
static int open_process(const struct ct_process *process)
{
    int fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (fd >= 0 && ct_start_time(process->pid) != process->start) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void watch(struct ct_driver *driver, int fd, uint64_t id, bool is_monitor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id << 1 | is_monitor};
    epoll_ctl(driver->epoll, EPOLL_CTL_ADD, fd, &event);
}

static bool is_first_in_namespace(pid_t pid)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/status", (int)pid), *text = NULL;
    if (fs_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
        return false;
    const char *line = strstr(text, "\nNSpid:");
    size_t n = line ? strcspn(line + 1, "\n") : 0;
    return n > 2 && line[n] == '1' && line[n - 1] == '\t' && memchr(line + 8, '\t', n - 8);
}

/* The init is the child of the monitor that is number 1 where it lives. */
static bool find_init(pid_t monitor, struct ct_process *ret)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/task/%d/children", (int)monitor, (int)monitor),
                        *text = NULL;
    if (fs_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
        return false;
    char *save = NULL;
    for (char *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        pid_t pid = atoi(word);
        unsigned long long start = ct_start_time(pid);
        if (start && is_first_in_namespace(pid)) {
            *ret = (struct ct_process){pid, start};
            return true;
        }
    }
    return false;
}

static bool watch_init(struct ct_driver *driver, struct ct_guest *guest)
{
    struct ct_process init;
    if (!find_init(guest->monitor.pid, &init))
        return false;
    int fd = open_process(&init);
    if (fd < 0)
        return false;
    guest->init = init;
    guest->init_fd = fd;
    guest->init_gone_ms = 0;
    ct_cgroup_clear(&guest->cgroup);
    ct_cgroup_find(driver->mounts, init.pid, guest->uuid, &guest->cgroup);
    watch(driver, fd, guest->id, false);
    return true;
}

bool ct_watch_adopt(struct ct_driver *driver, const char *uuid)
{
    _cleanup_close_ int dir = ct_guest_dir(driver, uuid);
    struct ct_process monitor;
    if (dir < 0 || !ct_process_read(dir, CT_MONITOR_FILE, &monitor))
        return false;
    struct ct_guest *guest = ct_guest_get(driver, uuid);
    if (guest->monitor_fd >= 0)
        return true;
    int fd = open_process(&monitor);
    if (fd < 0)
        return false;
    guest->id = ++driver->next_id;
    guest->monitor = monitor;
    guest->monitor_fd = fd;
    guest->stop_asked = false;
    watch(driver, fd, guest->id, true);
    if (!watch_init(driver, guest)) /* it reboots just now, or ends */
        guest->init_gone_ms = clock_monotonic_ms(&clock_system);
    guest->state = ct_cgroup_is_frozen(&guest->cgroup) ? GUEST_PAUSED : GUEST_RUNNING;
    guest->cause = CAUSE_STARTED;
    return true;
}

/* What the monitor left says how the init ended. */
void ct_judge_end(const struct ct_driver *driver, const struct ct_guest *guest, struct guest_event *event)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *ended = NULL;
    _cleanup_close_ int dir = ct_guest_dir(driver, guest->uuid);
    size_t n = 0;
    bool known = dir >= 0 && fs_read(dir, CT_ENDED_FILE, 4096, &text, &n, NULL) == 0 &&
                 json_parse(text, n, CT_ENDED_FILE, &ended, NULL) == 0;
    int code = (int)json_get_int(ended, "code", 0), killed_by = (int)json_get_int(ended, "signal", 0);
    const char *failed = json_get_str(ended, "failed", NULL);
    event->state = GUEST_STOPPED;
    if (guest->stop_asked) {
        event->cause = CAUSE_STOPPED;
    } else if (!known) {
        event->state = GUEST_CRASHED;
        event->cause = CAUSE_FAILED;
        snprintf(event->detail, sizeof(event->detail), "its monitor was killed");
    } else if (failed) {
        event->state = GUEST_CRASHED;
        event->cause = CAUSE_FAILED;
        snprintf(event->detail, sizeof(event->detail), "it could not start again: %.120s", failed);
    } else if (killed_by && killed_by != SIGINT) { /* SIGINT: it called reboot(2) to halt */
        event->state = GUEST_CRASHED;
        event->cause = CAUSE_FAILED;
        snprintf(event->detail, sizeof(event->detail), "its init was killed by signal %d (%s)", killed_by,
            strsignal(killed_by));
    } else {
        event->cause = CAUSE_GUEST;
        if (code)
            snprintf(event->detail, sizeof(event->detail), "its init ended with code %d", code);
    }
}

static void monitor_ended(struct ct_driver *driver, struct ct_guest *guest, struct guest_event *event)
{
    if (guest->init_fd >= 0) { /* the kernel kills it with its monitor; make sure of it */
        ct_cgroup_freeze(&guest->cgroup, false, NULL);
        syscall(SYS_pidfd_send_signal, guest->init_fd, SIGKILL, NULL, 0);
    }
    ct_judge_end(driver, guest, event);
    unwatch(guest);
    guest->state = event->state;
    guest->cause = event->cause;
}

static struct ct_guest *find_by_id(struct ct_driver *driver, uint64_t id)
{
    MAP_FOREACH (&driver->guests, entry) {
        struct ct_guest *guest = entry->value;
        if (guest->id == id && guest->monitor_fd >= 0)
            return guest;
    }
    return NULL;
}

static void handle(struct ct_driver *driver, uint64_t data)
{
    struct guest_event event = {0};
    pthread_mutex_lock(&driver->lock);
    struct ct_guest *guest = find_by_id(driver, data >> 1);
    bool tell = guest && (data & 1);
    if (tell) {
        memcpy(event.uuid, guest->uuid, sizeof(event.uuid));
        monitor_ended(driver, guest, &event);
    } else if (guest) {
        close_p(&guest->init_fd);
        guest->init_fd = -1;
        guest->init_gone_ms = clock_monotonic_ms(&clock_system);
    }
    if (tell)
        ct_tell(driver, &event);
    pthread_mutex_unlock(&driver->lock);
}

/* Looks for new inits of containers whose monitor lives on without one; true while there are some. */
static bool look_for_reboots(struct ct_driver *driver)
{
    bool waiting = false;
    struct guest_event event = {.state = GUEST_RUNNING, .cause = CAUSE_GUEST, .detail = "it rebooted"};
    pthread_mutex_lock(&driver->lock);
    MAP_FOREACH (&driver->guests, entry) {
        struct ct_guest *guest = entry->value;
        if (!guest->init_gone_ms)
            continue;
        if (!event.uuid[0] && watch_init(driver, guest))
            memcpy(event.uuid, guest->uuid, sizeof(event.uuid));
        else
            waiting = true;
    }
    if (event.uuid[0])
        ct_tell(driver, &event);
    pthread_mutex_unlock(&driver->lock);
    return waiting;
}

/* Does not block: the eventfd is opened so. */
static void drain_wake(struct ct_driver *driver)
{
    uint64_t count;
    ssize_t n = read(driver->wake, &count, sizeof(count));
    (void)n;
}

static void *watcher(void *arg)
{
    struct ct_driver *driver = arg;
    struct epoll_event events[32];
    bool waiting = true;
    for (bool closing = false; !closing;) {
        int n = epoll_wait(driver->epoll, events, ARRAY_SIZE(events), waiting ? REBOOT_LOOK_MS : -1);
        /* The end of an init and of its monitor may stand together here: monitors are handled first, so
         * that an init that is gone for good is not looked for. */
        for (int round = 1; round >= 0; round--)
            for (int i = 0; i < n; i++)
                if (events[i].data.u64 != UINT64_MAX && (events[i].data.u64 & 1) == (uint64_t)round)
                    handle(driver, events[i].data.u64);
        drain_wake(driver);
        waiting = look_for_reboots(driver);
        pthread_mutex_lock(&driver->lock);
        closing = driver->closing;
        pthread_mutex_unlock(&driver->lock);
    }
    return NULL;
}

int ct_watch_start(struct ct_driver *driver, struct err *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    driver->epoll = epoll_create1(EPOLL_CLOEXEC);
    driver->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (driver->epoll < 0 || driver->wake < 0 ||
        epoll_ctl(driver->epoll, EPOLL_CTL_ADD, driver->wake, &event) < 0)
        return err_errno(e, errno, "cannot watch containers");
    int r = pthread_create(&driver->watcher, NULL, watcher, driver);
    return r ? err_errno(e, r, "cannot start a thread") : 0;
}

void ct_watch_stop(struct ct_driver *driver)
{
    pthread_mutex_lock(&driver->lock);
    driver->closing = true;
    pthread_mutex_unlock(&driver->lock);
    uint64_t one = 1;
    fs_write_all(driver->wake, &one, sizeof(one), NULL);
    pthread_join(driver->watcher, NULL);
}
