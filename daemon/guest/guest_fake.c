#include "guest/guest_fake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"

static struct fake_call calls[] = {{.name = "open"}, {.name = "start"}, {.name = "shutdown"},
    {.name = "stop"}, {.name = "reboot"}, {.name = "reset"}, {.name = "pause"}, {.name = "resume"},
    {.name = "forget"}, {.name = "poll"}, {.name = "console_open"}, {.name = "run"}};
struct fake_plan guest_fake_plan = FAKE_PLAN_INIT("guest", calls);

struct guest {
    char uuid[UUID_LEN + 1];
    enum guest_state state;
    enum guest_cause cause;
    uint64_t memory_bytes;
    unsigned id_base;
    uint64_t started_ms;
};

/* One for each type. It stays when the driver is closed: guests do, too. */
struct host {
    pthread_mutex_t lock; /* guards all below */
    struct map guests;    /* uuid → struct guest */
    guest_event_fn *event;
    void *event_arg;
    int dir; /* a file for each guest that runs */
};

static struct host hosts[] = {
    [GUEST_VM] = {.lock = PTHREAD_MUTEX_INITIALIZER, .dir = -1},
    [GUEST_CONTAINER] = {.lock = PTHREAD_MUTEX_INITIALIZER, .dir = -1},
};

static struct guest *guest_add(struct host *host, const char *uuid)
{
    struct guest *guest = map_get(&host->guests, uuid);
    if (guest)
        return guest;
    guest = mem_new(struct guest, 1);
    memcpy(guest->uuid, uuid, UUID_LEN);
    map_set(&host->guests, uuid, guest);
    return guest;
}

/* Called with the lock; it is given back before the event is told, since its receiver may call again. */
static void change_and_unlock(
    struct host *host, struct guest *guest, enum guest_state state, enum guest_cause cause)
{
    struct guest_event event = {.state = state, .cause = cause};
    memcpy(event.uuid, guest->uuid, sizeof(event.uuid));
    bool changed = guest->state != state;
    guest->state = state;
    guest->cause = cause;
    if (host->dir >= 0 && (state == GUEST_STOPPED || state == GUEST_CRASHED)) {
        unlinkat(host->dir, guest->uuid, 0);
    } else if (host->dir >= 0 && state == GUEST_RUNNING) {
        int fd = openat(host->dir, guest->uuid, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            dprintf(fd, "%u\n", guest->id_base);
        close_p(&fd);
    }
    guest_event_fn *fn = changed ? host->event : NULL;
    void *arg = host->event_arg;
    pthread_mutex_unlock(&host->lock);
    if (fn)
        fn(arg, &event);
}

enum guest_state guest_fake_state(enum guest_type type, const char *uuid)
{
    struct host *host = &hosts[type];
    pthread_mutex_lock(&host->lock);
    const struct guest *guest = map_get(&host->guests, uuid);
    enum guest_state state = guest ? guest->state : GUEST_STOPPED;
    pthread_mutex_unlock(&host->lock);
    return state;
}

static void find_running(struct host *host)
{
    int copy = fcntl(host->dir, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (uuid_valid(entry->d_name)) {
            struct guest *guest = guest_add(host, entry->d_name);
            if (guest->state == GUEST_STOPPED)
                guest->state = GUEST_RUNNING;
        }
    if (dir)
        closedir(dir);
}

static int open_type(
    enum guest_type type, const struct guest_driver_options *options, void **ret_driver, struct err *e)
{
    struct host *host = &hosts[type];
    if (fake_plan_enter(&guest_fake_plan, "open", e) < 0)
        return -1;
    _cleanup_free_ char *path =
        mem_printf("%s/fake/guests-%s", options->state_dir, type == GUEST_VM ? "vm" : "container");
    int fd;
    if (fs_open_dir(path, 0755, &fd, e) < 0)
        return -1;
    pthread_mutex_lock(&host->lock);
    close_p(&host->dir);
    host->dir = fd;
    host->event = options->event;
    host->event_arg = options->event_arg;
    find_running(host);
    pthread_mutex_unlock(&host->lock);
    *ret_driver = host;
    return 0;
}

static int fake_open_vm(const struct guest_driver_options *options, void **ret_driver, struct err *e)
{
    return open_type(GUEST_VM, options, ret_driver, e);
}

static int fake_open_container(const struct guest_driver_options *options, void **ret_driver, struct err *e)
{
    return open_type(GUEST_CONTAINER, options, ret_driver, e);
}

static void fake_close(void *driver)
{
    struct host *host = driver;
    pthread_mutex_lock(&host->lock);
    host->event = NULL;
    close_p(&host->dir);
    host->dir = -1;
    pthread_mutex_unlock(&host->lock);
}

/* What every call begins with; on success the lock is held. */
static int enter(struct host *host, const char *call, struct err *e)
{
    if (fake_plan_enter(&guest_fake_plan, call, e) < 0)
        return -1;
    pthread_mutex_lock(&host->lock);
    return 0;
}

static int fake_start(
    void *driver, const struct guest_config *config, struct guest_started *ret, struct err *e)
{
    struct host *host = driver;
    if (enter(host, "start", e) < 0)
        return -1;
    struct guest *guest = guest_add(host, config->uuid);
    guest->memory_bytes = config->memory_bytes;
    guest->id_base = config->id_base;
    guest->started_ms = clock_monotonic_ms(&clock_system);
    change_and_unlock(host, guest, GUEST_RUNNING, CAUSE_STARTED);
    struct err end;
    if (fake_plan_enter(&guest_fake_plan, "run", &end) < 0) {
        pthread_mutex_lock(&host->lock);
        change_and_unlock(host, guest, GUEST_CRASHED, CAUSE_FAILED);
    }
    *ret = (struct guest_started){0};
    if (config->type == GUEST_VM)
        snprintf(ret->machine, sizeof(ret->machine), "%s", config->machine ? config->machine : "pc-q35-fake");
    return 0;
}

/* A call that moves a guest from some states to one. What is already there stays. */
struct move {
    const char *call;
    unsigned from; /* bits of states it is possible in */
    enum guest_state to;
    enum guest_cause cause;
};

#define BIT(state) (1U << (state))
#define ALIVE      (BIT(GUEST_RUNNING) | BIT(GUEST_PAUSED) | BIT(GUEST_BLOCKED))

static int make_move(void *driver, const char *uuid, const struct move *move, struct err *e)
{
    struct host *host = driver;
    if (enter(host, move->call, e) < 0)
        return -1;
    struct guest *guest = map_get(&host->guests, uuid);
    enum guest_state state = guest ? guest->state : GUEST_STOPPED;
    if (guest && (move->from & BIT(state))) {
        change_and_unlock(host, guest, move->to, move->cause);
        return 0;
    }
    pthread_mutex_unlock(&host->lock);
    return state == move->to || state == GUEST_CRASHED
               ? 0
               : err_set(e, ERR_STATE, "cannot %s a guest that is %s", move->call, guest_state_name(state));
}

static int fake_shutdown(void *driver, const char *uuid, struct err *e)
{
    static const struct move move = {"shutdown", ALIVE, GUEST_STOPPED, CAUSE_GUEST};
    return make_move(driver, uuid, &move, e);
}

static int fake_stop(void *driver, const char *uuid, struct err *e)
{
    static const struct move move = {"stop", ALIVE, GUEST_STOPPED, CAUSE_STOPPED};
    return make_move(driver, uuid, &move, e);
}

static int fake_reboot(void *driver, const char *uuid, struct err *e)
{
    static const struct move move = {"reboot", ALIVE, GUEST_RUNNING, CAUSE_STARTED};
    return make_move(driver, uuid, &move, e);
}

static int fake_reset(void *driver, const char *uuid, struct err *e)
{
    static const struct move move = {"reset", ALIVE, GUEST_RUNNING, CAUSE_STARTED};
    return make_move(driver, uuid, &move, e);
}

static int fake_pause(void *driver, const char *uuid, struct err *e)
{
    static const struct move move = {"pause", BIT(GUEST_RUNNING), GUEST_PAUSED, CAUSE_NONE};
    return make_move(driver, uuid, &move, e);
}

static int fake_resume(void *driver, const char *uuid, struct err *e)
{
    static const struct move move = {"resume", ALIVE, GUEST_RUNNING, CAUSE_STARTED};
    return make_move(driver, uuid, &move, e);
}

static int fake_forget(void *driver, const char *uuid, struct err *e)
{
    struct host *host = driver;
    if (enter(host, "forget", e) < 0)
        return -1;
    struct guest *guest = map_get(&host->guests, uuid);
    if (guest && (ALIVE & BIT(guest->state))) {
        pthread_mutex_unlock(&host->lock);
        return err_set(e, ERR_STATE, "the guest is %s", guest_state_name(guest->state));
    }
    free(map_remove(&host->guests, uuid));
    pthread_mutex_unlock(&host->lock);
    return 0;
}

/* Counters grow with time, at a rate that the guest's uuid decides, so that lists have life in them. */
static struct guest_sample sample_of(const struct guest *guest, uint64_t now_ms)
{
    uint64_t ran_ms = now_ms - guest->started_ms, rate = (uint64_t)(unsigned char)guest->uuid[0] + 1;
    struct guest_sample sample = {
        .state = guest->state,
        .cause = guest->cause,
        .cpu_time_ns = ran_ms * 1000 * rate,
        .memory_used_bytes = guest->memory_bytes / 2,
        .memory_max_bytes = guest->memory_bytes,
        .disk_read_bytes = ran_ms * rate,
        .disk_write_bytes = ran_ms * rate / 2,
        .disk_read_ops = ran_ms / 4,
        .disk_write_ops = ran_ms / 8,
        .net_rx_bytes = ran_ms * rate * 2,
        .net_tx_bytes = ran_ms * rate,
    };
    memcpy(sample.uuid, guest->uuid, sizeof(sample.uuid));
    return sample;
}

static int fake_poll(void *driver, guest_sample_fn *fn, void *arg, struct err *e)
{
    struct host *host = driver;
    if (enter(host, "poll", e) < 0)
        return -1;
    size_t n = 0;
    struct guest_sample *samples = mem_new(struct guest_sample, host->guests.count + 1);
    uint64_t now_ms = clock_monotonic_ms(&clock_system);
    MAP_FOREACH (&host->guests, entry)
        samples[n++] = sample_of(entry->value, now_ms);
    pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < n; i++)
        fn(arg, &samples[i]);
    free(samples);
    return 0;
}

static int fake_console_open(void *driver, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e)
{
    struct host *host = driver;
    if (enter(host, "console_open", e) < 0)
        return -1;
    pthread_mutex_unlock(&host->lock);
    return guest_fake_console_open(
        host == &hosts[GUEST_VM] ? GUEST_VM : GUEST_CONTAINER, kind, target, ret, e);
}

#define FAKE_CALLS                                                                                           \
    .close = fake_close, .start = fake_start, .shutdown = fake_shutdown, .stop = fake_stop,                  \
    .reboot = fake_reboot, .pause = fake_pause, .resume = fake_resume, .forget = fake_forget,                \
    .poll = fake_poll, .console_open = fake_console_open

const struct guest_ops guest_fake_vm = {.name = "fake",
    .type = GUEST_VM,
    .open = fake_open_vm,
    .reset = fake_reset,
    .consoles = 1U << CONSOLE_VNC | 1U << CONSOLE_SERIAL,
    FAKE_CALLS};
const struct guest_ops guest_fake_container = {.name = "fake",
    .type = GUEST_CONTAINER,
    .open = fake_open_container,
    .consoles = 1U << CONSOLE_SERIAL | 1U << CONSOLE_SHELL,
    FAKE_CALLS};
