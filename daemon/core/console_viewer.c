/* Those who look at a console: their sockets, and what they send. */
#include <errno.h>
#include <sys/socket.h>

#include "base/json.h"
#include "core/console_hub.h"

#define SOCKET_BUFFER      (128 * 1024) /* what the kernel holds for a slow viewer; it doubles that */
#define PACKETS_A_TURN     16
#define CONTROL_PACKET_MAX 512

static struct viewer *viewer_of(struct console_seat *seat)
{
    return seat ? container_of(seat, struct viewer, seat) : NULL;
}

void viewer_set_watch(struct viewer *v)
{
    bool paused = v->hub->in_len || v->hub->ended;
    if (v->watch)
        loop_watch_set(v->watch, (paused ? 0U : (uint32_t)EPOLLIN) | (v->full ? (uint32_t)EPOLLOUT : 0U));
}

/* False when the socket is full or broken; a broken one is seen by its reader. */
static bool send_packet(struct viewer *v, char type, const void *data, size_t n)
{
    struct iovec iov[] = {{&type, 1}, {(void *)(uintptr_t)data, n}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    if (sendmsg(v->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    v->full = errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
    return false;
}

static bool send_control(struct viewer *v)
{
    _cleanup_buf_ struct buf text = {0};
    if (v->tell_mode) {
        buf_printf(&text, "{\"mode\":\"%s\",\"by\":", v->hub->seats.writer == &v->seat ? "writer" : "viewer");
        struct viewer *writer = viewer_of(v->hub->seats.writer);
        buf_json(&text, writer ? writer->who : NULL);
        buf_str(&text, "}");
        if (!send_packet(v, CONSOLE_CONTROL, text.data, text.len))
            return false;
        v->tell_mode = false;
    }
    if (v->lost) {
        text.len = 0;
        buf_printf(&text, "{\"lost\":%llu}", (unsigned long long)v->lost);
        if (!send_packet(v, CONSOLE_CONTROL, text.data, text.len))
            return false;
        v->lost = 0;
    }
    return true;
}

bool viewer_feed(struct viewer *v)
{
    struct console_ring *r = &v->hub->ring;
    v->full = false;
    if (v->position < console_ring_start(r)) {
        uint64_t from = console_ring_replay(r);
        v->lost += from - v->position;
        v->position = from;
    }
    bool going = send_control(v);
    while (going && v->position < r->end) {
        const uint8_t *data;
        size_t n = console_ring_peek(r, v->position, CONSOLE_DATA_MAX, &data);
        going = send_packet(v, CONSOLE_DATA, data, n);
        if (going)
            v->position += n;
    }
    return going;
}

void hub_feed(struct hub *h)
{
    for (struct viewer *v = h->viewers; v; v = v->next) {
        if (v->fd < 0 || v->full)
            continue;
        viewer_feed(v);
        if (v->full)
            viewer_set_watch(v);
    }
}

/* ---- what is typed ---- */

static void take_data(struct viewer *v, const uint8_t *data, size_t n)
{
    struct hub *h = v->hub;
    if (h->seats.writer != &v->seat || h->kind == CONSOLE_LOG || h->ended || !n)
        return;
    memcpy(h->in, data, n);
    h->in_len = n;
    h->in_done = 0;
    if (!hub_write(h))
        hub_watch_source(h);
}

static void take_resize(struct viewer *v, const uint8_t *data, size_t n)
{
    if (n != 4)
        return;
    v->columns = (unsigned)(data[0] | data[1] << 8);
    v->rows = (unsigned)(data[2] | data[3] << 8);
    if (v->hub->seats.writer == &v->seat)
        hub_apply_size(v->hub, v);
}

static void tell_modes(struct hub *h)
{
    for (struct viewer *v = h->viewers; v; v = v->next)
        v->tell_mode = v->fd >= 0;
    hub_feed(h);
}

static void take_control(struct viewer *v, const uint8_t *data, size_t n)
{
    _cleanup_json_ json_t *control = NULL;
    struct console_seat *before;
    if (n > CONTROL_PACKET_MAX || json_parse((const char *)data, n, "control", &control, NULL) < 0 ||
        !json_get_bool(control, "take", 0))
        return;
    if (!console_seats_take(&v->hub->seats, &v->seat, &before)) {
        v->tell_mode = true;
        hub_feed(v->hub);
        return;
    }
    hub_apply_size(v->hub, v);
    tell_modes(v->hub);
}

/* False when it has left or broke the protocol. */
static bool read_packet(struct viewer *v, bool *more)
{
    struct mux *m = v->mux;
    ssize_t n = recv(v->fd, m->block, sizeof(m->block), MSG_DONTWAIT);
    *more = n > 0;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0 || n > CONSOLE_PACKET_MAX)
        return false;
    switch (m->block[0]) {
    case CONSOLE_DATA: take_data(v, m->block + 1, (size_t)n - 1); return true;
    case CONSOLE_RESIZE: take_resize(v, m->block + 1, (size_t)n - 1); return true;
    case CONSOLE_CONTROL: take_control(v, m->block + 1, (size_t)n - 1); return true;
    default: return false;
    }
}

static void on_viewer(void *arg, uint32_t events)
{
    struct viewer *v = arg;
    struct hub *h = v->hub;
    bool here = true, more = true;
    if (events & EPOLLOUT) {
        bool all = viewer_feed(v);
        viewer_set_watch(v);
        if (all && h->ended) {
            viewer_finish(v);
            hub_check_empty(h);
            return;
        }
    }
    for (int i = 0; here && more && i < PACKETS_A_TURN && (events & EPOLLIN) && !h->in_len && !h->ended; i++)
        here = read_packet(v, &more);
    bool gone = (events & (EPOLLHUP | EPOLLERR)) && (h->in_len || h->ended || !(events & EPOLLIN));
    if (here && !gone)
        return;
    struct note note = {.what = NOTE_ENDED, .end = CONSOLE_END_LEFT, .code = -1};
    viewer_drop(v);
    mux_tell(v, &note);
    hub_check_empty(h);
}

/* ---- viewers come and go ---- */

void viewer_begin(struct viewer *v)
{
    int ends[2], size = SOCKET_BUFFER;
    struct hub *h = v->hub;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        struct note note = {.what = NOTE_FAILED};
        err_errno(&note.err, errno, "cannot make a socket");
        viewer_drop(v);
        mux_tell(v, &note);
        return;
    }
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    v->fd = ends[0];
    v->watch = loop_watch_fd(v->mux->loop, v->fd, EPOLLIN, on_viewer, v);
    v->position = console_ring_replay(&h->ring);
    bool writer = h->seats.writer == &v->seat;
    if (writer)
        hub_apply_size(h, v);
    v->tell_mode = true;
    mux_tell(v, &(struct note){.what = NOTE_OPENED, .fd = ends[1], .writer = writer});
    viewer_feed(v);
    viewer_set_watch(v);
}

void viewer_join(struct hub *h, struct viewer *v)
{
    v->hub = h;
    v->next = h->viewers;
    v->at = &h->viewers;
    if (h->viewers)
        h->viewers->at = &v->next;
    h->viewers = v;
    console_seats_add(&h->seats, &v->seat);
}

void viewer_drop(struct viewer *v)
{
    struct hub *h = v->hub;
    *v->at = v->next;
    if (v->next)
        v->next->at = v->at;
    loop_watch_free(v->watch);
    v->watch = NULL;
    if (v->fd >= 0) {
        shutdown(v->fd, SHUT_RDWR);
        close(TAKE_FD(v->fd));
    }
    struct viewer *next = viewer_of(console_seats_remove(&h->seats, &v->seat));
    v->hub = NULL;
    if (next && h->open && !h->ended) {
        hub_apply_size(h, next);
        tell_modes(h);
    }
}

void viewer_finish(struct viewer *v)
{
    struct note note = {.what = NOTE_ENDED, .end = v->hub->end, .code = v->hub->code};
    viewer_drop(v);
    mux_tell(v, &note);
}
