#include "cli/cli.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "wire/link.h"
#include "wire/message.h"

struct client {
    int fd;
    char *token;
    uint64_t stream;
    struct buf in;
};

int client_open(const char *socket_path, const char *token, struct client **ret, struct err *e)
{
    int fd;
    if (link_connect(socket_path, &fd, e) < 0)
        return -1;
    struct client *c = mem_new(struct client, 1);
    *c = (struct client){.fd = fd, .token = mem_strdup(token)};
    *ret = c;
    return 0;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    close(c->fd);
    free(c->token);
    buf_free(&c->in);
    free(c);
}

void client_limit(struct client *c, unsigned seconds)
{
    struct timeval limit = {.tv_sec = (time_t)seconds};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

void answer_clear(struct answer *a)
{
    free(a->location);
    free(a->etag);
    free(a->cookie);
    free(a->body);
    json_decref(a->json);
    *a = (struct answer){0};
}

static int send_all(struct client *c, const struct buf *out, struct err *e)
{
    for (size_t done = 0; done < out->len;) {
        ssize_t n = send(c->fd, out->data + done, out->len - done, MSG_NOSIGNAL);
        if (n < 0)
            return err_errno(e, errno, "cannot send to lodged");
        done += (size_t)n;
    }
    return 0;
}

static int send_request(struct client *c, const struct call *call, struct err *e)
{
    _cleanup_buf_ struct buf out = {0}, head = {0};
    struct request_head h = {
        .method = call->method,
        .path = call->path,
        .query = call->query,
        .type = call->body ? "application/json" : NULL,
        .bearer = c->token,
        .session = call->session,
        .csrf = call->csrf,
        .if_none_match = call->create_only ? "*" : NULL,
    };
    request_head_encode(&h, &head);
    size_t body_len = call->body ? strlen(call->body) : 0, len = head.len + (body_len ? body_len + 1 : 0);
    if (len > FRAME_PAYLOAD_MAX)
        return err_set(e, ERR_TOO_LARGE, "the request is larger than 1 MiB");
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header_encode(header, (uint32_t)len, FRAME_REQUEST, ++c->stream);
    buf_add(&out, header, sizeof(header));
    buf_add(&out, head.data, head.len);
    if (body_len) {
        buf_str(&out, "\n");
        buf_add(&out, call->body, body_len);
    }
    int r = send_all(c, &out, e);
    explicit_bzero(out.data, out.len); /* it may hold a password */
    return r;
}

/* The next frame of our stream; its payload lies in c->in until the next call. */
static int receive(struct client *c, struct frame *f, size_t *size, int *fd, struct err *e)
{
    bool has_fd;
    for (;;) {
        enum frame_result r = frame_decode(c->in.data ? c->in.data : "", c->in.len, f, size, &has_fd);
        if (r == FRAME_OK)
            return 0;
        if (r == FRAME_BAD)
            return err_set(e, ERR_INTERNAL, "lodged speaks another protocol: is it of the same release?");
        char control[CMSG_SPACE(sizeof(int))];
        buf_reserve(&c->in, 65536);
        struct iovec iov = {c->in.data + c->in.len, c->in.cap - c->in.len - 1};
        struct msghdr m = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            err_set(e, ERR_TIMEOUT, "lodged did not answer in time");
            return err_hint(e, "look whether the change was made before you try again");
        }
        if (n <= 0) {
            err_set(e, ERR_UNAVAILABLE, "lodged ended before it answered");
            return err_hint(e, "look whether the change was made before you try again");
        }
        struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
        if (cm && cm->cmsg_type == SCM_RIGHTS)
            memcpy(fd, CMSG_DATA(cm), sizeof(int));
        c->in.len += (size_t)n;
    }
}

static void consume(struct client *c, size_t size)
{
    memmove(c->in.data, c->in.data + size, c->in.len - size);
    c->in.len -= size;
}

/* *fd is taken when it holds the answer's body. */
static int take_answer(const struct frame *f, int *fd, struct answer *ret, bool *ret_stream, struct err *e)
{
    const char *head_text, *body;
    size_t head_len, body_len;
    struct response_head head;
    _cleanup_json_ json_t *json = NULL;
    frame_split(f, &head_text, &head_len, &body, &body_len);
    if (response_head_decode(head_text, head_len, &head, &json, e) < 0)
        return -1;
    *ret = (struct answer){.status = head.status,
        .location = mem_strdup(head.location),
        .etag = mem_strdup(head.etag),
        .cookie = mem_strdup(head.cookie)};
    *ret_stream = head.stream;
    if (*fd >= 0 && head.fd_bytes) {
        _cleanup_close_ int file = TAKE_FD(*fd);
        ret->len = (size_t)head.fd_bytes;
        ret->body = mem_alloc(ret->len + 1);
        if (pread(file, ret->body, ret->len, 0) != (ssize_t)ret->len)
            return err_set(e, ERR_INTERNAL, "the answer of lodged is cut short");
    } else {
        ret->len = body_len;
        ret->body = mem_alloc(body_len + 1);
        memcpy(ret->body, body, body_len);
    }
    ret->body[ret->len] = '\0';
    if (head.type && strstr(head.type, "json"))
        json_parse(ret->body, ret->len, "answer", &ret->json, NULL);
    return 0;
}

int client_call(struct client *c, const struct call *call, struct answer *ret, struct err *e)
{
    struct frame f;
    size_t size;
    int fd = -1;
    bool stream;
    if (send_request(c, call, e) < 0 || receive(c, &f, &size, &fd, e) < 0)
        return -1;
    int r = take_answer(&f, &fd, ret, &stream, e);
    close_p(&fd);
    consume(c, size);
    return r;
}

int client_console(struct client *c, const char *path, int *ret_fd, struct answer *ret, struct err *e)
{
    struct frame f;
    size_t size;
    int fd = -1;
    bool stream;
    struct call call = {.method = "GET", .path = path};
    if (send_request(c, &call, e) < 0 || receive(c, &f, &size, &fd, e) < 0)
        return -1;
    int r = take_answer(&f, &fd, ret, &stream, e);
    consume(c, size);
    *ret_fd = fd;
    return r;
}

json_t *client_console_end(struct client *c)
{
    struct frame f;
    struct err e;
    size_t size;
    int fd = -1;
    json_t *end = NULL;
    while (receive(c, &f, &size, &fd, &e) == 0) {
        bool over = f.type == FRAME_END;
        if (f.type == FRAME_DATA && !end)
            json_parse(f.payload, f.len, "end", &end, NULL);
        consume(c, size);
        if (over)
            break;
    }
    return end;
}

int client_stream(struct client *c, const char *path, bool (*fn)(void *arg, const char *data, size_t n),
    void *arg, struct answer *ret_refused, struct err *e)
{
    struct frame f;
    size_t size;
    int fd = -1;
    bool stream;
    struct call call = {.method = "GET", .path = path};
    if (send_request(c, &call, e) < 0 || receive(c, &f, &size, &fd, e) < 0)
        return -1;
    int r = take_answer(&f, &fd, ret_refused, &stream, e);
    close_p(&fd);
    consume(c, size);
    if (r < 0 || !stream)
        return r;
    for (bool more = true; more;) {
        if (receive(c, &f, &size, &fd, e) < 0)
            return -1;
        more = f.type == FRAME_DATA && fn(arg, f.payload, f.len);
        consume(c, size);
    }
    return 0;
}
