/* A screen for one who only looks: between QEMU and the viewer, so that nothing is typed whoever is at the
 * other end. In the multiplexer's thread. */
#include <errno.h>
#include <sys/socket.h>

#include "core/console_hub.h"
#include "core/rfb_filter.h"

#define TURNS      16
#define UP_BLOCK   4096
#define DOWN_BLOCK (16 * 1024)

struct screen {
    struct mux *mux;
    struct screen *next, **at;
    int guest, viewer;
    struct loop_watch *guest_watch, *viewer_watch;
    struct rfb_filter filter;
    struct buf up; /* filtered, for the guest */
    size_t up_done;
    uint8_t down[DOWN_BLOCK];
    size_t down_len, down_done;
};

void screen_free(struct screen *s)
{
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    loop_watch_free(s->guest_watch);
    loop_watch_free(s->viewer_watch);
    shutdown(s->guest, SHUT_RDWR);
    close(s->guest);
    close(s->viewer);
    buf_free(&s->up);
    free(s);
}

/* 0: nothing now. */
static bool has_failed(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Each returns false when its side has ended; *moved when bytes went on. */
static bool move_down(struct screen *s, bool *moved)
{
    if (s->down_done == s->down_len) {
        ssize_t n = recv(s->guest, s->down, sizeof(s->down), MSG_DONTWAIT);
        if (has_failed(n))
            return false;
        s->down_len = n > 0 ? (size_t)n : 0;
        s->down_done = 0;
    }
    if (s->down_done == s->down_len)
        return true;
    ssize_t n =
        send(s->viewer, s->down + s->down_done, s->down_len - s->down_done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        s->down_done += (size_t)n;
        *moved = true;
    }
    return n > 0 || !has_failed(n);
}

static bool move_up(struct screen *s, bool *moved)
{
    uint8_t block[UP_BLOCK];
    if (s->up_done == s->up.len) {
        ssize_t n = recv(s->viewer, block, sizeof(block), MSG_DONTWAIT);
        s->up.len = s->up_done = 0;
        if (has_failed(n) || (n > 0 && !rfb_filter(&s->filter, block, (size_t)n, &s->up)))
            return false;
        *moved |= n > 0;
    }
    if (s->up_done == s->up.len)
        return true;
    ssize_t n = send(s->guest, s->up.data + s->up_done, s->up.len - s->up_done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        s->up_done += (size_t)n;
        *moved = true;
    }
    return n > 0 || !has_failed(n);
}

static void on_event(void *arg, uint32_t events)
{
    struct screen *s = arg;
    bool moved = true;
    (void)events;
    for (int i = 0; moved && i < TURNS; i++) {
        moved = false;
        if (!move_down(s, &moved) || !move_up(s, &moved)) {
            screen_free(s);
            return;
        }
    }
    bool down = s->down_done < s->down_len, up = s->up_done < s->up.len;
    loop_watch_set(s->guest_watch, (down ? 0U : (uint32_t)EPOLLIN) | (up ? (uint32_t)EPOLLOUT : 0U));
    loop_watch_set(s->viewer_watch, (up ? 0U : (uint32_t)EPOLLIN) | (down ? (uint32_t)EPOLLOUT : 0U));
}

static void begin(void *arg)
{
    struct screen *s = arg;
    struct mux *m = s->mux;
    s->next = m->screens;
    s->at = &m->screens;
    if (m->screens)
        m->screens->at = &s->next;
    m->screens = s;
    s->guest_watch = loop_watch_fd(m->loop, s->guest, EPOLLIN, on_event, s);
    s->viewer_watch = loop_watch_fd(m->loop, s->viewer, EPOLLIN, on_event, s);
}

void mux_screen(struct mux *m, int guest, int viewer)
{
    struct screen *s = mem_new(struct screen, 1);
    *s = (struct screen){.mux = m, .guest = guest, .viewer = viewer};
    mux_start(m);
    loop_post(m->loop, begin, s);
}
