#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"

#define KEEP_MAX (1024 * 1024)

static const char *const plain_env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8", NULL};

/* In the child: puts every wanted descriptor at its number, in an order that overwrites none. All
 * are first moved above the highest number, then down. */
static int place_fds(const struct proc_spec *spec, const int *standard)
{
    int high = 3, moved[16];
    struct proc_fd all[16];
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        all[n++] = (struct proc_fd){.fd = standard[i], .number = i};
    for (size_t i = 0; i < spec->n_fds && n < ARRAY_SIZE(all); i++) {
        if (spec->fds[i].number < 3)
            all[spec->fds[i].number].fd = spec->fds[i].fd;
        else
            all[n++] = spec->fds[i];
        high = MAX_OF(high, spec->fds[i].number + 1);
    }
    for (size_t i = 0; i < n; i++)
        if ((moved[i] = fcntl(all[i].fd, F_DUPFD_CLOEXEC, high)) < 0)
            return -1;
    for (size_t i = 0; i < n; i++)
        if (dup2(moved[i], all[i].number) < 0)
            return -1;
    /* What is not in the list is closed by CLOEXEC; anything that a library opened without it: */
    syscall(SYS_close_range, (unsigned)high, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    for (int fd = 3; fd < high; fd++) {
        bool wanted = false;
        for (size_t i = 0; i < n; i++)
            wanted |= all[i].number == fd;
        if (!wanted)
            close(fd);
    }
    return 0;
}

/* lodged is kept from the kernel's OOM killer; what it starts, guests with it, is like any other program. */
static void become_mortal(void)
{
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    char first;
    if (fd >= 0 && read(fd, &first, 1) == 1 && first == '-') {
        ssize_t n = pwrite(fd, "0", 1, 0);
        (void)n;
    }
}

static _Noreturn void child_exec(const struct proc_spec *spec, const int *standard, int status_fd)
{
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < SIGRTMIN; s++)
        signal(s, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    become_mortal();
    int keep = fcntl(status_fd, F_DUPFD_CLOEXEC, 100);
    const char *const *env = spec->env ? spec->env : plain_env;
    if ((spec->new_session && setsid() < 0) || place_fds(spec, standard) < 0 ||
        (spec->unshare_flags && unshare((int)spec->unshare_flags) < 0) ||
        (spec->uid && (setgroups(0, NULL) < 0 || setresgid(spec->uid, spec->uid, spec->uid) < 0 ||
                          setresuid(spec->uid, spec->uid, spec->uid) < 0 ||
                          prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)))
        ;
    else
        execvpe(spec->argv[0], (char *const *)(uintptr_t)spec->argv, (char *const *)(uintptr_t)env);
    int failed = errno;
    ssize_t n = write(keep, &failed, sizeof(failed));
    (void)n;
    _exit(127);
}

static int pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int proc_spawn(const struct proc_spec *spec, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int standard[3] = {null, spec->quiet ? null : STDOUT_FILENO, spec->quiet ? null : STDERR_FILENO};
    int status[2];
    if (pipe2(status, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot start %s", spec->argv[0]);
    /* Signals wait until the child has default handlers: it shares none of ours. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = fork();
    if (pid == 0)
        child_exec(spec, standard, status[1]);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(status[1]);
    _cleanup_close_ int status_read = status[0];
    if (pid < 0)
        return err_errno(e, saved, "cannot start %s", spec->argv[0]);
    int failed;
    ssize_t n = read(status_read, &failed, sizeof(failed));
    if (n == (ssize_t)sizeof(failed)) {
        waitpid(pid, NULL, 0);
        err_errno(e, failed, "cannot start %s", spec->argv[0]);
        if (e)
            e->code = ERR_INTERNAL; /* a program that is missing is nothing that the caller asked for */
        return failed == ENOENT ? err_hint(e, "install the program %s", spec->argv[0]) : -1;
    }
    int pidfd = pidfd_of(pid);
    if (pidfd < 0) {
        saved = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return err_errno(e, saved, "cannot watch %s", spec->argv[0]);
    }
    if (ret_pid)
        *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

int proc_reap(int pidfd, int *ret_code, struct err *e)
{
    siginfo_t info = {0};
    while (waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED) < 0)
        if (errno != EINTR)
            return err_errno(e, errno, "cannot wait for a program");
    *ret_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 0;
}

void proc_output_clear(struct proc_output *o)
{
    free(o->out);
    free(o->err);
    *o = (struct proc_output){0};
}

static void keep_output(struct buf *b, int *fd)
{
    char block[16384];
    ssize_t n = read(*fd, block, sizeof(block));
    if (n > 0) {
        if (b->len < KEEP_MAX)
            buf_add(b, block, MIN_OF((size_t)n, KEEP_MAX - b->len));
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        close(*fd);
        *fd = -1;
    }
}

struct run_io {
    int in, out, err, pidfd;
    const char *input;
    size_t input_left;
    struct buf out_text, err_text;
    bool ended;
};

static void feed_input(struct run_io *io)
{
    ssize_t n = io->input_left ? write(io->in, io->input, MIN_OF(io->input_left, (size_t)65536)) : 0;
    if (n > 0) {
        io->input += n;
        io->input_left -= (size_t)n;
    }
    if (!io->input_left || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        close(io->in);
        io->in = -1;
    }
}

/* Until the program has ended and its pipes are empty. A grandchild that keeps a pipe open is not
 * waited for. */
static int pump(struct run_io *io, uint64_t timeout_ms, const _Atomic bool *cancel, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + timeout_ms;
    while (!io->ended) {
        struct pollfd p[] = {
            {io->in, POLLOUT, 0}, {io->out, POLLIN, 0}, {io->err, POLLIN, 0}, {io->pidfd, POLLIN, 0}};
        uint64_t now = clock_monotonic_ms(&clock_system);
        if (now >= until)
            return err_set(e, ERR_TIMEOUT, "did not finish within %llu s",
                (unsigned long long)(timeout_ms + 999) / 1000);
        if (cancel && *cancel)
            return err_set(e, ERR_CANCELLED, "was cancelled");
        if (poll(p, ARRAY_SIZE(p), (int)MIN_OF(until - now, cancel ? UINT64_C(100) : UINT64_C(60000))) < 0 &&
            errno != EINTR)
            return err_errno(e, errno, "cannot poll");
        if (p[0].revents)
            feed_input(io);
        if (p[1].revents)
            keep_output(&io->out_text, &io->out);
        if (p[2].revents)
            keep_output(&io->err_text, &io->err);
        io->ended = p[3].revents && !(p[1].revents & POLLIN) && !(p[2].revents & POLLIN);
    }
    return 0;
}

static int open_pipes(int pipes[3][2], struct err *e)
{
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0) {
            int saved = errno;
            for (int j = 0; j < i; j++) {
                close(pipes[j][0]);
                close(pipes[j][1]);
            }
            return err_errno(e, saved, "cannot make a pipe");
        }
    fcntl(pipes[0][1], F_SETFL, O_NONBLOCK);
    return 0;
}

static void io_close(struct run_io *io)
{
    close_p(&io->in);
    close_p(&io->out);
    close_p(&io->err);
    close_p(&io->pidfd);
    buf_free(&io->out_text);
    buf_free(&io->err_text);
}

int proc_run(const struct proc_spec *spec, const char *input, size_t input_len, uint64_t timeout_ms,
    const _Atomic bool *cancel, struct proc_output *ret, struct err *e)
{
    int pipes[3][2];
    if (open_pipes(pipes, e) < 0)
        return err_prefix(e, "cannot run %s", spec->argv[0]);
    struct proc_fd fds[16] = {{pipes[0][0], 0}, {pipes[1][1], 1}, {pipes[2][1], 2}};
    size_t n = 3;
    for (size_t i = 0; i < spec->n_fds && n < ARRAY_SIZE(fds); i++)
        fds[n++] = spec->fds[i];
    struct proc_spec with_pipes = *spec;
    with_pipes.fds = fds;
    with_pipes.n_fds = n;
    struct run_io io = {.in = pipes[0][1],
        .out = pipes[1][0],
        .err = pipes[2][0],
        .pidfd = -1,
        .input = input,
        .input_left = input ? input_len : 0};
    pid_t pid = 0;
    int r = proc_spawn(&with_pipes, &pid, &io.pidfd, e);
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    if (r < 0) {
        io_close(&io);
        return -1;
    }
    r = pump(&io, timeout_ms, cancel, e);
    if (r < 0) {
        kill(pid, SIGKILL);
        err_prefix(e, "%s", spec->argv[0]);
    }
    struct proc_output o = {0};
    if (proc_reap(io.pidfd, &o.code, r < 0 ? NULL : e) < 0)
        r = -1;
    if (r == 0) {
        o.out_len = io.out_text.len;
        o.out = buf_take(&io.out_text);
        o.err = buf_take(&io.err_text);
        *ret = o;
    }
    io_close(&io);
    return r;
}

/* The last line that is not empty: where programs say what went wrong. */
static const char *last_line(char *text)
{
    size_t n = strlen(text);
    while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = '\0';
    char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

int proc_check(const struct proc_spec *spec, uint64_t timeout_ms, struct err *e)
{
    struct proc_output o = {0};
    if (proc_run(spec, NULL, 0, timeout_ms, NULL, &o, e) < 0)
        return -1;
    int r = 0;
    if (o.code) {
        const char *words = last_line(o.err);
        r = err_set(e, ERR_INTERNAL, "%s failed with code %d: %s", spec->argv[0], o.code,
            *words ? words : "it gave no reason");
    }
    proc_output_clear(&o);
    return r;
}
