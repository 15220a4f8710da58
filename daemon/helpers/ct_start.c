#include "helpers/ct_start.h"

#include <errno.h>
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "helpers/ct_config.h"
#include "helpers/ct_files.h"
#include "helpers/ct_link.h"
#include "helpers/ct_host.h"
#include "helpers/report.h"

#define START_TIMEOUT_MS 30000

/* ---- the monitor ---- */

/* The first error in liblxc's log is the cause, what follows are its consequences. Owned; NULL: none. */
static char *first_error(int dir)
{
    _cleanup_free_ char *log = NULL;
    const char *line =
        fs_read(dir, CT_LOG_FILE, 1 << 20, &log, NULL, NULL) == 0 ? strstr(log, " ERROR ") : NULL;
    if (!line)
        return NULL;
    _cleanup_free_ char *text = mem_strndup(line, strcspn(line, "\n"));
    /* " ERROR    start - ../src/lxc/start.c:lxc_spawn:1774 - message" */
    const char *message = strstr(text, " - ");
    message = message ? strstr(message + 3, " - ") : NULL;
    return mem_strdup(message ? message + 3 : text);
}

static void explain(int dir, struct err *e)
{
    _cleanup_free_ char *why = first_error(dir);
    err_set(e, ERR_INTERNAL, "%.400s", why ? why : "liblxc gave no reason");
}

static struct lxc_container *open_container(const json_t *request)
{
    return lxc_container_new(json_get_str(request, "uuid", ""), json_get_str(request, "lxcpath", ""));
}

/* Only with a file that it has read does liblxc know the container's name when it makes the profile of
 * AppArmor. */
static bool load_nothing(struct lxc_container *c)
{
    static const char nothing[] = "# each item is set by a call\n";
    char path[32];
    _cleanup_close_ int fd = memfd_create("lodge-ct-config", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return fd >= 0 && write(fd, nothing, sizeof(nothing) - 1) == (ssize_t)(sizeof(nothing) - 1) &&
           c->load_config(c, path);
}

static int configure(struct lxc_container *c, const json_t *request, struct err *e)
{
    struct ct_items items;
    struct ct_host host = ct_host_detect();
    if (ct_config(request, &host, &items, e) < 0)
        return -1;
    _cleanup_free_ char *log = mem_printf(
        "%s/%s/" CT_LOG_FILE, json_get_str(request, "lxcpath", ""), json_get_str(request, "uuid", ""));
    int r = 0;
    if (!load_nothing(c))
        r = err_set(e, ERR_INTERNAL, "liblxc does not begin a configuration");
    else if (!c->set_config_item(c, "lxc.log.file", log) || !c->set_config_item(c, "lxc.log.level", "WARN"))
        r = err_set(e, ERR_INTERNAL, "liblxc refused the log file %s", log);
    for (size_t i = 0; r == 0 && i < items.n; i++)
        if (!c->set_config_item(c, items.list[i].key, items.list[i].value))
            r = err_set(e, ERR_INTERNAL, "liblxc refused %s = %s", items.list[i].key, items.list[i].value);
    ct_items_clear(&items);
    return r;
}

static char **init_argv(const json_t *request)
{
    const json_t *init = json_get_arr(request, "init");
    size_t n = json_array_size(init);
    char **argv = mem_new(char *, n + 2);
    for (size_t i = 0; i < n; i++) {
        const char *word = json_string_value(json_array_get(init, i));
        argv[i] = mem_strdup(word ? word : "");
    }
    if (n == 0)
        argv[0] = mem_strdup("/sbin/init");
    return argv;
}

struct ending {
    int code, signal;
};

/* What liblxc leaves in error_num: how an init ended (its code in the upper byte, or a signal there over
 * 0x7f in the lower one), or 1 when none came to run. */
#define NEVER_RAN 1

static bool ending_of(int error_num, struct ending *ret)
{
    if ((error_num & 0x7f) == 0x7f)
        *ret = (struct ending){.signal = error_num >> 8};
    else if ((error_num & 0x7f) == 0)
        *ret = (struct ending){.code = error_num >> 8};
    else
        return false;
    return true;
}

/* `failed` says why it could not start (again); NULL: it ran. */
static void write_ended(int dir, struct ending ending, const char *failed)
{
    _cleanup_json_ json_t *ended =
        json_pack("{s:i, s:i, s:s*}", "code", ending.code, "signal", ending.signal, "failed", failed);
    _cleanup_free_ char *text = json_text(ended);
    ct_file_write(dir, CT_ENDED_FILE, text, NULL);
}

/* Runs it once, to its end or to its next reboot; an error means that it did not start. */
static int run_once(const json_t *request, int dir, struct ending *ret, struct err *e)
{
    struct lxc_container *c = open_container(request);
    if (!c)
        return err_set(e, ERR_INTERNAL, "liblxc cannot open the container");
    int r = configure(c, request, e);
    if (r == 0) {
        c->want_daemonize(c, false);
        c->want_close_all_fds(c, false);
        char **argv = init_argv(request);
        c->error_num = NEVER_RAN;
        c->start(c, 0, argv); /* false also for an init that ran and failed */
        if (!ending_of(c->error_num, ret)) {
            explain(dir, e);
            r = -1;
        }
    }
    lxc_container_put(c);
    return r;
}

/* The kernel ends an init that calls reboot(2) with SIGHUP. liblxc 5.0 starts it again by itself, but has
 * forgotten by then that the root is to be mapped, and fails; a second try in the same process fails over
 * what the first has left open. So the monitor begins anew, as the same process. */
static void run_again(const json_t *request)
{
    _cleanup_free_ char *text = json_text(request);
    int memory = memfd_create("request", 0);
    if (memory < 0 || fs_write_all(memory, text, strlen(text), NULL) < 0 || lseek(memory, 0, SEEK_SET) < 0)
        return;
    dup2(memory, 0);
    close(memory);
    execl("/proc/self/exe", "lodge-ct", "monitor", (char *)NULL);
}

/* An error goes through the pipe; the container's end, which may be in years, into its folder. */
static _Noreturn void monitor(const json_t *request, int dir, int pipe_fd)
{
    struct err e = {0};
    struct ending ending = {0};
    struct ct_process self = {getpid(), ct_start_time(getpid())};
    prctl(PR_SET_NAME, "lodge-ct-monitor");
    /* Where newuidmap is in the path, liblxc insists on a range for root in /etc/subuid. Our ranges are the
     * registry's, and root needs no such program; apparmor_parser it does need. */
    setenv("PATH", "/usr/sbin:/sbin", 1);
    int r = ct_process_write(dir, CT_MONITOR_FILE, self, &e);
    if (r == 0)
        r = run_once(request, dir, &ending, &e);
    if (r == 0 && ending.signal == SIGHUP)
        run_again(request);
    write_ended(dir, ending, r < 0 ? e.detail : NULL);
    if (r < 0 && pipe_fd >= 0)
        fs_write_all(pipe_fd, &e, sizeof(e), NULL);
    _exit(0);
}

int ct_monitor(const json_t *request)
{
    _cleanup_free_ char *path =
        mem_printf("%s/%s", json_get_str(request, "lxcpath", ""), json_get_str(request, "uuid", ""));
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return 1;
    unlinkat(dir, CT_LOG_FILE, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    monitor(request, dir, -1);
}

/* Twice forked and in a session of its own: its parent is the init of this host (or sandbox). */
static int spawn_monitor(const json_t *request, int dir, int *ret_pipe, struct err *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe");
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        if (chdir("/") < 0)
            _exit(1);
        monitor(request, dir, ends[1]);
    }
    int saved = errno;
    close(ends[1]);
    *ret_pipe = ends[0];
    if (child < 0)
        return err_errno(e, saved, "cannot start a monitor");
    waitpid(child, NULL, 0);
    return 0;
}

/* ---- the one that waits ---- */

/* It said nothing: either its container ended, which it wrote down, or it did not come to that. */
static void explain_silence(int dir, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *ended = NULL;
    size_t n = 0;
    if (fs_read(dir, CT_ENDED_FILE, 4096, &text, &n, NULL) < 0 ||
        json_parse(text, n, CT_ENDED_FILE, &ended, NULL) < 0)
        return (void)err_set(e, ERR_INTERNAL, "its monitor was killed");
    int killed_by = (int)json_get_int(ended, "signal", 0), code = (int)json_get_int(ended, "code", 0);
    if (killed_by)
        err_set(e, ERR_INTERNAL, "its init was killed at once by signal %d (%s)", killed_by,
            strsignal(killed_by));
    else
        err_set(e, ERR_INTERNAL, "its init ended at once with code %d", code);
}

/* True when the monitor has ended, with its error. */
static bool has_failed(int pipe_fd, int dir, struct err *e)
{
    struct pollfd p = {pipe_fd, POLLIN, 0};
    if (poll(&p, 1, 1) <= 0)
        return false;
    struct err told;
    if (read(pipe_fd, &told, sizeof(told)) == (ssize_t)sizeof(told))
        *e = told;
    else
        explain_silence(dir, e);
    return true;
}

/* liblxc answers for the container once its main loop runs; until then each attempt says STOPPED or waits. */
static int wait_running(struct lxc_container *c, int pipe_fd, int dir, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + START_TIMEOUT_MS;
    while (clock_monotonic_ms(&clock_system) < until) {
        const char *state = c->state(c);
        if (state && streq(state, "RUNNING"))
            return 0;
        if (has_failed(pipe_fd, dir, e))
            return -1;
    }
    return err_set(e, ERR_TIMEOUT, "the container did not start within 30 s");
}

static void each_nic(const json_t *request, bool only_unplugged, void (*fn)(const char *name))
{
    size_t i;
    json_t *nic;
    json_array_foreach (json_get_arr(request, "nics"), i, nic) {
        const char *name = json_get_str(nic, "ifname", NULL);
        if (name && (!only_unplugged || json_get_bool(nic, "link_down", 0)))
            fn(name);
    }
}

static int run(const json_t *request, json_t **ret, struct err *e)
{
    _cleanup_free_ char *path =
        mem_printf("%s/%s", json_get_str(request, "lxcpath", ""), json_get_str(request, "uuid", ""));
    _cleanup_close_ int dir = -1, pipe_fd = -1;
    if (fs_open_dir(path, 0700, &dir, e) < 0)
        return -1;
    static const char *const old[] = {CT_MONITOR_FILE, CT_INIT_FILE, CT_ENDED_FILE, CT_LOG_FILE};
    for (size_t i = 0; i < ARRAY_SIZE(old); i++)
        unlinkat(dir, old[i], 0);
    each_nic(request, false, ct_link_remove);
    if (spawn_monitor(request, dir, &pipe_fd, e) < 0)
        return -1;
    struct lxc_container *c = open_container(request);
    if (!c)
        return err_set(e, ERR_INTERNAL, "liblxc cannot open the container");
    int r = wait_running(c, pipe_fd, dir, e);
    struct ct_process init = {r == 0 ? c->init_pid(c) : 0, 0}, monitor_process = {0};
    lxc_container_put(c);
    if (r < 0)
        return -1;
    each_nic(request, true, ct_link_set_down);
    init.start = ct_start_time(init.pid);
    /* An init that has ended by now is no failed start: the daemon sees its end. */
    if (init.start && ct_process_write(dir, CT_INIT_FILE, init, e) < 0)
        return -1;
    ct_process_read(dir, CT_MONITOR_FILE, &monitor_process);
    *ret = json_pack("{s:i, s:i}", "init", (int)init.pid, "monitor", (int)monitor_process.pid);
    return 0;
}

int ct_start(const json_t *request)
{
    struct err e = {0};
    json_t *result = NULL;
    return run(request, &result, &e) < 0 ? report_error(&e) : report_result(result);
}
