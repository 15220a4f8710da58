/* The link of a worker to lodged: requests out, answers and streams back, found by their stream number. */
#include "gate/gate.h"

#include "base/log.h"

#define RETRY_MS 200

static struct exchange **slot_of(struct worker *w, uint64_t stream)
{
    return &w->slots[stream % EXCHANGE_SLOTS];
}

static struct exchange *find(struct worker *w, uint64_t stream)
{
    struct exchange *x = *slot_of(w, stream);
    while (x && x->stream != stream)
        x = x->next;
    return x;
}

static void forget(struct exchange *x)
{
    if (!x->stream)
        return;
    *x->at = x->next;
    if (x->next)
        x->next->at = x->at;
    x->stream = 0;
}

void upstream_cancel(struct exchange *x)
{
    if (!x->stream)
        return;
    if (x->worker->link)
        link_send(x->worker->link, FRAME_CANCEL, x->stream, NULL, 0, NULL, 0, -1);
    forget(x);
}

static void connect_now(void *arg);

bool upstream_send(struct exchange *x, const struct request_head *head, const char *body, size_t n, int fd)
{
    struct worker *w = x->worker;
    if (!w->link) /* another worker's request may have been answered already */
        connect_now(w);
    if (!w->link) {
        close_p(&fd);
        return false;
    }
    _cleanup_buf_ struct buf text = {0};
    request_head_encode(head, &text);
    x->stream = ++w->next_stream;
    x->at = slot_of(w, x->stream);
    x->next = *x->at;
    if (x->next)
        x->next->at = &x->next;
    *x->at = x;
    link_send(w->link, FRAME_REQUEST, x->stream, text.data, text.len, body, n, fd);
    return true;
}

static void on_response(struct worker *w, struct exchange *x, struct frame *f)
{
    const char *head_text, *body;
    size_t head_len, body_len;
    struct response_head head;
    _cleanup_json_ json_t *json = NULL;
    struct err e;
    (void)w;
    frame_split(f, &head_text, &head_len, &body, &body_len);
    if (response_head_decode(head_text, head_len, &head, &json, &e) < 0) {
        forget(x);
        exchange_ready(x, respond_problem(ERR_INTERNAL, "the answer of lodged is broken", NULL), 500);
        return;
    }
    if (head.console) {
        int status = f->fd >= 0 && x->websocket ? 101 : 500;
        if (status == 101) {
            struct MHD_Response *upgrade = console_begin(x, head.console, TAKE_FD(f->fd));
            exchange_ready(x, upgrade, status);
            return;
        }
        upstream_cancel(x); /* a descriptor for nobody */
        exchange_ready(
            x, respond_problem(ERR_INTERNAL, "a console for a request that is none", NULL), status);
        return;
    }
    if (head.stream) {
        x->is_stream = true;
        exchange_ready(x, respond_stream(x, head.type), head.status);
        return;
    }
    forget(x);
    exchange_ready(x, respond_upstream(x, &head, body, body_len, TAKE_FD(f->fd)), head.status);
}

/* A reader that does not keep up ends: it resumes with Last-Event-ID. */
static void on_data(struct exchange *x, const struct frame *f)
{
    struct worker *w = x->worker;
    size_t waiting = x->out.len - x->out_done;
    if (waiting + f->len > GATE_STREAM_QUEUE || (waiting && w->stream_bytes + f->len > GATE_STREAMS_QUEUE)) {
        upstream_cancel(x);
        x->stream_cut = true;
    } else {
        buf_add(&x->out, f->payload, f->len);
        w->stream_bytes += f->len;
    }
    exchange_resume(x);
}

static void on_frame(void *arg, struct link *link, struct frame *f)
{
    struct worker *w = arg;
    struct exchange *x = find(w, f->stream);
    (void)link;
    if (!x)
        return;
    switch (f->type) {
    case FRAME_RESPONSE: on_response(w, x, f); break;
    case FRAME_DATA:
        if (x->console)
            console_reason(x, f->payload, f->len);
        else
            on_data(x, f);
        break;
    case FRAME_END:
        forget(x);
        if (x->console) {
            console_ended(x, false);
            break;
        }
        x->stream_ended = true;
        exchange_resume(x);
        break;
    default: break;
    }
}

static void fail_all(struct worker *w)
{
    for (size_t i = 0; i < EXCHANGE_SLOTS; i++)
        while (w->slots[i]) {
            struct exchange *x = w->slots[i];
            forget(x);
            x->stream_ended = true;
            if (x->console)
                console_ended(x, true);
            else if (x->is_stream)
                exchange_resume(x);
            else
                exchange_ready(x,
                    respond_problem(ERR_UNAVAILABLE, "the Lodge daemon ended before it answered",
                        "look whether the change was made before you try again; guests go on running"),
                    503);
        }
}

static void on_closed(void *arg, struct link *link, const char *why)
{
    struct worker *w = arg;
    (void)why;
    w->link = NULL;
    link_free(link);
    fail_all(w);
    loop_timer_arm(w->reconnect, RETRY_MS);
}

static const struct link_handler handler = {.frame = on_frame, .closed = on_closed};

static void connect_now(void *arg)
{
    struct worker *w = arg;
    if (w->link)
        return;
    int fd = broker_connect(w->gate->broker_fd);
    if (fd < 0) {
        loop_timer_arm(w->reconnect, RETRY_MS);
        return;
    }
    w->link = link_new(w->loop, fd, &handler, w);
}

void upstream_start(struct worker *w)
{
    w->reconnect = loop_timer_new(w->loop, connect_now, w);
    connect_now(w);
}

void upstream_stop(struct worker *w)
{
    loop_timer_free(w->reconnect);
    link_free(w->link);
    w->link = NULL;
}
