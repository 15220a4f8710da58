/* Connections, requests and streams: from frames to handlers and back. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api/handlers.h"
#include "api/router.h"
#include "api/select.h"
#include "base/log.h"

/* Larger bodies than this leave as a sealed memfd. */
#define BODY_INLINE_MAX         (256 * 1024)
#define CONNECTIONS_MAX         1024
#define REQUESTS_PER_CONNECTION 4096
/* Records of somebody's refused requests: at once, and one more in each such time. */
#define REFUSALS   1000
#define REFUSAL_MS 200

struct stream {
    struct conn *conn;
    uint64_t id;
    const struct stream_ops *ops;
    void *arg;
    struct stream *next, **at;
};

struct conn {
    struct api *api;
    struct link *link;
    struct request *requests;
    size_t n_requests;
    struct stream *streams;
    struct conn *next, **at;
};

static handler_fn *const handlers[ROUTE_COUNT] = {
#define ROUTE(id, m, p, k, perm, in, q, f, v, handler, h) [ROUTE_ID_##id] = h_##handler,
#include "api/routes.def"
};

/* ---- the end of a request ---- */

static void request_unlink(struct request *r)
{
    if (!r->conn)
        return;
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    r->conn->n_requests--;
    r->conn = NULL;
}

static void request_free(struct request *r)
{
    request_unlink(r);
    principal_unref(r->principal);
    json_decref(r->head_json);
    free(r->body);
    close_p(&r->body_fd);
    free(r->path);
    free(r->query_text);
    free(r);
}

static struct refusals *refusals_of(struct api *api, const char *who)
{
    struct refusals *s = map_get(&api->refusals, who);
    if (!s) {
        s = mem_new(struct refusals, 1);
        map_set(&api->refusals, who, s);
    }
    return s;
}

static bool has_room(struct refusals *s, uint64_t now_ms)
{
    uint64_t fresh = (now_ms - s->refilled_ms) / REFUSAL_MS;
    s->room = MIN_OF(s->room + fresh, (uint64_t)REFUSALS);
    s->refilled_ms += fresh * REFUSAL_MS;
    if (!s->room) {
        s->left_out++;
        return false;
    }
    s->room--;
    return true;
}

/* Every change is recorded, whatever became of it; of reads only what was refused. */
static void audit_request(const struct request *r, int status, const char *outcome, const char *detail)
{
    char more[320];
    bool change = !r->head.method || !streq(r->head.method, "GET");
    if (!change && status != 403 && status != 401)
        return;
    /* Who gets nothing done must not be able to fill the disk with records: beyond a burst they are counted,
     * and the next record tells how many there were. */
    struct refusals *refusals =
        status >= 400 || !r->principal ? refusals_of(r->api, r->principal ? r->principal->who : "") : NULL;
    if (refusals && !has_room(refusals, clock_monotonic_ms(r->api->core->clock)))
        return;
    if (refusals && refusals->left_out) {
        snprintf(more, sizeof(more), "%.200s (%llu more of the kind before it are left out)",
            detail ? detail : "refused", (unsigned long long)refusals->left_out);
        refusals->left_out = 0;
        detail = more;
    }
    char action[160], object[160] = "";
    const char *path = r->route && r->route->flags & ROUTE_UPGRADE ? r->route->path : r->head.path;
    snprintf(
        action, sizeof(action), "%.16s %.140s", r->head.method ? r->head.method : "?", path ? path : "?");
    if (r->route && r->route->kind >= 0 && r->name)
        snprintf(object, sizeof(object), "/%s/%.120s", kind_plural((enum kind)r->route->kind), r->name);
    for (size_t n = strlen(action); n && !text_is_utf8(action, n); n--)
        action[n - 1] = '\0';
    for (size_t n = strlen(object); n && !text_is_utf8(object, n); n--)
        object[n - 1] = '\0';
    struct audit_record record = {
        .who = r->principal ? r->principal->who : "nobody",
        .address = r->head.address,
        .action = action,
        .object = object[0] ? object : NULL,
        .outcome = outcome ? outcome : "ok",
        .detail = detail,
    };
    if (r->api->audit)
        audit_append(r->api->audit, &record, NULL, NULL);
}

static void send_response(
    struct request *r, const struct response_head *head, const char *body, size_t len, int fd)
{
    if (r->conn) {
        _cleanup_buf_ struct buf text = {0};
        response_head_encode(head, &text);
        link_send(r->conn->link, FRAME_RESPONSE, r->stream, text.data, text.len, body, len, fd);
    } else {
        close_p(&fd);
    }
    request_free(r);
}

void reply(struct request *r, const struct reply *p)
{
    char retry[16];
    struct response_head head = {
        .status = p->status,
        .type = p->type  ? p->type
                : p->len ? "application/json"
                         : NULL,
        .etag = p->etag,
        .location = p->location,
        .cookie = p->cookie,
        .preference_applied = p->preference,
        .allow = p->allow,
        .upload_offset = p->upload_offset,
    };
    if (p->retry_after_s) {
        snprintf(retry, sizeof(retry), "%u", p->retry_after_s);
        head.retry_after = retry;
    }
    if (p->status < 400)
        audit_request(r, p->status, p->outcome, NULL);
    if (p->len <= BODY_INLINE_MAX) {
        send_response(r, &head, p->body, p->len, -1);
        return;
    }
    int fd = -1;
    struct err e;
    if (link_memfd(p->body, p->len, &fd, &e) < 0) {
        reply_error(r, &e, NULL);
        return;
    }
    head.fd_bytes = p->len;
    send_response(r, &head, NULL, 0, fd);
}

void reply_fd(struct request *r, int fd, uint64_t bytes, const char *etag)
{
    struct response_head head = {.status = 200, .type = "application/json", .etag = etag, .fd_bytes = bytes};
    int copy = dup(fd);
    send_response(r, &head, NULL, 0, copy);
}

void reply_no_content(struct request *r)
{
    reply(r, &(struct reply){.status = 204});
}

static unsigned retry_after(const struct err *e)
{
    return e->code == ERR_TOO_MANY
               ? (unsigned)MAX_OF(strtoul(e->hint + strcspn(e->hint, "0123456789"), NULL, 10), 1UL)
           : e->code == ERR_UNAVAILABLE ? 1U
                                        : 0U;
}

static void reply_problem(
    struct request *r, const struct err *e, const struct violations *v, const char *allow)
{
    _cleanup_buf_ struct buf text = {0};
    problem_text(e, v, &text);
    /* What the parser quotes of a broken body may be half of a password. */
    audit_request(r, err_code_status(e->code), err_code_name(e->code),
        e->code == ERR_MALFORMED && r->body_len ? NULL : e->detail);
    reply(r, &(struct reply){
                 .status = err_code_status(e->code),
                 .type = "application/problem+json",
                 .body = text.data,
                 .len = text.len,
                 .allow = allow,
                 .retry_after_s = retry_after(e),
             });
}

void reply_error(struct request *r, const struct err *e, const struct violations *v)
{
    reply_problem(r, e, v, NULL);
}

bool query_true(const struct request *r, enum query_index i)
{
    return r->query[i] && streq(r->query[i], "true");
}

/* ---- who asks ---- */

static int principal_of_session(struct request *r, struct err *e)
{
    const struct session *session = sessions_find(r->api->sessions, r->head.session);
    if (!session) {
        err_set(e, ERR_UNAUTHENTICATED, "the session is unknown or has ended");
        return err_hint(e, "sign in with POST /api/v1/session");
    }
    if (!streq(r->head.method, "GET") && !session_csrf_ok(session, r->head.csrf)) {
        err_set(e, ERR_FORBIDDEN, "the header X-Lodge-CSRF is missing or is not the session's");
        return err_hint(e, "send the csrf value that POST /api/v1/session answered, with every change");
    }
    return access_user(r->api->access, session->user, &r->principal, e);
}

static int principal_of_token(struct request *r, struct err *e)
{
    const struct token *token = tokens_find(r->api->tokens, r->head.bearer);
    if (!token)
        return err_set(e, ERR_UNAUTHENTICATED, "the API token is unknown, revoked or has expired");
    return access_token(r->api->access, token->doc->uuid, &r->principal, e);
}

/* The gate speaks for its clients and has no rights of its own; root on the socket is the administrator. */
static int authenticate(struct request *r, struct err *e)
{
    if (r->route->flags & ROUTE_OPEN)
        return 0;
    if (r->head.bearer)
        return principal_of_token(r, e);
    if (r->head.session)
        return principal_of_session(r, e);
    if (link_peer_uid(r->conn->link) == 0) {
        r->principal = access_root(r->api->access);
        return 0;
    }
    err_set(e, ERR_UNAUTHENTICATED, "nobody is signed in");
    return err_hint(e, "sign in with POST /api/v1/session, or send an API token as Authorization: Bearer");
}

/* For a whole collection it is enough to be allowed something of it; items are checked one by one. */
static int authorize(struct request *r, struct err *e)
{
    permission_id permission;
    if (!r->route->permission)
        return 0;
    if (!permission_parse(r->route->permission, &permission))
        return err_set(e, ERR_INTERNAL, "the route has an unknown permission %s", r->route->permission);
    if (access_scope(r->principal, permission) != ACCESS_NONE || (r->route->flags & ROUTE_RESOURCE_IN))
        return 0;
    if (r->route->kind == KIND_TASK)
        return 0; /* one's own tasks need no permission */
    return access_require(r->principal, permission, NULL, NULL, 0, e);
}

static bool media_type_is(const char *type, const char *wanted)
{
    size_t n = strlen(wanted);
    return strncasecmp(type, wanted, n) == 0 && strchr("; \t", type[n]);
}

static int check_media_type(const struct request *r, struct err *e)
{
    const char *type = r->head.type;
    if (r->route->flags & ROUTE_BYTES && r->body_len) {
        err_set(e, ERR_NOT_ACCEPTABLE, "the body is not application/offset+octet-stream");
        return err_hint(e, "send the bytes as they are, with Content-Type: application/offset+octet-stream");
    }
    if (r->body_fd >= 0 && !(r->route->flags & ROUTE_BYTES)) {
        err_set(e, ERR_NOT_ACCEPTABLE, "the body is raw bytes, only JSON is taken");
        return err_hint(e, "send Content-Type: application/json");
    }
    if (!r->body_len || !type || media_type_is(type, "application/json") ||
        media_type_is(type, "application/merge-patch+json"))
        return 0;
    err_set(e, ERR_NOT_ACCEPTABLE, "the body is %.80s, only JSON is taken", type);
    return err_hint(e, "send Content-Type: application/json");
}

static void dispatch(struct request *r)
{
    struct err e = {0};
    char *allow = NULL;
    struct violations v;
    v.n = 0;
    int failed = route_request(r, &allow, &v, &e) < 0 || authenticate(r, &e) < 0 ||
                 violations_err(&v, &e) < 0 || authorize(r, &e) < 0 || check_media_type(r, &e) < 0;
    if (failed)
        reply_problem(r, &e, &v, allow);
    else if (handlers[r->route->id](r, &e) < 0)
        reply_error(r, &e, NULL);
    free(allow);
}

/* ---- frames ---- */

static void on_request(struct conn *c, struct frame *f)
{
    const char *head, *body;
    size_t head_len, body_len;
    struct err e;
    struct request *r = mem_new(struct request, 1);
    frame_split(f, &head, &head_len, &body, &body_len);
    r->api = c->api;
    r->conn = c;
    r->stream = f->stream;
    r->body_fd = TAKE_FD(f->fd);
    r->next = c->requests;
    r->at = &c->requests;
    if (c->requests)
        c->requests->at = &r->next;
    c->requests = r;
    c->n_requests++;
    if (c->n_requests > REQUESTS_PER_CONNECTION) {
        err_set(&e, ERR_TOO_MANY, "too many requests wait on this connection");
        reply_error(r, &e, NULL);
        return;
    }
    if (request_head_decode(head, head_len, &r->head, &r->head_json, &e) < 0 || !r->head.method ||
        !r->head.path) {
        if (r->head_json)
            err_set(&e, ERR_MALFORMED, "the request has no method or path");
        reply_error(r, &e, NULL);
        return;
    }
    r->body = mem_alloc(body_len + 1);
    memcpy(r->body, body, body_len);
    r->body[body_len] = '\0';
    r->body_len = body_len;
    dispatch(r);
}

static void abandon(struct request *r)
{
    request_unlink(r);
    if (r->cancelled)
        r->cancelled(r);
}

static void stream_gone(struct stream *s)
{
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    s->ops->closed(s->arg, s);
    free(s);
}

static void on_cancel(struct conn *c, uint64_t id)
{
    for (struct request *r = c->requests; r; r = r->next)
        if (r->stream == id) {
            abandon(r);
            return;
        }
    for (struct stream *s = c->streams; s; s = s->next)
        if (s->id == id) {
            stream_gone(s);
            return;
        }
}

static void on_frame(void *arg, struct link *link, struct frame *f)
{
    struct conn *c = arg;
    (void)link;
    if (f->type == FRAME_REQUEST)
        on_request(c, f);
    else if (f->type == FRAME_CANCEL)
        on_cancel(c, f->stream);
}

static void conn_free(struct conn *c)
{
    while (c->requests)
        abandon(c->requests);
    while (c->streams)
        stream_gone(c->streams);
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    link_free(c->link);
    free(c);
}

static void on_closed(void *arg, struct link *link, const char *why)
{
    (void)link;
    (void)why;
    conn_free(arg);
}

static const struct link_handler link_handler = {.frame = on_frame, .closed = on_closed};

static void on_accept(void *arg, uint32_t events)
{
    struct api *api = arg;
    (void)events;
    int fd = accept4(api->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct conn *c = mem_new(struct conn, 1);
    c->api = api;
    c->next = api->conns;
    c->at = &api->conns;
    if (api->conns)
        api->conns->at = &c->next;
    api->conns = c;
    c->link = link_new(api->core->loop, fd, &link_handler, c);
}

/* ---- streams ---- */

static struct stream *open_stream(
    struct request *r, const struct response_head *head, int fd, const struct stream_ops *ops, void *arg)
{
    struct stream *s = mem_new(struct stream, 1);
    struct conn *c = r->conn;
    *s = (struct stream){
        .conn = c, .id = r->stream, .ops = ops, .arg = arg, .next = c->streams, .at = &c->streams};
    if (c->streams)
        c->streams->at = &s->next;
    c->streams = s;
    send_response(r, head, NULL, 0, fd);
    return s;
}

struct stream *stream_open(struct request *r, const char *type, const struct stream_ops *ops, void *arg)
{
    struct response_head head = {.status = 200, .type = type, .stream = true};
    return open_stream(r, &head, -1, ops, arg);
}

struct stream *stream_open_console(
    struct request *r, const char *kind, int fd, const struct stream_ops *ops, void *arg)
{
    struct response_head head = {.status = 200, .stream = true, .console = kind};
    return open_stream(r, &head, fd, ops, arg);
}

void stream_write(struct stream *s, const char *data, size_t n)
{
    while (n) {
        size_t part = MIN_OF(n, (size_t)FRAME_PAYLOAD_MAX);
        link_send(s->conn->link, FRAME_DATA, s->id, NULL, 0, data, part, -1);
        data += part;
        n -= part;
    }
}

size_t stream_queued(const struct stream *s)
{
    return link_queued(s->conn->link);
}

size_t request_queued(const struct request *r)
{
    return link_queued(r->conn->link);
}

void stream_end(struct stream *s)
{
    link_send(s->conn->link, FRAME_END, s->id, NULL, 0, NULL, 0, -1);
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    free(s);
}

/* ---- life ---- */

static int listen_on(const char *path, unsigned gid, int *ret_fd, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        err_set(e, ERR_INVALID, "the socket path %s is longer than %zu bytes", path,
            sizeof(address.sun_path) - 1);
        return err_hint(e, "choose a shorter LODGE_STATE");
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    unlink(path);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0117);
    int r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(old);
    if (r < 0 || chown(path, 0, gid) < 0 || listen(fd, 512) < 0)
        return err_errno(e, errno, "cannot listen on %s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int api_open(const struct api_options *o, struct api **ret, struct err *e)
{
    struct api *api = mem_new(struct api, 1);
    *api = (struct api){
        .core = o->core,
        .registry = o->core->registry,
        .audit = o->audit,
        .listen_fd = -1,
        .socket_path = mem_strdup(o->socket_path),
    };
    api->access = access_open(api->registry);
    api->tokens = tokens_open(api->registry, api->core->clock);
    api->attempts = attempts_new(api->core->clock);
    api->password_workers = workers_new(api->core->loop, 2);
    api->lists = list_cache_new();
    api->selections = select_cache_new(api->core->loop);
    api->waits = waits_new(api);
    /* Before the events: what a commit ends has ended when they look. */
    int r = sessions_open(api->registry, api->core->clock, &api->sessions, e);
    api->events = events_new(api);
    api->consoles = r < 0 ? NULL : consoles_new(api);
    if (r < 0 || listen_on(o->socket_path, o->socket_gid, &api->listen_fd, e) < 0) {
        api_close(api);
        return -1;
    }
    api->listen_watch = loop_watch_fd(api->core->loop, api->listen_fd, EPOLLIN, on_accept, api);
    *ret = api;
    return 0;
}

void api_close(struct api *api)
{
    if (!api)
        return;
    loop_watch_free(api->listen_watch);
    if (api->listen_fd >= 0) {
        close(api->listen_fd);
        unlink(api->socket_path);
    }
    workers_free(api->password_workers);
    select_cache_free(api->selections);
    while (api->conns)
        conn_free(api->conns);
    consoles_free(api->consoles);
    events_free(api->events);
    waits_free(api->waits);
    list_cache_free(api->lists);
    sessions_close(api->sessions);
    tokens_close(api->tokens);
    attempts_free(api->attempts);
    access_close(api->access);
    MAP_FOREACH (&api->refusals, entry)
        free(entry->value);
    map_clear(&api->refusals);
    free(api->socket_path);
    free(api);
}
