/* What viewers of the same console share: the guest's side, its end, and the newest of what it wrote. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/proc.h"
#include "core/console_hub.h"

#define READS_A_TURN 8    /* so that one flood does not starve the other consoles */
#define LOG_LOOK_MS  200  /* how often the file of a followed log is looked at */
#define DRAIN_MS     2000 /* viewers get what is left for so long */
/* A shell's helper has so long to say its code: never, where its program lives on without a terminal. */
#define CODE_MS     15000
#define LOG_PRELOAD (CONSOLE_REPLAY + 1024) /* more than is shown: it begins with a whole line */

/* Only terminals have a size; a VM's serial port knows none. */
void hub_apply_size(const struct hub *h, const struct viewer *v)
{
    struct winsize size = {.ws_col = (unsigned short)v->columns, .ws_row = (unsigned short)v->rows};
    if (h->type == GUEST_CONTAINER && h->kind != CONSOLE_LOG && v->columns && v->rows)
        ioctl(h->source.fd, TIOCSWINSZ, &size);
}

/* ---- to the guest ---- */

void hub_watch_source(struct hub *h)
{
    if (h->watch)
        loop_watch_set(h->watch, EPOLLIN | (h->in_len ? (uint32_t)EPOLLOUT : 0U));
    for (struct viewer *v = h->viewers; v; v = v->next)
        viewer_set_watch(v);
}

bool hub_write(struct hub *h)
{
    while (h->in_done < h->in_len) {
        ssize_t n = write(h->source.fd, h->in + h->in_done, h->in_len - h->in_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0)
            break; /* its reader sees the end */
        h->in_done += (size_t)n;
    }
    h->in_len = h->in_done = 0;
    return true;
}

/* ---- hubs ---- */

static void leftover_ended(void *arg, uint32_t events)
{
    struct leftover *l = arg;
    int code;
    (void)events;
    proc_reap(l->pidfd, &code, NULL);
    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    loop_watch_free(l->watch);
    close(l->pidfd);
    free(l);
}

/* Nobody waits for the shell's code any more. One that does not end with its terminal lives on, in its
 * container alone. */
static void reap_later(struct mux *m, int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    struct leftover *l = mem_new(struct leftover, 1);
    *l = (struct leftover){.mux = m, .pidfd = pidfd, .next = m->leftovers, .at = &m->leftovers};
    if (m->leftovers)
        m->leftovers->at = &l->next;
    m->leftovers = l;
    l->watch = loop_watch_fd(m->loop, pidfd, EPOLLIN, leftover_ended, l);
}

static void source_close(struct hub *h)
{
    loop_watch_free(h->watch);
    loop_watch_free(h->pid_watch);
    h->watch = h->pid_watch = NULL;
    close_p(&h->source.fd);
    close_p(&h->source.hold_fd);
    if (h->source.pidfd >= 0)
        reap_later(h->mux, h->source.pidfd);
    h->source = (struct console_source){-1, -1, -1};
}

void hub_free(struct hub *h)
{
    *h->at = h->next;
    if (h->next)
        h->next->at = h->at;
    source_close(h);
    loop_timer_free(h->timer);
    console_command_free(h->command);
    free(h);
}

void hub_check_empty(struct hub *h)
{
    if (!h->viewers && h->open)
        hub_free(h);
}

static void drain_is_over(void *arg)
{
    struct hub *h = arg;
    while (h->viewers)
        viewer_finish(h->viewers);
    hub_free(h);
}

/* The guest's side has ended. Who has not seen all yet may take a moment to do so. */
static void hub_end(struct hub *h)
{
    h->ended = true;
    source_close(h);
    loop_timer_free(h->timer);
    h->timer = NULL;
    for (struct viewer *v = h->viewers, *next; v; v = next) {
        next = v->next;
        if (viewer_feed(v))
            viewer_finish(v);
        else
            viewer_set_watch(v);
    }
    if (!h->viewers) {
        hub_free(h);
        return;
    }
    h->timer = loop_timer_new(h->mux->loop, drain_is_over, h);
    loop_timer_arm(h->timer, DRAIN_MS);
}

static void hub_end_late(void *arg)
{
    hub_end(arg);
}

/* The terminal or socket has ended; a shell's code comes from its helper in a moment. */
static void source_ended(struct hub *h)
{
    loop_watch_free(h->watch);
    h->watch = NULL;
    h->end = h->kind == CONSOLE_SHELL ? CONSOLE_END_EXITED : CONSOLE_END_STOPPED;
    if (h->source.pidfd < 0) {
        hub_end(h);
        return;
    }
    h->timer = loop_timer_new(h->mux->loop, hub_end_late, h);
    loop_timer_arm(h->timer, CODE_MS);
}

/* False at the end. */
static bool read_source(struct hub *h, int turns)
{
    uint8_t block[CONSOLE_DATA_MAX];
    for (int i = 0; i < turns; i++) {
        ssize_t n = read(h->source.fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0)
            return false;
        console_ring_add(&h->ring, block, (size_t)n);
        hub_feed(h);
    }
    return true;
}

static void on_source(void *arg, uint32_t events)
{
    struct hub *h = arg;
    if ((events & EPOLLOUT) && h->in_len && hub_write(h))
        hub_watch_source(h);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !read_source(h, READS_A_TURN))
        source_ended(h);
}

/* A shell's helper has ended, and with it the shell: what it wrote last is still in the terminal. */
static void on_helper(void *arg, uint32_t events)
{
    struct hub *h = arg;
    (void)events;
    loop_watch_free(h->pid_watch);
    h->pid_watch = NULL;
    proc_reap(h->source.pidfd, &h->code, NULL);
    close(TAKE_FD(h->source.pidfd));
    h->end = CONSOLE_END_EXITED;
    if (h->watch)
        read_source(h, CONSOLE_RING_SIZE / 1024);
    hub_end(h);
}

/* ---- logs ---- */

static void look_at_log(void *arg)
{
    struct hub *h = arg;
    struct stat st;
    if (h->source.fd < 0) {
        _cleanup_free_ char *path = guest_log_path(h->mux->core, h->uuid);
        h->source.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    if (h->source.fd >= 0 && fstat(h->source.fd, &st) == 0 && S_ISREG(st.st_mode)) {
        uint64_t size = (uint64_t)st.st_size;
        if (st.st_nlink == 0) { /* deleted with its guest, or replaced */
            close(h->source.fd);
            h->source.fd = -1;
            h->log_at = 0;
        } else if (size < h->log_at) {
            h->log_at = 0; /* it was cut */
        }
        if (size > h->log_at + CONSOLE_RING_SIZE) {
            console_ring_skip(&h->ring, size - CONSOLE_RING_SIZE - h->log_at);
            h->log_at = size - CONSOLE_RING_SIZE;
        }
        uint8_t block[CONSOLE_DATA_MAX];
        for (ssize_t n; h->source.fd >= 0 && h->log_at < size &&
                        (n = pread(h->source.fd, block, sizeof(block), (off_t)h->log_at)) > 0;) {
            console_ring_add(&h->ring, block, (size_t)n);
            h->log_at += (uint64_t)n;
        }
        hub_feed(h);
    }
    loop_timer_arm(h->timer, LOG_LOOK_MS);
}

/* ---- opening ---- */

struct opening {
    struct hub *hub;
    struct core *core;
    char uuid[UUID_LEN + 1];
    enum guest_type type;
    enum console_kind kind;
    unsigned columns, rows;
    char **command; /* the hub's: it waits */
    struct console_source source;
    char tail[LOG_PRELOAD];
    size_t n_tail;
    bool failed;
    struct err err;
};

/* What was written while nobody was connected is in the log only. */
static void read_tail(struct opening *o)
{
    _cleanup_free_ char *path = guest_log_path(o->core, o->uuid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t n = fd < 0 ? 0 : pread(fd, o->tail, sizeof(o->tail), MAX_OF(end - LOG_PRELOAD, (off_t)0));
    o->n_tail = n > 0 ? (size_t)n : 0;
}

static void opened(void *arg);

static void open_run(void *arg)
{
    struct opening *o = arg;
    const struct guest_ops *ops = o->core->drivers->guests[o->type];
    _cleanup_free_ char *runtime_dir = mem_printf("%s/run/guests/%s", o->core->state_dir, o->uuid);
    struct console_target target = {.uuid = o->uuid,
        .runtime_dir = runtime_dir,
        .columns = o->columns,
        .rows = o->rows,
        .command = (const char *const *)o->command};
    if (o->kind != CONSOLE_LOG) {
        o->failed =
            ops->console_open(o->core->guest_drivers[o->type], o->kind, &target, &o->source, &o->err) < 0;
        if (!o->failed)
            fcntl(o->source.fd, F_SETFL, O_NONBLOCK);
    }
    if (!o->failed && o->kind == CONSOLE_SERIAL)
        read_tail(o);
    loop_post(o->core->mux->loop, opened, o);
}

static void opened(void *arg)
{
    struct opening *o = arg;
    struct hub *h = o->hub;
    h->source = o->source;
    if (o->n_tail)
        console_ring_add(&h->ring, o->tail, o->n_tail);
    while (o->failed && h->viewers) {
        struct viewer *v = h->viewers;
        struct note note = {.what = NOTE_FAILED, .err = o->err};
        viewer_drop(v);
        mux_tell(v, &note);
    }
    h->open = true;
    if (!h->viewers) {
        hub_free(h);
        free(o);
        return;
    }
    if (h->kind == CONSOLE_LOG) {
        h->timer = loop_timer_new(h->mux->loop, look_at_log, h);
        look_at_log(h);
    } else {
        h->watch = loop_watch_fd(h->mux->loop, h->source.fd, EPOLLIN, on_source, h);
        if (h->source.pidfd >= 0)
            h->pid_watch = loop_watch_fd(h->mux->loop, h->source.pidfd, EPOLLIN, on_helper, h);
    }
    for (struct viewer *v = h->viewers, *next; v; v = next) {
        next = v->next;
        viewer_begin(v);
    }
    hub_check_empty(h);
    free(o);
}

struct hub *hub_find(const struct mux *m, const struct viewer *v)
{
    struct hub *h = m->hubs;
    while (h && (h->kind != v->kind || h->ended || !streq(h->uuid, v->uuid)))
        h = h->next;
    return v->kind == CONSOLE_SHELL ? NULL : h;
}

struct hub *hub_new(struct mux *m, struct viewer *v)
{
    struct hub *h = mem_new(struct hub, 1);
    h->mux = m;
    h->next = m->hubs;
    h->at = &m->hubs;
    if (m->hubs)
        m->hubs->at = &h->next;
    m->hubs = h;
    memcpy(h->uuid, v->uuid, sizeof(h->uuid));
    h->type = v->type;
    h->kind = v->kind;
    h->columns = v->columns;
    h->rows = v->rows;
    h->command = TAKE_PTR(v->command);
    h->code = -1;
    h->source = (struct console_source){-1, -1, -1};
    struct opening *o = mem_new(struct opening, 1);
    *o = (struct opening){.hub = h,
        .core = m->core,
        .type = h->type,
        .kind = h->kind,
        .columns = h->columns,
        .rows = h->rows,
        .command = h->command,
        .source = {-1, -1, -1}};
    memcpy(o->uuid, h->uuid, sizeof(o->uuid));
    workers_submit(m->core->console_workers, open_run, NULL, o);
    return h;
}
