#include "helpers/helper_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "base/text.h"

#define TEXT_MAX (1 << 20) /* of a line, and of what is kept of standard error */

struct run {
    const struct helper_call *call;
    int in, out, err, pidfd;
    size_t fed;
    struct buf line, last_words;
    json_t *answer; /* the last line that was a result or an error */
    bool cancelled;
};

static void run_close(struct run *run)
{
    close_p(&run->in);
    close_p(&run->out);
    close_p(&run->err);
    close_p(&run->pidfd);
    buf_free(&run->line);
    buf_free(&run->last_words);
    json_decref(run->answer);
}

static void take_line(struct run *run, const char *text, size_t n)
{
    json_t *line;
    if (json_parse(text, n, "answer of a helper", &line, NULL) < 0)
        return;
    int64_t percent = json_get_int(line, "percent", -1);
    if (percent >= 0 && run->call->progress)
        run->cancelled |= !run->call->progress(run->call->progress_arg, (unsigned)MIN_OF(percent, 100));
    if (json_get_obj(line, "result") || json_get_obj(line, "error")) {
        json_decref(run->answer);
        run->answer = json_incref(line);
    }
    json_decref(line);
}

static void take_output(struct run *run, const char *data, size_t n)
{
    while (n) {
        const char *end = memchr(data, '\n', n);
        size_t part = end ? (size_t)(end - data) : n;
        if (run->line.len + part <= TEXT_MAX)
            buf_add(&run->line, data, part);
        if (!end)
            return;
        if (run->line.len)
            take_line(run, run->line.data, run->line.len);
        run->line.len = 0;
        data += part + 1;
        n -= part + 1;
    }
}

/* Reads what there is; closes at the end of the stream. */
static void read_output(struct run *run, int *fd, bool is_answer)
{
    char block[16384];
    ssize_t n = read(*fd, block, sizeof(block));
    if (n > 0 && is_answer)
        take_output(run, block, (size_t)n);
    else if (n > 0 && run->last_words.len < TEXT_MAX)
        buf_add(&run->last_words, block, (size_t)n);
    else if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        close(TAKE_FD(*fd));
}

static void feed_input(struct run *run)
{
    size_t n = strlen(run->call->input);
    ssize_t done = write(run->in, run->call->input + run->fed, n - run->fed);
    if (done > 0)
        run->fed += (size_t)done;
    if (run->fed == n || (done < 0 && errno != EINTR && errno != EAGAIN))
        close(TAKE_FD(run->in));
}

/* Until the helper has ended and what it wrote is read. What it leaves running may keep the pipes open. */
static int pump(struct run *run, struct err *e)
{
    const struct helper_call *call = run->call;
    uint64_t until = clock_monotonic_ms(&clock_system) + call->timeout_ms;
    for (bool ended = false; !ended;) {
        struct pollfd p[] = {
            {run->in, POLLOUT, 0}, {run->out, POLLIN, 0}, {run->err, POLLIN, 0}, {run->pidfd, POLLIN, 0}};
        uint64_t now = clock_monotonic_ms(&clock_system);
        if (now >= until)
            return err_set(e, ERR_TIMEOUT, "did not finish within %llu s",
                (unsigned long long)(call->timeout_ms + 999) / 1000);
        if (run->cancelled || (call->cancel && *call->cancel))
            return err_set(e, ERR_CANCELLED, "was cancelled");
        if (poll(p, ARRAY_SIZE(p), (int)MIN_OF(until - now, UINT64_C(100))) < 0 && errno != EINTR)
            return err_errno(e, errno, "cannot poll");
        if (p[0].revents)
            feed_input(run);
        if (p[1].revents)
            read_output(run, &run->out, true);
        if (p[2].revents)
            read_output(run, &run->err, false);
        ended = p[3].revents && !(p[1].revents & POLLIN) && !(p[2].revents & POLLIN);
    }
    return 0;
}

int helper_error(const json_t *error, struct err *e)
{
    err_set(e, err_code_from_name(json_get_str(error, "code", "internal")), "%s",
        json_get_str(error, "detail", "it gave no reason"));
    const char *hint = json_get_str(error, "hint", "");
    return *hint ? err_hint(e, "%s", hint) : -1;
}

/* The last line of what it wrote to standard error; "" when nothing. */
static const char *last_words(struct run *run)
{
    struct buf *words = &run->last_words;
    while (words->len && words->data[words->len - 1] == '\n')
        words->data[--words->len] = '\0';
    const char *line = words->len ? strrchr(words->data, '\n') : NULL;
    return line ? line + 1 : words->len ? words->data : "";
}

/* A helper that was killed by its own filter (SIGSYS) or limits ends like that. */
static int no_answer(struct run *run, int code, struct err *e)
{
    const char *words = last_words(run), *name = run->call->name;
    if (code > 128)
        return err_set(
            e, ERR_INTERNAL, "%s was killed by signal %d (%s)", name, code - 128, strsignal(code - 128));
    return err_set(e, ERR_INTERNAL, "%s ended with code %d and no answer%s%.300s", name, code,
        *words ? ": " : "", words);
}

/* What a program that the helper ran had to say explains more than its exit code. */
static int told_error(struct run *run, struct err *e)
{
    const char *words = last_words(run);
    helper_error(json_get_obj(run->answer, "error"), e);
    if (e && e->code == ERR_INTERNAL && *words) {
        size_t n = strlen(e->detail);
        snprintf(e->detail + n, sizeof(e->detail) - n, ": %.300s", words);
    }
    return -1;
}

static int spawn(struct run *run, pid_t *ret_pid, struct err *e)
{
    const struct helper_call *call = run->call;
    const char *argv[16] = {0};
    _cleanup_free_ char *path = mem_printf("%s/%s", call->helper_dir, call->name);
    size_t n_args = 0;
    argv[n_args++] = path;
    for (size_t i = 0; call->args[i] && n_args + 1 < ARRAY_SIZE(argv); i++)
        argv[n_args++] = call->args[i];
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || (call->input && pipe2(in, O_CLOEXEC) < 0)) {
        int all[] = {out[0], out[1], err[0], err[1]}, saved = errno;
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
            close_p(&all[i]);
        return err_errno(e, saved, "cannot make a pipe");
    }
    struct proc_fd fds[8] = {{out[1], 1}, {err[1], 2}};
    size_t n_fds = 2;
    if (call->input)
        fds[n_fds++] = (struct proc_fd){in[0], 0};
    for (size_t i = 0; i < call->n_fds && n_fds < ARRAY_SIZE(fds); i++)
        fds[n_fds++] = call->fds[i];
    struct proc_spec spec = {.argv = argv, .fds = fds, .n_fds = n_fds, .new_session = call->new_session};
    int r = proc_spawn(&spec, ret_pid, &run->pidfd, e);
    close(out[1]);
    close(err[1]);
    close_p(&in[0]);
    run->in = in[1];
    run->out = out[0];
    run->err = err[0];
    if (run->in >= 0)
        fcntl(run->in, F_SETFL, O_NONBLOCK);
    return r;
}

int helper_run(const struct helper_call *call, json_t **ret, struct err *e)
{
    struct run run = {.call = call, .in = -1, .out = -1, .err = -1, .pidfd = -1};
    pid_t pid;
    int code = 0, r = spawn(&run, &pid, e);
    if (r < 0 && e && e->code == ERR_NOT_FOUND)
        e->code = ERR_INTERNAL; /* the helper is what is missing, not what was asked for */
    if (r == 0 && (r = pump(&run, e)) < 0) {
        kill(pid, SIGKILL);
        err_prefix(e, "%s", call->name);
    }
    if (run.pidfd >= 0 && proc_reap(run.pidfd, &code, r < 0 ? NULL : e) < 0)
        r = -1;
    if (r == 0 && !run.answer)
        r = no_answer(&run, code, e);
    else if (r == 0 && json_get_obj(run.answer, "error"))
        r = told_error(&run, e);
    else if (r == 0 && ret)
        *ret = json_incref(json_get_obj(run.answer, "result"));
    run_close(&run);
    return r;
}
