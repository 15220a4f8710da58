#include "core/console.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "core/console_mux.h"

struct console {
    struct core *core;
    struct console_handler handler;
    void *arg;
    bool closed; /* no call follows */
    struct viewer *viewer;
    /* a screen */
    char uuid[UUID_LEN + 1];
    enum guest_type type;
    int fd; /* a duplicate of what was handed out */
    bool connecting, failed, read_only;
    struct err err;
};

static const struct {
    const char *word, *help;
} ends[] = {
#define X(symbol, word_, code, help_) [CONSOLE_END_##symbol] = {word_, help_},
    CONSOLE_ENDS(X)
#undef X
};

const char *console_end_word(enum console_end end)
{
    return ends[end].word;
}

const char *console_end_help(enum console_end end)
{
    return ends[end].help;
}

char *guest_log_path(const struct core *core, const char *uuid)
{
    return mem_printf("%s/log/guests/%s.log", core->state_dir, uuid);
}

/* ---- what goes through the multiplexer ---- */

static void on_opened(void *arg, int fd, bool writer)
{
    struct console *c = arg;
    if (c->closed)
        close(fd);
    else
        c->handler.opened(c->arg, fd, writer);
}

static void on_failed(void *arg, const struct err *e)
{
    struct console *c = arg;
    if (!c->closed)
        c->handler.failed(c->arg, e);
}

static void on_ended(void *arg, enum console_end end, int code)
{
    struct console *c = arg;
    if (!c->closed)
        c->handler.ended(c->arg, end, code);
}

static void on_freed(void *arg)
{
    free(arg);
}

static const struct mux_handler mux_handler = {on_opened, on_failed, on_ended, on_freed};

/* ---- screens ---- */

static void connect_run(void *arg)
{
    struct console *c = arg;
    const struct guest_ops *ops = c->core->drivers->guests[c->type];
    _cleanup_free_ char *runtime_dir = mem_printf("%s/run/guests/%s", c->core->state_dir, c->uuid);
    struct console_target target = {.uuid = c->uuid, .runtime_dir = runtime_dir};
    struct console_source source = {-1, -1, -1};
    c->failed =
        ops->console_open(c->core->guest_drivers[c->type], CONSOLE_VNC, &target, &source, &c->err) < 0;
    c->fd = source.fd;
}

static void console_free(struct console *c)
{
    if (c->fd >= 0) {
        shutdown(c->fd, SHUT_RDWR); /* for all who have it */
        close(c->fd);
    }
    free(c);
}

/* What the caller gets: the connection itself, or for one who only looks an end of what is filtered; -1. */
static int hand_out(struct console *c)
{
    int copy = fcntl(c->fd, F_DUPFD_CLOEXEC, 0), pair[2];
    if (!c->read_only || copy < 0)
        return copy;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        close(copy);
        return -1;
    }
    mux_screen(c->core->mux, copy, pair[0]);
    return pair[1];
}

static void connect_done(void *arg)
{
    struct console *c = arg;
    c->connecting = false;
    if (c->closed) {
        console_free(c);
        return;
    }
    int handed = c->failed ? -1 : hand_out(c);
    if (handed >= 0) {
        c->handler.opened(c->arg, handed, !c->read_only);
        return;
    }
    if (!c->failed)
        err_set(&c->err, ERR_INTERNAL, "out of descriptors");
    c->handler.failed(c->arg, &c->err);
}

/* ---- the calls ---- */

struct console *console_open(
    struct core *core, const struct console_wish *wish, const struct console_handler *handler, void *arg)
{
    struct console *c = mem_new(struct console, 1);
    *c = (struct console){.core = core, .handler = *handler, .arg = arg, .fd = -1, .type = wish->type};
    snprintf(c->uuid, sizeof(c->uuid), "%s", wish->uuid);
    if (wish->kind == CONSOLE_VNC) {
        c->connecting = true;
        c->read_only = wish->read_only;
        workers_submit(core->console_workers, connect_run, connect_done, c);
    } else {
        c->viewer = mux_view(core->mux, wish, &mux_handler, c);
    }
    return c;
}

void console_close(struct console *c)
{
    if (!c)
        return;
    c->closed = true;
    if (c->viewer)
        mux_leave(c->viewer);
    else if (!c->connecting)
        console_free(c);
}
