#include "wire/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"

/* A peer that sends more descriptors ahead of their frames than this breaks the protocol. */
#define FDS_MAX   16
#define READ_SIZE (64 * 1024)

/* A descriptor that leaves with the byte at this position of the output stream. */
struct out_fd {
    struct out_fd *next;
    uint64_t at;
    int fd;
};

struct link {
    struct loop *loop;
    struct loop_watch *watch;
    int fd;
    const struct link_handler *handler;
    void *arg;
    struct ucred peer;
    struct buf in;
    size_t in_done; /* bytes of `in` that were handled */
    int in_fds[FDS_MAX];
    size_t n_in_fds;
    struct buf out;
    size_t out_done;    /* bytes of `out` that were written */
    uint64_t out_start; /* position of out.data[0] in the stream */
    struct out_fd *out_fds;
    bool writing; /* EPOLLOUT is watched */
    bool closed;
    bool in_handler;
    bool freed;
    struct link *next_dirty; /* list of links with fresh output, flushed on idle */
    bool dirty;
};

/* Links with output that waits for the end of this turn. One loop a thread. */
static _Thread_local struct link *dirty_links;
static _Thread_local struct loop *dirty_loop;

static void link_flush(struct link *l);

static void flush_dirty(void *arg)
{
    (void)arg;
    while (dirty_links) {
        struct link *l = dirty_links;
        dirty_links = l->next_dirty;
        l->dirty = false;
        link_flush(l);
    }
}

static void mark_dirty(struct link *l)
{
    if (dirty_loop != l->loop) {
        dirty_loop = l->loop;
        loop_on_idle(l->loop, flush_dirty, NULL);
    }
    if (l->dirty)
        return;
    l->dirty = true;
    l->next_dirty = dirty_links;
    dirty_links = l;
}

static void forget_dirty(struct link *l)
{
    for (struct link **at = &dirty_links; *at; at = &(*at)->next_dirty)
        if (*at == l) {
            *at = l->next_dirty;
            break;
        }
}

static void link_close(struct link *l, const char *why)
{
    if (l->closed)
        return;
    l->closed = true;
    loop_watch_free(l->watch);
    l->watch = NULL;
    l->handler->closed(l->arg, l, why);
}

/* Reads once and keeps the descriptors that came along. False at the end of the connection. */
static bool receive(struct link *l)
{
    char control[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    buf_reserve(&l->in, READ_SIZE);
    struct iovec iov = {.iov_base = l->in.data + l->in.len, .iov_len = l->in.cap - l->in.len - 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(l->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (l->n_in_fds < FDS_MAX)
                l->in_fds[l->n_in_fds++] = fd;
            else
                close(fd);
        }
    }
    if (n == 0 || (m.msg_flags & MSG_CTRUNC))
        return false;
    l->in.len += (size_t)n;
    return true;
}

static int pop_fd(struct link *l)
{
    if (!l->n_in_fds)
        return -1;
    int fd = l->in_fds[0];
    memmove(l->in_fds, l->in_fds + 1, --l->n_in_fds * sizeof(int));
    return fd;
}

/* Handles all whole frames in the buffer. False when the peer broke the protocol. */
static bool handle_frames(struct link *l)
{
    while (!l->closed) {
        struct frame f;
        size_t size;
        bool has_fd;
        enum frame_result r =
            frame_decode(l->in.data + l->in_done, l->in.len - l->in_done, &f, &size, &has_fd);
        if (r == FRAME_BAD)
            return false;
        if (r == FRAME_INCOMPLETE)
            break;
        if (has_fd && (f.fd = pop_fd(l)) < 0)
            return false;
        l->in_done += size;
        l->handler->frame(l->arg, l, &f);
        if (f.fd >= 0)
            close(f.fd);
    }
    if (l->in_done == l->in.len) {
        l->in.len = l->in_done = 0;
        if (l->in.cap > 4 * READ_SIZE)
            buf_free(&l->in);
    } else if (l->in_done) {
        memmove(l->in.data, l->in.data + l->in_done, l->in.len - l->in_done);
        l->in.len -= l->in_done;
        l->in_done = 0;
    }
    return true;
}

static void on_event(void *arg, uint32_t events)
{
    struct link *l = arg;
    l->in_handler = true;
    if (events & EPOLLOUT)
        link_flush(l);
    if (!l->closed && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        bool open = receive(l);
        if (!handle_frames(l))
            link_close(l, "broke the frame protocol");
        else if (!open)
            link_close(l, "disconnected");
    }
    l->in_handler = false;
    if (l->freed)
        link_free(l);
}

struct link *link_new(struct loop *loop, int fd, const struct link_handler *handler, void *arg)
{
    struct link *l = mem_new(struct link, 1);
    *l = (struct link){.loop = loop, .fd = fd, .handler = handler, .arg = arg};
    socklen_t size = sizeof(l->peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &l->peer, &size) < 0)
        l->peer = (struct ucred){.uid = (uid_t)-1};
    fcntl(fd, F_SETFL, O_NONBLOCK);
    l->watch = loop_watch_fd(loop, fd, EPOLLIN, on_event, l);
    return l;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    l->closed = true;
    loop_watch_free(l->watch);
    l->watch = NULL;
    if (l->in_handler) {
        l->freed = true;
        return;
    }
    if (l->dirty)
        forget_dirty(l);
    for (struct out_fd *o = l->out_fds, *next; o; o = next) {
        next = o->next;
        close(o->fd);
        free(o);
    }
    while (l->n_in_fds)
        close(pop_fd(l));
    buf_free(&l->in);
    buf_free(&l->out);
    close(l->fd);
    free(l);
}

void link_send(struct link *l, enum frame_type type, uint64_t stream, const char *head, size_t head_len,
    const char *body, size_t body_len, int fd)
{
    if (l->closed) {
        close_p(&fd);
        return;
    }
    uint8_t header[FRAME_HEADER_SIZE];
    size_t len = head_len + (body_len ? 1 + body_len : 0);
    if (type == FRAME_DATA)
        len = body_len;
    frame_header_encode(header, (uint32_t)len, (uint16_t)(type | (fd >= 0 ? FRAME_HAS_FD : 0)), stream);
    if (fd >= 0) {
        struct out_fd *o = mem_new(struct out_fd, 1);
        *o = (struct out_fd){.at = l->out_start + l->out.len, .fd = fd};
        struct out_fd **tail = &l->out_fds;
        while (*tail)
            tail = &(*tail)->next;
        *tail = o;
    }
    buf_reserve(&l->out, FRAME_HEADER_SIZE + len);
    buf_add(&l->out, header, sizeof(header));
    if (type != FRAME_DATA) {
        buf_add(&l->out, head, head_len);
        if (body_len)
            buf_add(&l->out, "\n", 1);
    }
    buf_add(&l->out, body, body_len);
    mark_dirty(l);
}

/* One sendmsg: up to the next descriptor's byte, or that descriptor with the bytes behind it. */
static ssize_t send_some(struct link *l)
{
    uint64_t position = l->out_start + l->out_done;
    size_t n = l->out.len - l->out_done;
    struct out_fd *o = l->out_fds;
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {.iov_base = l->out.data + l->out_done, .iov_len = n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    bool with_fd = o && o->at == position;
    struct out_fd *following = with_fd ? o->next : o;
    if (following)
        iov.iov_len = MIN_OF(n, following->at - position);
    if (with_fd) {
        m.msg_control = control;
        m.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(c), &o->fd, sizeof(int));
    }
    ssize_t sent = sendmsg(l->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0 && with_fd) {
        l->out_fds = o->next;
        close(o->fd);
        free(o);
    }
    return sent;
}

static void link_flush(struct link *l)
{
    while (!l->closed && l->out_done < l->out.len) {
        ssize_t n = send_some(l);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (!l->writing)
                loop_watch_set(l->watch, EPOLLIN | EPOLLOUT);
            l->writing = true;
            return;
        }
        if (n < 0) {
            link_close(l, "disconnected");
            return;
        }
        l->out_done += (size_t)n;
    }
    l->out_start += l->out.len;
    l->out.len = l->out_done = 0;
    if (l->out.cap > 4 * READ_SIZE)
        buf_free(&l->out);
    if (l->writing && !l->closed)
        loop_watch_set(l->watch, EPOLLIN);
    l->writing = false;
}

size_t link_queued(const struct link *l)
{
    return l->out.len - l->out_done;
}

uid_t link_peer_uid(const struct link *l)
{
    return l->peer.uid;
}

int link_connect(const char *path, int *ret_fd, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(e, ERR_INVALID, "the socket path %s is longer than %zu bytes", path,
            sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        err_errno(e, errno, "cannot reach lodged at %s", path);
        e->code = ERR_UNAVAILABLE;
        return err_hint(e, "is lodged running? On an installed host: systemctl status lodged");
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int link_memfd(const void *data, size_t n, int *ret_fd, struct err *e)
{
    _cleanup_close_ int fd = memfd_create("lodge-body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)n) < 0)
        return err_errno(e, errno, "cannot make a memory file");
    const char *p = data;
    for (size_t done = 0; done < n;) {
        ssize_t w = pwrite(fd, p + done, n - done, (off_t)done);
        if (w < 0)
            return err_errno(e, errno, "cannot fill a memory file");
        done += (size_t)w;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return err_errno(e, errno, "cannot seal a memory file");
    *ret_fd = TAKE_FD(fd);
    return 0;
}
