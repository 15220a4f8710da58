/* Consoles: between a client's WebSocket and the descriptor that lodged handed over. What one side does not
 * take is not read from the other: nothing grows. */
#include "gate/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "base/clock.h"
#include "base/json.h"
#include "gate/upgraded.h"
#include "gate/ws_handshake.h"
#include "wire/console.h"

#define MESSAGE_MAX  (64 * 1024) /* of the client */
#define FRAMES_MAX   1024        /* of one message: each costs more than the byte that it may bring */
#define TURN_MAX     (64 * 1024) /* read from one client before it is the others' turn */
#define PONGS_MAX    16          /* that wait for a client: then it is not read */
#define QUEUE_MAX    (64 * 1024) /* for the client: from here on the guest's side is not read */
#define CONTROL_MAX  256         /* a client's text message */
#define PING_MS      30000
#define SILENCE_MS   90000
#define GOODBYE_MS   2000 /* for the last words in both directions */
#define READS_A_TURN 8
#define RESIZE_MAX   1000

struct console {
    struct worker *worker;
    struct exchange *exchange;
    struct MHD_UpgradeResponseHandle *handle; /* NULL until the 101 is out */
    struct console *next, **at;
    struct upgraded client; /* its connection */
    int fd;                 /* the guest's side; -1 once it has ended */
    bool packets;           /* else a byte stream */
    struct loop_watch *client_watch, *fd_watch;
    struct loop_timer *again; /* the client's next turn, where TLS may hold what epoll does not see */
    wslay_event_context_ptr ws;
    struct buf early; /* what came behind the request */
    size_t early_done;
    struct buf to_guest; /* bytes, or packets each behind its u16 length */
    size_t to_guest_done;
    size_t turn;        /* bytes read from the client in this one */
    bool held;          /* it was not read on, and may have sent more */
    unsigned frames;    /* of the message that is coming in */
    unsigned pongs;     /* since nothing waited for the client */
    bool ending;        /* nothing goes between the two any more */
    bool close_pending; /* wslay sends a close before all else: it waits for what is queued */
    bool gone;          /* the client is */
    bool source_ended;
    bool reason_known;
    enum console_end reason;
    struct buf reason_text;
    uint64_t heard_ms, ping_ms;
    uint64_t deadline_ms; /* then it is over in any case; 0: none */
};

static const struct {
    const char *word, *help;
    uint16_t code;
} ends[] = {
#define X(symbol, word_, code_, help_) [CONSOLE_END_##symbol] = {word_, help_, code_},
    CONSOLE_ENDS(X)
#undef X
};

static uint64_t now_ms(void)
{
    return clock_monotonic_ms(&clock_system);
}

/* ---- its end ---- */

static void console_free(struct console *c)
{
    struct worker *w = c->worker;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    if (c->exchange) {
        upstream_cancel(c->exchange);
        c->exchange->console = NULL;
    }
    loop_watch_free(c->client_watch);
    loop_watch_free(c->fd_watch);
    loop_timer_free(c->again);
    close_p(&c->fd);
    if (c->ws)
        wslay_event_context_free(c->ws);
    buf_free(&c->early);
    buf_free(&c->to_guest);
    buf_free(&c->reason_text);
    upgraded_leave(&c->client);
    if (c->handle)
        MHD_upgrade_action(c->handle, MHD_UPGRADE_ACTION_CLOSE);
    w->run_again = true;
    free(c);
}

static void forget_source(struct console *c)
{
    loop_watch_free(c->fd_watch);
    c->fd_watch = NULL;
    close_p(&c->fd);
    c->fd = -1;
    c->to_guest.len = c->to_guest_done = 0;
}

static void queue_text(struct console *c, const char *text, size_t n)
{
    struct wslay_event_msg message = {
        .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = n};
    wslay_event_queue_msg(c->ws, &message);
}

/* Says why and closes; the client has a moment to answer. */
static void say_goodbye(struct console *c, enum console_end why)
{
    if (c->ending)
        return;
    c->ending = true;
    c->deadline_ms = now_ms() + GOODBYE_MS;
    forget_source(c);
    if (c->exchange)
        upstream_cancel(c->exchange);
    if (!c->ws)
        return;
    _cleanup_buf_ struct buf text = {0};
    if (c->reason_known)
        buf_add(&text, c->reason_text.data, c->reason_text.len);
    else
        buf_printf(&text, "{\"end\":\"%s\",\"detail\":\"%s\"}", ends[why].word, ends[why].help);
    queue_text(c, text.data, text.len);
    c->reason = why;
    c->close_pending = true;
}

static bool send_queued(struct console *c)
{
    if (wslay_event_want_write(c->ws) && wslay_event_send(c->ws) != 0)
        return false;
    if (upgraded_flush(&c->client) == UPGRADED_BROKEN)
        return false;
    if (!wslay_event_want_write(c->ws))
        c->pongs = 0;
    if (!c->close_pending || wslay_event_want_write(c->ws))
        return true;
    const char *help = ends[c->reason].help;
    c->close_pending = false;
    wslay_event_queue_close(c->ws, ends[c->reason].code, (const uint8_t *)help, strlen(help));
    return wslay_event_send(c->ws) == 0;
}

/* ---- from the client ---- */

static void put_packet(struct console *c, char type, const void *data, size_t n)
{
    uint16_t size = (uint16_t)(n + 1);
    buf_add(&c->to_guest, &size, sizeof(size));
    buf_add(&c->to_guest, &type, 1);
    buf_add(&c->to_guest, data, n);
}

static void take_binary(struct console *c, const uint8_t *data, size_t n)
{
    if (!c->packets)
        buf_add(&c->to_guest, data, n);
    while (c->packets && n) {
        size_t part = MIN_OF(n, (size_t)CONSOLE_DATA_MAX);
        put_packet(c, CONSOLE_DATA, data, part);
        data += part;
        n -= part;
    }
}

static bool is_size(json_int_t n)
{
    return n >= 1 && n <= RESIZE_MAX;
}

/* {"resize":[columns,rows]} and {"take":true}; anything else means nothing. */
static void take_text(struct console *c, const uint8_t *text, size_t n)
{
    static const char take[] = "{\"take\":true}";
    _cleanup_json_ json_t *json = NULL;
    if (!c->packets || n > CONTROL_MAX || json_parse((const char *)text, n, "message", &json, NULL) < 0)
        return;
    json_t *size = json_get_arr(json, "resize");
    json_int_t columns = json_integer_value(json_array_get(size, 0)),
               rows = json_integer_value(json_array_get(size, 1));
    if (is_size(columns) && is_size(rows)) {
        const uint8_t packet[] = {
            (uint8_t)(columns & 0xff), (uint8_t)(columns >> 8), (uint8_t)(rows & 0xff), (uint8_t)(rows >> 8)};
        put_packet(c, CONSOLE_RESIZE, packet, sizeof(packet));
    }
    if (json_get_bool(json, "take", 0))
        put_packet(c, CONSOLE_CONTROL, take, strlen(take));
}

static void on_frame(
    wslay_event_context_ptr ws, const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct console *c = user;
    if (arg->opcode != WSLAY_CONTINUATION_FRAME || ++c->frames < FRAMES_MAX)
        return;
    wslay_event_shutdown_read(ws);
    wslay_event_queue_close(ws, WSLAY_CODE_MESSAGE_TOO_BIG, NULL, 0);
}

static void on_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    struct console *c = user;
    (void)ws;
    if (arg->opcode == WSLAY_PING)
        c->pongs++; /* wslay has queued it */
    else if (!wslay_is_ctrl_frame(arg->opcode))
        c->frames = 0;
    if (c->ending || c->fd < 0)
        return;
    if (arg->opcode == WSLAY_BINARY_FRAME)
        take_binary(c, arg->msg, arg->msg_length);
    else if (arg->opcode == WSLAY_TEXT_FRAME)
        take_text(c, arg->msg, arg->msg_length);
}

/* First what was typed goes on, and what it is owed. */
static bool may_read(const struct console *c)
{
    return c->to_guest.len == c->to_guest_done && c->pongs < PONGS_MAX;
}

static ssize_t on_recv(wslay_event_context_ptr ws, uint8_t *out, size_t max, int flags, void *user)
{
    struct console *c = user;
    (void)flags;
    if (!may_read(c) || c->turn >= TURN_MAX) {
        c->held = true;
        wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t early = c->early.len - c->early_done;
    if (early) {
        size_t n = MIN_OF(early, max);
        memcpy(out, c->early.data + c->early_done, n);
        c->early_done += n;
        c->turn += n;
        return (ssize_t)n;
    }
    ssize_t n = upgraded_recv(&c->client, out, max);
    if (n > 0) {
        c->heard_ms = now_ms();
        c->turn += (size_t)n;
        return n;
    }
    bool later = n == UPGRADED_LATER;
    c->gone |= !later;
    wslay_event_set_error(ws, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr ws, const uint8_t *data, size_t n, int flags, void *user)
{
    struct console *c = user;
    ssize_t sent = upgraded_send(&c->client, data, n, flags & WSLAY_MSG_MORE);
    if (sent >= 0)
        return sent;
    bool later = sent == UPGRADED_LATER;
    c->gone |= !later;
    wslay_event_set_error(ws, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
    .send_callback = on_send,
    .on_frame_recv_start_callback = on_frame,
    .on_msg_recv_callback = on_message};

/* ---- to and from the guest's side ---- */

static bool send_one(struct console *c)
{
    const char *at = c->to_guest.data + c->to_guest_done;
    uint16_t size;
    ssize_t n;
    if (!c->packets) {
        n = send(c->fd, at, c->to_guest.len - c->to_guest_done, MSG_DONTWAIT | MSG_NOSIGNAL);
        c->to_guest_done += n > 0 ? (size_t)n : 0;
        return n > 0;
    }
    memcpy(&size, at, sizeof(size));
    n = send(c->fd, at + sizeof(size), size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return false;
    c->to_guest_done += sizeof(size) + size;
    return true;
}

static void flush_to_guest(struct console *c)
{
    while (c->fd >= 0 && c->to_guest_done < c->to_guest.len && send_one(c))
        ;
    if (c->to_guest_done < c->to_guest.len)
        return;
    c->to_guest.len = c->to_guest_done = 0;
    if (c->to_guest.cap > 4 * CONSOLE_DATA_MAX)
        buf_free(&c->to_guest);
}

/* The last bytes are out. The reason comes by the link, if it is not there already. */
static void source_has_ended(struct console *c)
{
    c->source_ended = true;
    loop_watch_free(c->fd_watch);
    c->fd_watch = NULL;
    if (c->reason_known)
        say_goodbye(c, c->reason);
    else if (!c->deadline_ms)
        c->deadline_ms = now_ms() + GOODBYE_MS;
}

static bool read_source(struct console *c)
{
    uint8_t block[CONSOLE_PACKET_MAX];
    ssize_t n = recv(c->fd, block, sizeof(block), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        source_has_ended(c);
        return false;
    }
    size_t skip = c->packets ? 1 : 0;
    if (c->packets && block[0] == CONSOLE_CONTROL) {
        queue_text(c, (const char *)block + 1, (size_t)n - 1);
        return true;
    }
    struct wslay_event_msg message = {
        .opcode = WSLAY_BINARY_FRAME, .msg = block + skip, .msg_length = (size_t)n - skip};
    wslay_event_queue_msg(c->ws, &message);
    return true;
}

/* Pongs go out before data, but are known to be out only when everything is. */
static bool has_room(const struct console *c)
{
    return wslay_event_get_queued_msg_length(c->ws) < QUEUE_MAX && c->pongs < PONGS_MAX;
}

static void update_watches(struct console *c)
{
    bool typed = c->to_guest.len > c->to_guest_done;
    bool read = wslay_event_want_read(c->ws) && may_read(c);
    bool write = wslay_event_want_write(c->ws) || c->client.flushing;
    loop_watch_set(c->client_watch, (read ? (uint32_t)EPOLLIN : 0U) | (write ? (uint32_t)EPOLLOUT : 0U));
    if (c->fd_watch)
        loop_watch_set(
            c->fd_watch, (has_room(c) ? (uint32_t)EPOLLIN : 0U) | (typed ? (uint32_t)EPOLLOUT : 0U));
    if (c->held && read)
        loop_timer_arm(c->again, 0);
}

/* Whatever can move, moves; the console may be freed. */
static void pump(struct console *c)
{
    bool failed = false;
    c->held = false;
    c->turn = 0;
    flush_to_guest(c);
    if (wslay_event_want_read(c->ws))
        failed = wslay_event_recv(c->ws) != 0;
    flush_to_guest(c);
    if (!c->ending && !wslay_event_want_read(c->ws)) {
        c->ending = true; /* the client has said goodbye or broke the protocol, and wslay answers it */
        c->deadline_ms = now_ms() + GOODBYE_MS;
        forget_source(c);
    }
    do {
        for (int i = 0; i < READS_A_TURN && !c->ending && !c->source_ended && has_room(c); i++)
            if (!read_source(c))
                break;
        failed |= !send_queued(c);
    } while (!failed && !c->gone && !c->ending && !c->source_ended && !c->fd_watch && has_room(c));
    bool closed = wslay_event_get_close_sent(c->ws) && wslay_event_get_close_received(c->ws);
    if (c->gone || failed || closed)
        console_free(c);
    else
        update_watches(c);
}

static void on_again(void *arg)
{
    pump(arg);
}

static void on_client(void *arg, uint32_t events)
{
    struct console *c = arg;
    if ((events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN))
        c->gone = true;
    pump(c);
}

static void on_fd(void *arg, uint32_t events)
{
    struct console *c = arg;
    if ((events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN)) {
        /* Ended, with nothing to read for now: what is left is read as the client takes it. */
        loop_watch_free(c->fd_watch);
        c->fd_watch = NULL;
    }
    pump(c);
}

/* ---- its beginning ---- */

static void on_upgrade(void *arg, struct MHD_Connection *connection, void *context, const char *extra,
    size_t n_extra, MHD_socket sock, struct MHD_UpgradeResponseHandle *handle)
{
    struct console *c = arg;
    (void)context;
    (void)sock;
    c->handle = handle;
    buf_add(&c->early, extra, n_extra);
    c->heard_ms = now_ms();
    c->ping_ms = c->heard_ms + PING_MS;
    if (!upgraded_take(&c->client, connection) ||
        wslay_event_context_server_init(&c->ws, &callbacks, c) != 0) {
        console_free(c);
        return;
    }
    wslay_event_config_set_max_recv_msg_length(c->ws, MESSAGE_MAX);
    c->client_watch = loop_watch_fd(c->worker->loop, c->client.fd, EPOLLIN, on_client, c);
    c->again = loop_timer_new(c->worker->loop, on_again, c);
    if (c->fd >= 0)
        c->fd_watch = loop_watch_fd(c->worker->loop, c->fd, EPOLLIN, on_fd, c);
    c->worker->run_again = true;
    if (c->ending) { /* it ended before it began */
        c->ending = false;
        say_goodbye(c, c->reason);
    }
    pump(c);
}

struct MHD_Response *console_begin(struct exchange *x, const char *kind, int fd)
{
    struct worker *w = x->worker;
    struct console *c = mem_new(struct console, 1);
    char accept[WS_ACCEPT_LEN + 1];
    *c = (struct console){.worker = w,
        .exchange = x,
        .next = w->consoles,
        .at = &w->consoles,
        .fd = fd,
        .packets = !streq(kind, "vnc"),
        .reason = CONSOLE_END_FAILED};
    if (w->consoles)
        w->consoles->at = &c->next;
    w->consoles = c;
    x->console = c;
    ws_accept(x->ws_key, accept);
    struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgrade, c);
    MHD_add_response_header(r, "Upgrade", "websocket");
    MHD_add_response_header(r, "Sec-WebSocket-Accept", accept);
    if (x->ws_binary)
        MHD_add_response_header(r, "Sec-WebSocket-Protocol", "binary");
    return r;
}

/* ---- what the link says ---- */

void console_reason(struct exchange *x, const char *text, size_t n)
{
    struct console *c = x->console;
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(text, n, "reason", &json, NULL) < 0)
        return;
    const char *word = json_get_str(json, "end", "");
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (streq(ends[i].word, word))
            c->reason = (enum console_end)i;
    c->reason_known = true;
    c->reason_text.len = 0;
    buf_add(&c->reason_text, text, n);
}

void console_ended(struct exchange *x, bool link_lost)
{
    struct console *c = x->console;
    if (link_lost && !c->reason_known)
        c->reason = CONSOLE_END_RESTARTING;
    bool has_more = !link_lost && !c->source_ended && c->packets &&
                    (c->reason == CONSOLE_END_EXITED || c->reason == CONSOLE_END_STOPPED);
    if (has_more) { /* the client gets what is still on its way */
        c->deadline_ms = now_ms() + GOODBYE_MS;
        return;
    }
    say_goodbye(c, c->reason);
    if (c->handle)
        pump(c);
}

void console_exchange_gone(struct exchange *x)
{
    struct console *c = x->console;
    c->exchange = NULL;
    x->console = NULL;
    c->handle = NULL; /* MHD has ended the connection by itself */
    c->client.session = NULL;
    console_free(c);
}

/* ---- time ---- */

void consoles_tick(struct worker *w)
{
    static const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
    uint64_t now = now_ms();
    for (struct console *c = w->consoles, *next; c; c = next) {
        next = c->next;
        if (!c->handle)
            continue;
        bool stuck = c->to_guest.len > c->to_guest_done; /* the client is not read: it cannot answer */
        if (c->deadline_ms && c->deadline_ms <= now) {
            if (c->ending) {
                console_free(c);
                continue;
            }
            say_goodbye(c, c->reason);
            pump(c);
        } else if (!c->ending && !stuck && c->heard_ms + SILENCE_MS <= now) {
            say_goodbye(c, CONSOLE_END_SILENT);
            pump(c);
        } else if (!c->ending && c->ping_ms <= now) {
            c->ping_ms = now + PING_MS;
            wslay_event_queue_msg(c->ws, &ping);
            pump(c);
        }
    }
}

void consoles_stop(struct worker *w)
{
    for (struct console *c = w->consoles, *next; c; c = next) {
        next = c->next;
        if (!c->handle)
            continue;
        say_goodbye(c, CONSOLE_END_RESTARTING);
        send_queued(c);
    }
    if (!w->consoles)
        return;
    while (w->consoles)
        console_free(w->consoles);
    MHD_run(w->http); /* gives up what was closed above */
}
