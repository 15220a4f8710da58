/* The life of the daemon: arguments, opening in order, the loop, closing in reverse. */
#include "lodged.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "api/api.h"
#include "base/fs.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/notify.h"
#include "core/bootstrap.h"

/* A commit takes 10 to 30 KiB and the log of the database at most 4 MiB: some hundred deletions. */
#define RESERVE_BYTES (UINT64_C(8) << 20)

struct lodged {
    const struct core_drivers *drivers;
    const char *state_dir;
    char *helper_dir;
    struct loop *loop;
    struct registry *registry;
    struct audit *audit;
    struct core *core;
    struct api *api;
    struct workers *starter;
    struct loop_watch *signals;
    int lock_fd;
    int manager_fd; /* notify_open */
    struct err start_error;
    bool started;
};

static const char usage[] =
    "Usage: lodged [--state DIR] [--helpers DIR]\n"
    "\n"
    "The Lodge daemon: runs guests, keeps the registry, answers on DIR/run/lodged.sock.\n"
    "\n"
    "  --state DIR    where everything is kept (LODGE_STATE; default /var/lib/lodge)\n"
    "  --helpers DIR  where lodge-ct, lodge-image and lodge-fetch are (default: beside this program)\n"
    "  --openapi      print the API document and end\n"
    "  --version      print the version\n"
    "  --help         print this\n"
    "\n"
    "Environment: LODGE_ADMIN_PASSWORD (first start only), LODGE_INSTANCE (tells installations on one\n"
    "host apart), LODGE_BOOT_ID (default: the kernel's), LODGE_LOG (error, warning, notice, info, debug).\n";

static void print_start_error(struct lodged *l)
{
    log_error("%s", l->start_error.detail);
    if (l->start_error.hint[0])
        log_error("%s", l->start_error.hint);
}

/* Beside the program itself, wherever it was installed. */
static char *own_dir(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n < 0)
        return mem_strdup("/usr/bin");
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    return mem_strdup(path);
}

static char *read_boot_id(void)
{
    char *text = NULL;
    const char *given = getenv("LODGE_BOOT_ID");
    if (given && *given)
        return mem_strdup(given);
    if (fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &text, NULL, NULL) < 0)
        return mem_strdup("unknown");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* The host's name without its domain, as a name of ours: lower-case letters, digits and hyphens. */
static void node_name(char out[static 65])
{
    char host[65] = "";
    size_t n = 0;
    gethostname(host, sizeof(host) - 1);
    for (const char *p = host; *p && *p != '.' && n < 63; p++) {
        char c = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (fits || (n && c == '-'))
            out[n++] = c;
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (!n)
        memcpy(out, "node", sizeof("node"));
}

/* One daemon for a state folder: a second one would act on the same guests. */
static int lock_state(struct lodged *l, struct err *e)
{
    _cleanup_close_ int run = -1;
    _cleanup_free_ char *path = mem_printf("%s/run", l->state_dir);
    if (fs_mkdir_all(l->state_dir, 0755, e) < 0 || fs_open_dir(path, 0755, &run, e) < 0)
        return -1;
    l->lock_fd = openat(run, "lodged.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->lock_fd < 0)
        return err_errno(e, errno, "cannot open %s/lodged.lock", path);
    if (flock(l->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        err_set(e, ERR_BUSY, "another lodged runs on %s", l->state_dir);
        return err_hint(e, "end it first, or choose another folder with --state");
    }
    return 0;
}

static int open_all(struct lodged *l, struct err *e)
{
    _cleanup_free_ char *registry_path = mem_printf("%s/registry.db", l->state_dir);
    _cleanup_free_ char *audit_path = mem_printf("%s/audit.db", l->state_dir);
    _cleanup_free_ char *boot_id = read_boot_id();
    const char *instance = getenv("LODGE_INSTANCE");
    char host[65];
    node_name(host);
    if (lock_state(l, e) < 0)
        return -1;
    core_set_views();
    struct registry_options registry = {
        .loop = l->loop, .path = registry_path, .reserve_bytes = RESERVE_BYTES};
    if (registry_open(&registry, &l->registry, e) < 0)
        return -1;
    struct audit_options audit = {.loop = l->loop, .clock = &clock_system, .path = audit_path};
    if (audit_open(&audit, &l->audit, e) < 0)
        return -1;
    if (audit_broken(l->audit))
        log_error("%s", audit_broken(l->audit));
    struct core_options core = {
        .loop = l->loop,
        .registry = l->registry,
        .clock = &clock_system,
        .drivers = l->drivers,
        .state_dir = l->state_dir,
        .helper_dir = l->helper_dir,
        .instance = instance && *instance ? instance : "main",
        .node_name = host,
        .boot_id = boot_id,
    };
    return core_open(&core, &l->core, e);
}

static void bootstrap_run(void *arg)
{
    struct lodged *l = arg;
    l->started = bootstrap(l->core, &l->start_error) == 0;
}

/* Bootstrapping is over: guests are watched and requests answered from here on. */
static void bootstrap_done(void *arg)
{
    struct lodged *l = arg;
    _cleanup_free_ char *socket = mem_printf("%s/run/lodged.sock", l->state_dir);
    struct api_options options = {
        .core = l->core, .audit = l->audit, .socket_path = socket, .socket_gid = LODGE_GATE_UID};
    if (l->started) {
        core_start(l->core);
        l->started = api_open(&options, &l->api, &l->start_error) == 0;
    }
    if (!l->started) {
        print_start_error(l);
        loop_stop(l->loop, 1);
        return;
    }
    log_info("ready on %s", socket);
    notify_send(l->manager_fd, "READY=1");
}

static void on_signal(void *arg, uint32_t number)
{
    struct lodged *l = arg;
    log_info("ending on signal %u; guests go on", number);
    notify_send(l->manager_fd, "STOPPING=1");
    loop_stop(l->loop, 0);
}

static void close_all(struct lodged *l)
{
    workers_free(l->starter);
    api_close(l->api);
    core_close(l->core);
    audit_close(l->audit);
    registry_close(l->registry);
    loop_watch_free(l->signals);
    loop_free(l->loop);
    free(l->helper_dir);
    if (l->manager_fd >= 0)
        close(l->manager_fd);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
}

static void parse_arguments(int argc, char **argv, struct lodged *l)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
        {"helpers", required_argument, NULL, 'x'}, {"openapi", no_argument, NULL, 'o'},
        {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *state = getenv("LODGE_STATE");
    l->state_dir = state && *state ? state : "/var/lib/lodge";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's') {
            l->state_dir = optarg;
        } else if (c == 'x') {
            free(l->helper_dir);
            l->helper_dir = mem_strdup(optarg);
        } else if (c == 'v') {
            puts("lodged " LODGE_VERSION);
            exit(0);
        } else if (c == 'o') {
            _cleanup_free_ char *document = openapi_text();
            exit(puts(document) < 0);
        } else {
            fputs(usage, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        exit(2);
    }
}

int lodged_run(int argc, char **argv, const struct core_drivers *drivers)
{
    static const int ending[] = {SIGTERM, SIGINT};
    struct lodged l = {.drivers = drivers, .lock_fd = -1, .manager_fd = -1, .helper_dir = own_dir()};
    log_init("lodged", LOG_LEVEL_INFO);
    parse_arguments(argc, argv, &l);
    l.manager_fd = notify_open();
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    l.loop = loop_new();
    l.signals = loop_watch_signals(l.loop, ending, ARRAY_SIZE(ending), on_signal, &l);
    if (open_all(&l, &l.start_error) < 0) {
        print_start_error(&l);
        close_all(&l);
        return 1;
    }
    l.starter = workers_new(l.loop, 1);
    workers_submit(l.starter, bootstrap_run, bootstrap_done, &l);
    int code = loop_run(l.loop);
    close_all(&l);
    return code;
}
