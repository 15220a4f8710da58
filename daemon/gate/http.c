/* HTTP: from MHD's callbacks to exchanges with lodged, with deadlines that a dripping client cannot stretch.
 */
#include "gate/gate.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "gate/ws_handshake.h"

static uint64_t now_ms(void)
{
    return clock_monotonic_ms(&clock_system);
}

/* ---- connections and their deadlines ---- */

/* Gives back the place of a connection that MHD could not set up after it was let in. */
static void forget_entering(struct worker *w)
{
    if (w->entering)
        addresses_leave(w->gate->addresses, w->entering_address);
    w->entering = false;
}

/* Before anything is spent on a connection. MHD accepts one after the other, so that the next callback of
 * this worker is about the same one, or about none when it came to nothing. */
static enum MHD_Result on_accept(void *arg, const struct sockaddr *from, socklen_t size)
{
    struct worker *w = arg;
    (void)size;
    forget_entering(w);
    w->entering = addresses_enter(w->gate->addresses, from, w->entering_address);
    return w->entering ? MHD_YES : MHD_NO;
}

static void on_connection(
    void *arg, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct worker *w = arg;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct client *c = *context;
        if (!c)
            return;
        *c->at = c->next;
        if (c->next)
            c->next->at = c->at;
        addresses_leave(w->gate->addresses, c->address);
        free(c);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *c = mem_new(struct client, 1);
    int one = 1;
    *c = (struct client){.worker = w,
        .fd = info ? info->connect_fd : -1,
        .deadline_ms = now_ms() + w->gate->deadlines.first_header_ms,
        .next = w->clients,
        .at = &w->clients};
    if (w->clients)
        w->clients->at = &c->next;
    w->clients = c;
    memcpy(c->address, w->entering_address, sizeof(c->address));
    w->entering = false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *context = c;
}

/* Cutting the socket makes MHD see the end of the connection. */
static void sweep(struct worker *w)
{
    uint64_t now = now_ms();
    for (struct client *c = w->clients; c; c = c->next)
        if (c->deadline_ms && c->deadline_ms <= now) {
            shutdown(c->fd, SHUT_RDWR);
            c->deadline_ms = 0;
        }
}

/* ---- requests ---- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static struct exchange *exchange_new(struct worker *w, struct MHD_Connection *connection)
{
    struct exchange *x = mem_new(struct exchange, 1);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    *x = (struct exchange){
        .worker = w, .connection = connection, .client = info ? info->socket_context : NULL};
    return x;
}

static void on_completed(
    void *arg, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *context;
    (void)arg;
    (void)connection;
    (void)code;
    if (!x)
        return;
    if (x->client) {
        x->client->deadline_ms = now_ms() + x->worker->gate->deadlines.next_header_ms;
        x->client->sends_part = false;
    }
    x->worker->parts -= x->is_part;
    if (x->console)
        console_exchange_gone(x);
    upstream_cancel(x);
    if (x->response)
        MHD_destroy_response(x->response);
    x->worker->stream_bytes -= x->out.len - x->out_done;
    buf_free(&x->body);
    buf_free(&x->out);
    free(x->target);
    free(x);
    *context = NULL;
}

static void client_address(struct MHD_Connection *connection, char out[static INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    out[0] = '\0';
    if (a && a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, out, INET6_ADDRSTRLEN);
    else if (a && a->sa_family == AF_INET6)
        inet_ntop(
            AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* A header that is not UTF-8 cannot travel in a frame; it means nothing to lodged either. */
static const char *utf8_header(struct MHD_Connection *connection, const char *name)
{
    const char *value = header(connection, name);
    return value && text_is_utf8(value, strlen(value)) ? value : NULL;
}

static const char *bearer_of(struct MHD_Connection *connection)
{
    const char *value = utf8_header(connection, "Authorization");
    return value && strncasecmp(value, "Bearer ", 7) == 0 ? value + 7 : NULL;
}

struct raw_url {
    char *path;
    char *query;
};

/* MHD's own decoding loses the difference between "%2F" and "/": the raw target is kept by the URI log
 * callback and split here. */
static void split_target(char *raw, struct raw_url *ret)
{
    char *mark = strchr(raw, '?');
    if (mark)
        *mark++ = '\0';
    *ret = (struct raw_url){.path = raw, .query = mark};
}

static bool forward(struct exchange *x, const char *method, const struct raw_url *url)
{
    struct MHD_Connection *c = x->connection;
    char address[INET6_ADDRSTRLEN];
    client_address(c, address);
    struct request_head head = {
        .method = streq(method, "HEAD") ? "GET" : method,
        .path = url->path,
        .query = url->query,
        .type = utf8_header(c, "Content-Type"),
        .session = MHD_lookup_connection_value(c, MHD_COOKIE_KIND, "__Host-lodge"),
        .csrf = utf8_header(c, "X-Lodge-CSRF"),
        .bearer = bearer_of(c),
        .address = address,
        .if_match = utf8_header(c, "If-Match"),
        .if_none_match = utf8_header(c, "If-None-Match"),
        .idempotency_key = utf8_header(c, "Idempotency-Key"),
        .prefer = utf8_header(c, "Prefer"),
        .last_event_id = utf8_header(c, "Last-Event-ID"),
        .upload_offset = utf8_header(c, "Upload-Offset"),
    };
    if (head.session && !text_is_utf8(head.session, strlen(head.session)))
        head.session = NULL;
    int part = -1;
    struct err e;
    if (!x->is_part || !x->body.len)
        return upstream_send(x, &head, x->body.data, x->body.len, -1);
    if (link_memfd(x->body.data, x->body.len, &part, &e) < 0) {
        log_warning("%s", e.detail);
        return false;
    }
    buf_free(&x->body);
    return upstream_send(x, &head, NULL, 0, part);
}

static enum MHD_Result queue(struct exchange *x, struct MHD_Response *response, int status)
{
    if (x->client)
        x->client->deadline_ms = 0; /* from here MHD's stall timeout watches the reader */
    enum MHD_Result r = MHD_queue_response(x->connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result refuse(struct exchange *x, enum err_code code, const char *detail, const char *hint)
{
    return queue(x, respond_problem(code, detail, hint), err_code_status(code));
}

/* "gzip;q=0" and "gzip;q=0.000" mean: anything but that. */
static bool accepts_gzip(const char *encodings)
{
    const char *at = strstr(encodings, "gzip");
    if (!at)
        return false;
    at += strlen("gzip");
    at += strspn(at, " \t");
    if (*at != ';')
        return true;
    at += 1 + strspn(at + 1, " \t");
    if (strncasecmp(at, "q=", 2) != 0)
        return true;
    return at[2 + strspn(at + 2, "0.")] != '\0' && strspn(at + 2 + strspn(at + 2, "0."), "123456789") > 0;
}

/* What two parsers in a row could understand in two ways. */
struct framing {
    unsigned lengths, encodings, hosts, credentials;
    bool broken;
};

static bool is_token(const char *name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *c = name; *c; c++)
        if (!((*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || strchr(others, *c)))
            return false;
    return *name;
}

static enum MHD_Result look_at_header(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_size,
    const char *value, size_t value_size)
{
    struct framing *f = arg;
    (void)kind;
    f->broken |= !is_token(name) || strlen(name) != name_size || (value && strlen(value) != value_size);
    f->lengths += strcasecmp(name, "Content-Length") == 0;
    f->hosts += strcasecmp(name, "Host") == 0;
    f->credentials += strcasecmp(name, "Authorization") == 0;
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        f->encodings++;
        f->broken |= !value || strcasecmp(value, "chunked") != 0;
    }
    return MHD_YES;
}

static bool is_ambiguous(struct MHD_Connection *connection)
{
    struct framing f = {0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at_header, &f);
    return f.broken || f.lengths + f.encodings > 1 || f.hosts > 1 || f.credentials > 1;
}

static enum MHD_Result refuse_too_large(struct exchange *x)
{
    if (x->is_part)
        return refuse(
            x, ERR_TOO_LARGE, "a part of an upload is larger than 8 MiB", "send it in smaller parts");
    return refuse(x, ERR_TOO_LARGE, "the request body is larger than 512 KiB", NULL);
}

static size_t body_max(const struct exchange *x)
{
    return x->is_part ? GATE_PART_MAX : GATE_BODY_MAX;
}

static bool takes_part(const struct exchange *x)
{
    size_t own = 0;
    for (const struct client *c = x->worker->clients; x->client && c; c = c->next)
        own += c->sends_part && streq(c->address, x->client->address) ? 1 : 0;
    return x->worker->parts < GATE_PARTS_MAX && own < GATE_PARTS_PER_ADDRESS;
}

/* The headers are there. A length that is too large is refused before its bytes are awaited. */
static enum MHD_Result on_headers(struct exchange *x)
{
    struct worker *w = x->worker;
    const char *encodings = header(x->connection, "Accept-Encoding"),
               *type = header(x->connection, "Content-Type"),
               *declared = header(x->connection, "Content-Length");
    uint64_t length;
    x->begun = true;
    x->wants_gzip = encodings && accepts_gzip(encodings);
    if (is_ambiguous(x->connection))
        return refuse(
            x, ERR_MALFORMED, "the headers of the request contradict each other or are broken", NULL);
    bool is_part = type && strcasecmp(type, "application/offset+octet-stream") == 0;
    if (is_part && !takes_part(x))
        return refuse(x, ERR_UNAVAILABLE, "too many uploads at once", "try again in a moment");
    x->is_part = is_part;
    w->parts += is_part;
    if (x->client) {
        x->client->sends_part = is_part;
        x->client->deadline_ms = now_ms() + (is_part ? GATE_PART_S * 1000 : w->gate->deadlines.body_ms);
    }
    if (declared && text_u64(declared, &length) && length > body_max(x))
        return refuse_too_large(x);
    return MHD_YES;
}

/* Only as a WebSocket: a ticket that is asked for in another way stays good. */
static int check_console(struct exchange *x, const char *method, struct err *e)
{
    struct MHD_Connection *c = x->connection;
    const char *protocols = header(c, "Sec-WebSocket-Protocol");
    struct ws_request request = {
        .upgrade = streq(method, "GET") ? header(c, "Upgrade") : NULL,
        .connection = header(c, "Connection"),
        .version = header(c, "Sec-WebSocket-Version"),
        .key = header(c, "Sec-WebSocket-Key"),
        .origin = utf8_header(c, "Origin"),
        .host = header(c, "Host"),
        .bearer = bearer_of(c) != NULL,
    };
    if (header(c, "Origin") && !request.origin)
        request.origin = "?"; /* a broken one is not none */
    if (ws_check(&request, e) < 0)
        return -1;
    x->websocket = true;
    x->ws_binary = ws_list_has(protocols, "binary");
    snprintf(x->ws_key, sizeof(x->ws_key), "%s", request.key);
    return 0;
}

static bool is_api(const char *path)
{
    return text_starts(path, "/api/") || streq(path, "/metrics");
}

static enum MHD_Result begin(struct exchange *x, const char *method, char *raw)
{
    struct raw_url url;
    split_target(raw, &url);
    if (!text_is_utf8(url.path, strlen(url.path)) ||
        (url.query && !text_is_utf8(url.query, strlen(url.query))))
        return refuse(x, ERR_MALFORMED, "the request target is not valid UTF-8", NULL);
    if (!is_api(url.path)) {
        int status;
        if (!streq(method, "GET") && !streq(method, "HEAD"))
            return refuse(x, ERR_METHOD, "only the API takes anything but GET", "the API is below /api/v1");
        struct MHD_Response *file = respond_file(x, url.path, &status);
        return queue(x, file, status);
    }
    if (x->too_large)
        return refuse_too_large(x);
    if (!x->is_part && x->body.len && !text_is_utf8(x->body.data, x->body.len))
        return refuse(x, ERR_MALFORMED, "the request body is not valid UTF-8", NULL);
    struct err e;
    bool reads = streq(method, "GET") || streq(method, "HEAD");
    if (reads && text_starts(url.path, "/api/v1/consoles/") && check_console(x, method, &e) < 0)
        return refuse(x, e.code, e.detail, e.hint[0] ? e.hint : NULL);
    if (!forward(x, method, &url))
        return refuse(x, ERR_UNAVAILABLE, "the Lodge daemon is not there at the moment",
            "it is being restarted: try again in a second; guests go on running");
    if (x->client)
        x->client->deadline_ms = 0;
    x->suspended = true;
    MHD_suspend_connection(x->connection);
    return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **context)
{
    struct exchange *x = *context;
    (void)arg;
    (void)connection;
    (void)url;
    (void)version;
    if (!x->begun) /* headers only: MHD wants a first call without an answer */
        return on_headers(x);
    if (*size) {
        x->too_large |= x->body.len + *size > body_max(x);
        if (!x->too_large)
            buf_add(&x->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (x->response) {
        struct MHD_Response *response = TAKE_PTR(x->response);
        return queue(x, response, x->status);
    }
    if (x->suspended)
        return MHD_YES;
    return begin(x, method, x->target);
}

void exchange_resume(struct exchange *x)
{
    if (!x->suspended)
        return;
    x->suspended = false;
    x->worker->run_again = true;
    MHD_resume_connection(x->connection);
}

void exchange_ready(struct exchange *x, struct MHD_Response *response, int status)
{
    x->response = response;
    x->status = status;
    exchange_resume(x);
}

/* ---- the daemon in the worker's loop ---- */

static void run_http(struct worker *w)
{
    /* Until nothing is left that could be done without waiting: TLS may hold bytes that epoll does not see.
     */
    for (int turns = 0; turns < 64; turns++) {
        MHD_UNSIGNED_LONG_LONG timeout;
        w->run_again = false;
        MHD_run(w->http);
        if (!w->run_again && (MHD_get_timeout(w->http, &timeout) != MHD_YES || timeout > 0))
            return;
    }
    w->run_again = true;
}

static void on_http(void *arg, uint32_t events)
{
    (void)events;
    run_http(arg);
}

static void on_idle(void *arg)
{
    struct worker *w = arg;
    if (w->run_again)
        run_http(w);
    if (w->run_again)
        loop_timer_arm(w->tick, 0);
}

static void on_tick(void *arg)
{
    struct worker *w = arg;
    sweep(w);
    consoles_tick(w);
    run_http(w);
    loop_timer_arm(w->tick, 1000);
}

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
    struct worker *w = arg;
    struct exchange *x = exchange_new(w, connection);
    x->target = mem_strdup(uri);
    return x;
}

static void log_http(void *arg, const char *format, va_list args)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof(text), format, args);
    log_debug("http: %s", text);
}

int worker_http_start(struct worker *w, struct err *e)
{
    const struct gate *g = w->gate;
    int listen_fd = fcntl(g->listen_fd, F_DUPFD_CLOEXEC, 0); /* each daemon closes its own */
    w->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0,
        on_accept, w, on_request, w, MHD_OPTION_EXTERNAL_LOGGER, log_http, NULL, MHD_OPTION_LISTEN_SOCKET,
        listen_fd, MHD_OPTION_HTTPS_MEM_CERT, g->cert, MHD_OPTION_HTTPS_MEM_KEY, g->key,
        MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, w, MHD_OPTION_NOTIFY_COMPLETED, on_completed, w,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, w, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)GATE_STALL_S,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)GATE_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)GATE_HEADER_MEMORY, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        w->http ? MHD_get_daemon_info(w->http, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return err_set(
            e, ERR_INTERNAL, "cannot start the HTTPS server: the certificate or the key may be broken");
    w->http_watch = loop_watch_fd(w->loop, info->epoll_fd, EPOLLIN, on_http, w);
    w->tick = loop_timer_new(w->loop, on_tick, w);
    loop_timer_arm(w->tick, 1000);
    loop_on_idle(w->loop, on_idle, w);
    return 0;
}

void worker_http_stop(struct worker *w)
{
    loop_watch_free(w->http_watch);
    loop_timer_free(w->tick);
    consoles_stop(w);
    for (size_t i = 0; i < EXCHANGE_SLOTS; i++)
        for (struct exchange *x = w->slots[i], *next; x; x = next) {
            next = x->next;
            exchange_resume(x);
        }
    if (w->http)
        MHD_stop_daemon(w->http);
}
