/* Consoles of containers: lodge-ct hands their descriptors over. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/proc.h"
#include "guest/ct.h"
#include "helpers/helper_run.h"

#define OPEN_TIMEOUT_MS 10000
#define ANSWER_MAX      4096
#define COMMAND_MAX     64

/* A lodge-ct that opens a console: its answer, the descriptors beside it, and its process. */
struct opener {
    int socket, answer_fd, pidfd;
    pid_t pid;
    char answer[ANSWER_MAX];
    size_t n;
    int fds[2];
    size_t n_fds;
};

static int spawn(const char *const *argv, struct opener *o, struct err *e)
{
    int ends[2], pipes[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(e, errno, "cannot make a socket");
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        err_errno(e, errno, "cannot make a pipe");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    struct proc_fd fds[] = {{pipes[1], STDOUT_FILENO}, {ends[1], CT_CONSOLE_FD}};
    struct proc_spec spec = {.argv = argv, .fds = fds, .n_fds = ARRAY_SIZE(fds), .new_session = true};
    int r = proc_spawn(&spec, &o->pid, &o->pidfd, e);
    close(ends[1]);
    close(pipes[1]);
    o->socket = ends[0];
    o->answer_fd = pipes[0];
    return r;
}

static void take_fds(struct opener *o)
{
    char control[CMSG_SPACE(2 * sizeof(int))], byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    if (recvmsg(o->socket, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
        return;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return;
    o->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(o->fds, CMSG_DATA(c), o->n_fds * sizeof(int));
}

/* Until its line is there, or it has ended without one. */
static int read_answer(struct opener *o, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + OPEN_TIMEOUT_MS;
    while (!memchr(o->answer, '\n', o->n)) {
        struct pollfd p = {o->answer_fd, POLLIN, 0};
        uint64_t now = clock_monotonic_ms(&clock_system);
        if (now >= until)
            return err_set(e, ERR_TIMEOUT, "lodge-ct did not answer within %d s", OPEN_TIMEOUT_MS / 1000);
        if (poll(&p, 1, (int)(until - now)) <= 0)
            continue;
        ssize_t n = read(o->answer_fd, o->answer + o->n, sizeof(o->answer) - o->n);
        if (n <= 0)
            return err_set(e, ERR_INTERNAL, "lodge-ct ended without an answer");
        o->n += (size_t)n;
    }
    take_fds(o);
    return 0;
}

static int check_answer(const struct opener *o, size_t n_fds, struct err *e)
{
    _cleanup_json_ json_t *line = NULL;
    const char *end = memchr(o->answer, '\n', o->n);
    if (json_parse(o->answer, (size_t)(end - o->answer), "answer of lodge-ct", &line, e) < 0)
        return -1;
    if (json_get_obj(line, "error"))
        return helper_error(json_get_obj(line, "error"), e);
    return o->n_fds == n_fds ? 0 : err_set(e, ERR_INTERNAL, "lodge-ct handed over no terminal");
}

static void end_helper(struct opener *o)
{
    int code;
    if (o->pidfd < 0)
        return;
    proc_reap(o->pidfd, &code, NULL);
    close(TAKE_FD(o->pidfd));
}

int ct_console_open(void *arg, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e)
{
    struct ct_driver *driver = arg;
    struct opener o = {.socket = -1, .answer_fd = -1, .pidfd = -1};
    _cleanup_free_ char *path = mem_printf("%s/lodge-ct", driver->helper_dir);
    char columns[16], rows[16];
    const char *argv[COMMAND_MAX + 8] = {
        path, kind == CONSOLE_SHELL ? "shell" : "console", driver->path, target->uuid};
    bool shell = kind == CONSOLE_SHELL;
    size_t n = 4;
    snprintf(columns, sizeof(columns), "%u", target->columns);
    snprintf(rows, sizeof(rows), "%u", target->rows);
    if (shell) {
        argv[n++] = columns;
        argv[n++] = rows;
        for (size_t i = 0; target->command && target->command[i] && i < COMMAND_MAX; i++)
            argv[n++] = target->command[i];
    }
    int r = spawn(argv, &o, e);
    if (r == 0)
        r = read_answer(&o, e);
    if (r == 0)
        r = check_answer(&o, shell ? 1 : 2, e);
    close_p(&o.socket);
    close_p(&o.answer_fd);
    if (r < 0) {
        for (size_t i = 0; i < o.n_fds; i++)
            close(o.fds[i]);
        if (o.pidfd >= 0)
            kill(o.pid, SIGKILL);
        end_helper(&o);
        return -1;
    }
    if (!shell)
        end_helper(&o);
    *ret = (struct console_source){.fd = o.fds[0], .hold_fd = shell ? -1 : o.fds[1], .pidfd = o.pidfd};
    return 0;
}
