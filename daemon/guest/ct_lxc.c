/* Containers by LXC. What calls liblxc is lodge-ct, a process of its own for each action; this driver keeps
 * what it must know to see them live and end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "guest/ct.h"
#include "guest/ct_addresses.h"
#include "helpers/helper_run.h"

#define ACTION_TIMEOUT_MS 30000
#define START_TIMEOUT_MS  40000 /* lodge-ct gives up after 30 s by itself */
#define KILL_TIMEOUT_MS   10000

static void driver_free(struct ct_driver *driver)
{
    MAP_FOREACH (&driver->guests, entry) {
        ct_guest_free(entry->value);
    }
    map_clear(&driver->guests);
    close_p(&driver->epoll);
    close_p(&driver->wake);
    ct_mounts_free(driver->mounts);
    pthread_mutex_destroy(&driver->lock);
    free(driver->state_dir);
    free(driver->path);
    free(driver->instance);
    free(driver->helper_dir);
    free(driver);
}

static void driver_close(void *arg)
{
    struct ct_driver *driver = arg;
    ct_watch_stop(driver);
    driver_free(driver);
}

/* One that ended while no daemon was there: its folder still says how. */
static void take_ended(struct ct_driver *driver, const char *uuid)
{
    _cleanup_close_ int dir = ct_guest_dir(driver, uuid);
    struct ct_guest *guest = ct_guest_get(driver, uuid);
    guest->state = GUEST_STOPPED;
    if (dir >= 0 && faccessat(dir, CT_MONITOR_FILE, F_OK, 0) == 0 &&
        faccessat(dir, CT_ENDED_FILE, F_OK, 0) < 0) {
        guest->state = GUEST_CRASHED;
        guest->cause = CAUSE_FAILED;
    } else {
        guest->cause = CAUSE_GUEST;
    }
}

static void find_containers(struct ct_driver *driver)
{
    DIR *dir = opendir(driver->path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (uuid_valid(entry->d_name) && !ct_watch_adopt(driver, entry->d_name))
            take_ended(driver, entry->d_name);
    if (dir)
        closedir(dir);
}

static int driver_open(const struct guest_driver_options *options, void **ret_driver, struct err *e)
{
    struct ct_driver *driver = mem_new(struct ct_driver, 1);
    driver->state_dir = mem_strdup(options->state_dir);
    driver->path = mem_printf("%s/run/lxc", options->state_dir);
    driver->instance = mem_strdup(options->instance);
    driver->helper_dir = mem_strdup(options->helper_dir);
    driver->event = options->event;
    driver->event_arg = options->event_arg;
    driver->mounts = ct_mounts_read();
    driver->epoll = driver->wake = -1;
    pthread_mutex_init(&driver->lock, NULL);
    /* liblxc shifts the owners of the root: the container's own root has to be able to pass here. */
    if (fs_mkdir_all(driver->path, 0711, e) < 0 || ct_watch_start(driver, e) < 0) {
        driver_free(driver);
        return -1;
    }
    pthread_mutex_lock(&driver->lock);
    find_containers(driver);
    pthread_mutex_unlock(&driver->lock);
    uint64_t one = 1;
    fs_write_all(driver->wake, &one, sizeof(one), NULL);
    *ret_driver = driver;
    return 0;
}

static enum guest_state state_of(struct ct_driver *driver, const char *uuid)
{
    pthread_mutex_lock(&driver->lock);
    const struct ct_guest *guest = map_get(&driver->guests, uuid);
    enum guest_state state = guest ? guest->state : GUEST_STOPPED;
    pthread_mutex_unlock(&driver->lock);
    return state;
}

static bool is_alive(struct ct_driver *driver, const char *uuid)
{
    enum guest_state state = state_of(driver, uuid);
    return state == GUEST_RUNNING || state == GUEST_PAUSED;
}

static int action(struct ct_driver *driver, const char *verb, const char *uuid, struct err *e)
{
    const char *const args[] = {verb, driver->path, uuid, NULL};
    struct helper_call call = {
        .helper_dir = driver->helper_dir, .name = "lodge-ct", .args = args, .timeout_ms = ACTION_TIMEOUT_MS};
    return helper_run(&call, NULL, e);
}

/* ---- start ---- */

static void nic_name(const struct guest_config *config, size_t i, char out[static 16])
{
    if (config->nics[i].ifname)
        snprintf(out, 16, "%s", config->nics[i].ifname);
    else
        snprintf(out, 16, "lc%.8s%u", config->uuid, config->nics[i].slot % 1000);
}

static json_t *request_nics(const struct guest_config *config)
{
    json_t *list = json_array();
    for (size_t i = 0; i < config->n_nics; i++) {
        const struct guest_nic *nic = &config->nics[i];
        char name[16];
        nic_name(config, i, name);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:i, s:b}", "bridge", nic->bridge, "mac", nic->mac, "ifname",
                      name, "mtu", (int)nic->mtu, "link_down", nic->link_down));
    }
    return list;
}

/* The request that lodge-ct reads; owned. */
static char *request_text(const struct ct_driver *driver, const struct guest_config *config)
{
    json_t *init = json_array();
    for (size_t i = 0; config->init && config->init[i]; i++)
        json_array_append_new(init, json_string(config->init[i]));
    _cleanup_json_ json_t *request = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:I, s:I, s:s?, s:o, s:o}", "uuid", config->uuid, "name",
        config->name, "instance", driver->instance, "lxcpath", driver->path, "root", config->disks[0].at.path,
        "memory_bytes", (json_int_t)config->memory_bytes, "vcpus", (int)config->vcpus, "id_base",
        (json_int_t)config->id_base, "id_count", (json_int_t)config->id_count, "serial_log",
        config->serial_log, "nics", request_nics(config), "init", init);
    return json_text(request);
}

static void note_nics(struct ct_guest *guest, const struct guest_config *config)
{
    struct buf names = {0};
    buf_str(&names, " ");
    for (size_t i = 0; i < config->n_nics; i++) {
        char name[16];
        nic_name(config, i, name);
        buf_printf(&names, "%s ", name);
    }
    free(guest->ifnames);
    guest->ifnames = buf_take(&names);
}

/* After a failed start nothing may be left: a monitor that still tries is ended. */
static void end_monitor(struct ct_driver *driver, const char *uuid)
{
    struct ct_process monitor;
    _cleanup_close_ int dir = ct_guest_dir(driver, uuid);
    if (dir >= 0 && ct_process_read(dir, CT_MONITOR_FILE, &monitor))
        kill(monitor.pid, SIGKILL);
}

static int check_config(const struct guest_config *config, struct err *e)
{
    if (!uuid_valid(config->uuid) || config->n_disks == 0)
        return err_set(e, ERR_INVALID, "a container needs a uuid and a root file system");
    if (config->n_disks > 1)
        return err_set(e, ERR_UNSUPPORTED, "a container has one disk: its root file system");
    return 0;
}

/* The NICs' names are kept in the folder: a daemon that is started later counts their bytes, too. */
static void write_nics(struct ct_driver *driver, const struct ct_guest *guest)
{
    _cleanup_close_ int dir = ct_guest_dir(driver, guest->uuid);
    if (dir >= 0)
        ct_file_write(dir, "nics", guest->ifnames, NULL);
}

static int driver_start(
    void *arg, const struct guest_config *config, struct guest_started *ret, struct err *e)
{
    struct ct_driver *driver = arg;
    static const char *const args[] = {"start", NULL};
    if (check_config(config, e) < 0)
        return -1;
    *ret = (struct guest_started){0};
    if (is_alive(driver, config->uuid))
        return 0;
    if (ct_cgroup_sweep(driver->mounts, driver->instance, config->uuid, e) < 0)
        return -1;
    _cleanup_free_ char *request = request_text(driver, config);
    struct helper_call call = {.helper_dir = driver->helper_dir,
        .name = "lodge-ct",
        .args = args,
        .input = request,
        .new_session = true,
        .timeout_ms = START_TIMEOUT_MS};
    _cleanup_json_ json_t *result = NULL;
    if (helper_run(&call, &result, e) < 0) {
        end_monitor(driver, config->uuid);
        return -1;
    }
    ret->pid = (pid_t)json_get_int(result, "init", 0);
    struct guest_event event = {.state = GUEST_RUNNING, .cause = CAUSE_STARTED};
    memcpy(event.uuid, config->uuid, UUID_LEN);
    pthread_mutex_lock(&driver->lock);
    struct ct_guest *guest = ct_guest_get(driver, config->uuid);
    note_nics(guest, config);
    bool runs = ct_watch_adopt(driver, config->uuid);
    if (runs) {
        write_nics(driver, guest);
        ct_tell(driver, &event);
    } else { /* it was over sooner than it could be looked at */
        ct_judge_end(driver, guest, &event);
    }
    pthread_mutex_unlock(&driver->lock);
    return runs ? 0
                : err_set(e, ERR_INTERNAL, "%s", event.detail[0] ? event.detail : "its init ended at once");
}

/* ---- the other calls ---- */

static int driver_shutdown(void *arg, const char *uuid, struct err *e)
{
    return is_alive(arg, uuid) ? action(arg, "shutdown", uuid, e) : 0;
}

static int driver_reboot(void *arg, const char *uuid, struct err *e)
{
    return is_alive(arg, uuid) ? action(arg, "reboot", uuid, e)
                               : err_set(e, ERR_STATE, "the container does not run");
}

static bool ended_within(int pidfd, int timeout_ms)
{
    struct pollfd p = {pidfd, POLLIN, 0};
    int r;
    while ((r = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
        ;
    return r > 0;
}

/* Until the watcher has told of the end. */
static int wait_stopped(struct ct_driver *driver, const char *uuid, struct err *e)
{
    for (int i = 0; i < KILL_TIMEOUT_MS; i++) {
        if (!is_alive(driver, uuid))
            return 0;
        usleep(1000);
    }
    return err_set(e, ERR_TIMEOUT, "the container does not end");
}

static int driver_stop(void *arg, const char *uuid, struct err *e)
{
    struct ct_driver *driver = arg;
    pthread_mutex_lock(&driver->lock);
    struct ct_guest *guest = map_get(&driver->guests, uuid);
    _cleanup_close_ int monitor = -1;
    if (guest && ct_guest_alive(guest) && guest->monitor_fd >= 0) {
        guest->stop_asked = true;
        monitor = fcntl(guest->monitor_fd, F_DUPFD_CLOEXEC, 0);
        ct_cgroup_freeze(&guest->cgroup, false, NULL);
        /* Its init is rebooting: then only the monitor can be told. */
        syscall(SYS_pidfd_send_signal, guest->init_fd >= 0 ? guest->init_fd : monitor, SIGKILL, NULL, 0);
    }
    pthread_mutex_unlock(&driver->lock);
    if (monitor < 0)
        return 0;
    if (!ended_within(monitor, KILL_TIMEOUT_MS))
        syscall(SYS_pidfd_send_signal, monitor, SIGKILL, NULL, 0);
    return wait_stopped(driver, uuid, e);
}

static int change_freeze(struct ct_driver *driver, const char *uuid, enum guest_state to, struct err *e)
{
    struct guest_event event = {.state = to, .cause = to == GUEST_RUNNING ? CAUSE_STARTED : CAUSE_NONE};
    memcpy(event.uuid, uuid, UUID_LEN);
    pthread_mutex_lock(&driver->lock);
    struct ct_guest *guest = map_get(&driver->guests, uuid);
    int r = 0;
    bool changed = false;
    if (!guest || !ct_guest_alive(guest)) {
        r = err_set(
            e, ERR_STATE, "the container is %s", guest_state_name(guest ? guest->state : GUEST_STOPPED));
    } else if (guest->state != to) {
        r = ct_cgroup_freeze(&guest->cgroup, to == GUEST_PAUSED, e);
        changed = r == 0;
    }
    if (changed) {
        guest->state = to;
        guest->cause = event.cause;
        ct_tell(driver, &event);
    }
    pthread_mutex_unlock(&driver->lock);
    return r;
}

static int driver_pause(void *arg, const char *uuid, struct err *e)
{
    return change_freeze(arg, uuid, GUEST_PAUSED, e);
}

static int driver_resume(void *arg, const char *uuid, struct err *e)
{
    return change_freeze(arg, uuid, GUEST_RUNNING, e);
}

static int driver_forget(void *arg, const char *uuid, struct err *e)
{
    struct ct_driver *driver = arg;
    if (!uuid_valid(uuid))
        return err_set(e, ERR_INVALID, "%.40s is no uuid", uuid);
    if (is_alive(driver, uuid))
        return err_set(e, ERR_STATE, "the container still runs");
    pthread_mutex_lock(&driver->lock);
    struct ct_guest *guest = map_remove(&driver->guests, uuid);
    if (guest)
        ct_guest_free(guest);
    pthread_mutex_unlock(&driver->lock);
    if (ct_cgroup_sweep(driver->mounts, driver->instance, uuid, e) < 0)
        return -1;
    _cleanup_close_ int dir = open(driver->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? 0 : fs_remove_tree(dir, uuid, e);
}

/* ---- poll ---- */

/* What the host's side received, the container sent. All links come with one read. */
static void count_network(const char *table, const char *ifnames, struct guest_sample *sample)
{
    for (const char *line = table; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char name[32];
        unsigned long long rx, tx;
        if (sscanf(line, " %31[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &rx, &tx) != 3)
            continue;
        char wanted[40];
        snprintf(wanted, sizeof(wanted), " %s ", name);
        if (strstr(ifnames, wanted)) {
            sample->net_tx_bytes += rx;
            sample->net_rx_bytes += tx;
        }
    }
}

static void read_nics(struct ct_driver *driver, struct ct_guest *guest)
{
    _cleanup_close_ int dir = ct_guest_dir(driver, guest->uuid);
    if (dir < 0 || fs_read(dir, "nics", 4096, &guest->ifnames, NULL, NULL) < 0)
        guest->ifnames = mem_strdup("");
}

/* Its number may be another process's by the time that it was read. */
static void read_addresses(const struct ct_guest *guest, struct guest_addresses *ret)
{
    if (guest->init_fd < 0)
        return;
    ct_addresses_read(guest->init.pid, ret);
    if (ct_start_time(guest->init.pid) != guest->init.start)
        *ret = (struct guest_addresses){0};
}

static struct guest_sample sample_of(struct ct_driver *driver, struct ct_guest *guest, const char *links)
{
    struct guest_sample sample = {.state = guest->state, .cause = guest->cause};
    memcpy(sample.uuid, guest->uuid, sizeof(sample.uuid));
    if (!ct_guest_alive(guest))
        return sample;
    if (!guest->ifnames)
        read_nics(driver, guest);
    ct_cgroup_sample(&guest->cgroup, &sample);
    read_addresses(guest, &sample.addresses);
    count_network(links, guest->ifnames, &sample);
    return sample;
}

static int driver_poll(void *arg, guest_sample_fn *fn, void *fn_arg, struct err *e)
{
    struct ct_driver *driver = arg;
    _cleanup_free_ char *links = NULL;
    if (fs_read(AT_FDCWD, "/proc/net/dev", 16 << 20, &links, NULL, e) < 0)
        return -1;
    size_t n = 0;
    pthread_mutex_lock(&driver->lock);
    struct guest_sample *samples = mem_new(struct guest_sample, driver->guests.count + 1);
    MAP_FOREACH (&driver->guests, entry) {
        samples[n++] = sample_of(driver, entry->value, links);
    }
    pthread_mutex_unlock(&driver->lock);
    for (size_t i = 0; i < n; i++)
        fn(fn_arg, &samples[i]);
    free(samples);
    return 0;
}

const struct guest_ops guest_lxc = {
    .name = "lxc",
    .type = GUEST_CONTAINER,
    .open = driver_open,
    .close = driver_close,
    .start = driver_start,
    .shutdown = driver_shutdown,
    .stop = driver_stop,
    .reboot = driver_reboot,
    .pause = driver_pause,
    .resume = driver_resume,
    .forget = driver_forget,
    .poll = driver_poll,
    .consoles = 1U << CONSOLE_SERIAL | 1U << CONSOLE_SHELL,
    .console_open = ct_console_open,
};
