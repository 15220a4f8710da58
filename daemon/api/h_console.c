/* Consoles: a ticket first, which is all that a browser can bring to a WebSocket, then the console itself
 * as a descriptor. What is open is asked again and again whether it may stay so. */
#include "api/credential.h"
#include "api/handlers.h"

#include "auth/secret.h"
#include "base/crypto.h"
#include "core/console.h"
#include "core/inventory.h"
#include "core/views.h"

#define TICKET_MS         30000
#define TICKETS_MAX       1024
#define TICKETS_PER_USER  32
#define CONSOLES_MAX      512
#define CONSOLES_PER_USER 128
#define CHECK_MS          5000 /* sessions and tokens end by time alone, too */
#define COMMAND_WORDS_MAX 64

/* What somebody wants to open. */
struct wish {
    char guest[UUID_LEN + 1];
    enum guest_type type;
    enum console_kind kind;
    unsigned columns, rows;
    bool read_only;
    char *command[COMMAND_WORDS_MAX + 1];
};

struct ticket {
    char *secret;
    uint64_t until_ms; /* monotonic */
    struct credential credential;
    char *user; /* whose share it is of */
    struct wish *wish;
    struct ticket *next;
};

/* One console, from its request to its end. */
struct opened {
    struct consoles *consoles;
    struct opened *next, **at;
    struct credential credential;
    struct wish *wish;
    char *user; /* as with its ticket */
    char *who, *address, *guest_name;
    struct request *request; /* until it is open */
    struct stream *stream;
    struct console *console;
    uint64_t since_ms; /* monotonic */
};

struct consoles {
    struct api *api;
    struct ticket *tickets;
    struct opened *opened;
    size_t n_opened;
    struct registry_watch *watch;
    struct loop_timer *timer;
};

static uint64_t now_ms(const struct consoles *c)
{
    return clock_monotonic_ms(c->api->core->clock);
}

static void wish_free(struct wish *w)
{
    for (size_t i = 0; w && w->command[i]; i++)
        free(w->command[i]);
    free(w);
}

static const char *kind_name(enum console_kind kind)
{
    return enumeration_of(ENUM_console_kind)->values[kind];
}

/* ---- what is possible ---- */

static int check_kind(const struct core *core, const struct console_input *in, int type, struct err *e)
{
    bool possible =
        in->kind == CONSOLE_LOG || (core->drivers->guests[type]->consoles & 1U << (unsigned)in->kind);
    if (in->n_command && in->kind != CONSOLE_SHELL)
        return err_set(e, ERR_INVALID, "only a shell runs a command");
    if (possible)
        return 0;
    if (type == GUEST_CONTAINER) {
        err_set(e, ERR_UNSUPPORTED, "a container has no screen");
        return err_hint(e, "use shell or serial");
    }
    err_set(
        e, ERR_UNSUPPORTED, "a virtual machine has no %s of its own", kind_name((enum console_kind)in->kind));
    return err_hint(e, "use vnc or serial");
}

/* A paused guest can be looked at; a shell in it would hang. */
static int check_state(struct core *core, const struct wish *w, const char *name, struct err *e)
{
    enum guest_state state = inventory_state(core->inventory, w->guest);
    if (w->kind == CONSOLE_LOG || state == GUEST_RUNNING)
        return 0;
    if (w->kind != CONSOLE_SHELL && (state == GUEST_PAUSED || state == GUEST_BLOCKED))
        return 0;
    if (state == GUEST_UNKNOWN) {
        err_set(e, ERR_UNAVAILABLE, "what guest %s does is not known at the moment", name);
        return err_hint(e, "its hypervisor is being restarted: try again in a few seconds");
    }
    err_set(e, ERR_STATE, "guest %s is %s", name, guest_state_name(state));
    return err_hint(
        e, state == GUEST_PAUSED ? "resume it first" : "start it first; its log can be read at any time");
}

/* ---- tickets ---- */

static void ticket_free(struct ticket *t)
{
    explicit_bzero(t->secret, strlen(t->secret));
    free(t->secret);
    free(t->user);
    credential_clear(&t->credential);
    wish_free(t->wish);
    free(t);
}

static void sweep_tickets(struct consoles *c)
{
    uint64_t now = now_ms(c);
    for (struct ticket **at = &c->tickets; *at;) {
        struct ticket *t = *at;
        if (t->until_ms > now) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        ticket_free(t);
    }
}

/* Sessions and tokens of a user have one share together: more of them do not give more. */
static const char *user_of(const struct request *r)
{
    return r->principal->user_uuid ? r->principal->user_uuid : r->principal->who;
}

static bool may_open(const struct consoles *c, const char *user)
{
    size_t own = 0;
    for (const struct opened *o = c->opened; o; o = o->next)
        own += streq(o->user, user) ? 1 : 0;
    return own < CONSOLES_PER_USER && c->n_opened < CONSOLES_MAX;
}

static int check_room(struct consoles *c, const char *user, struct err *e)
{
    size_t n = 0, own = 0;
    sweep_tickets(c);
    for (const struct ticket *t = c->tickets; t; t = t->next) {
        n++;
        own += streq(t->user, user) ? 1 : 0;
    }
    if (n < TICKETS_MAX && own < TICKETS_PER_USER && may_open(c, user))
        return 0;
    err_set(e, ERR_TOO_MANY, "too many consoles are open or about to be");
    return err_hint(e, "try again in %d seconds", TICKET_MS / 1000);
}

/* Takes it out when it is this caller's. Others do not learn whether it exists. */
static struct ticket *take_ticket(struct consoles *c, const char *secret, const struct credential *credential)
{
    sweep_tickets(c);
    for (struct ticket **at = &c->tickets; *at; at = &(*at)->next) {
        struct ticket *t = *at;
        if (strlen(t->secret) == strlen(secret) && secret_equal(t->secret, secret, strlen(secret)) &&
            credential_same(&t->credential, credential)) {
            *at = t->next;
            return t;
        }
    }
    return NULL;
}

static struct wish *wish_of(const struct console_input *in, const struct doc *d)
{
    struct wish *w = mem_new(struct wish, 1);
    memcpy(w->guest, d->uuid, UUID_LEN);
    w->type = (enum guest_type)guest_spec_of(d)->type;
    w->kind = (enum console_kind)in->kind;
    w->columns = in->columns ? (unsigned)in->columns : 80;
    w->rows = in->rows ? (unsigned)in->rows : 24;
    w->read_only = in->read_only;
    for (size_t i = 0; i < in->n_command && i < COMMAND_WORDS_MAX; i++)
        w->command[i] = mem_strdup(in->command[i]);
    return w;
}

static void reply_ticket(struct request *r, const struct ticket *t)
{
    char when[TIME_LEN + 1];
    bool writer = !t->wish->read_only && t->wish->kind != CONSOLE_LOG;
    _cleanup_buf_ struct buf text = {0};
    _cleanup_free_ char *url = mem_printf("/api/v1/consoles/%s", t->secret);
    time_format(clock_unix_ms(r->api->core->clock) + TICKET_MS, when);
    buf_printf(&text, "{\"ticket\":\"%s\",\"kind\":\"%s\",\"mode\":\"%s\",\"url\":\"%s\",\"expires\":\"%s\"}",
        t->secret, kind_name(t->wish->kind), writer ? "writer" : "viewer", url, when);
    reply(r, &(struct reply){.status = 201, .body = text.data, .len = text.len, .location = url});
}

int h_make_console(struct request *r, struct err *e)
{
    struct consoles *c = r->api->consoles;
    struct doc *d;
    _cleanup_arena_ struct arena a = {0};
    struct console_input in = {0};
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    if (require_item(r, s, &d, e) < 0)
        return -1;
    int answered = decode_input(r, OBJECT_console_input, &a, &in, e);
    if (answered)
        return answered < 0 ? -1 : 0;
    const struct guest_spec *spec = guest_spec_of(d);
    if (!spec)
        return err_set(e, ERR_STATE, "guest %s cannot be read", d->name);
    struct credential credential = credential_of(r);
    struct wish *w = wish_of(&in, d);
    if (check_kind(r->api->core, &in, spec->type, e) < 0 || check_state(r->api->core, w, d->name, e) < 0 ||
        check_room(c, user_of(r), e) < 0) {
        credential_clear(&credential);
        wish_free(w);
        return -1;
    }
    struct ticket *t = mem_new(struct ticket, 1);
    *t = (struct ticket){.secret = random_token(32),
        .until_ms = now_ms(c) + TICKET_MS,
        .credential = credential,
        .user = mem_strdup(user_of(r)),
        .wish = w,
        .next = c->tickets};
    c->tickets = t;
    reply_ticket(r, t);
    return 0;
}

/* ---- open consoles ---- */

static void audit(const struct opened *o, const char *what, const char *outcome, const char *detail)
{
    char action[64], object[128];
    snprintf(action, sizeof(action), "console %s %s", kind_name(o->wish->kind), what);
    snprintf(object, sizeof(object), "/guests/%.100s", o->guest_name);
    struct audit_record record = {.who = o->who,
        .address = o->address,
        .action = action,
        .object = object,
        .outcome = outcome,
        .detail = detail};
    if (o->consoles->api->audit)
        audit_append(o->consoles->api->audit, &record, NULL, NULL);
}

static void opened_free(struct opened *o)
{
    *o->at = o->next;
    if (o->next)
        o->next->at = o->at;
    o->consoles->n_opened--;
    console_close(o->console);
    credential_clear(&o->credential);
    wish_free(o->wish);
    free(o->user);
    free(o->who);
    free(o->address);
    free(o->guest_name);
    free(o);
}

static void audit_closed(const struct opened *o, const char *why)
{
    char detail[160];
    uint64_t ms = now_ms(o->consoles) - o->since_ms;
    snprintf(detail, sizeof(detail), "after %llu.%llu s: %s", (unsigned long long)(ms / 1000),
        (unsigned long long)(ms % 1000 / 100), why);
    audit(o, "closed", "ok", detail);
}

/* Ends it with a reason that whoever looks is told. */
static void end(struct opened *o, enum console_end why, int code)
{
    if (o->stream) {
        char text[256];
        int n = code < 0 ? snprintf(text, sizeof(text), "{\"end\":\"%s\",\"detail\":\"%s\"}",
                               console_end_word(why), console_end_help(why))
                         : snprintf(text, sizeof(text), "{\"end\":\"%s\",\"detail\":\"%s\",\"code\":%d}",
                               console_end_word(why), console_end_help(why), code);
        stream_write(o->stream, text, (size_t)n);
        stream_end(o->stream);
        audit_closed(o, console_end_word(why));
    } else if (o->request) {
        struct err e;
        err_set(&e, ERR_STATE, "%s", console_end_help(why));
        o->request->cancelled = NULL;
        reply_error(o->request, &e, NULL);
    }
    opened_free(o);
}

/* Whoever looked has gone. */
static void on_stream_closed(void *arg, struct stream *s)
{
    struct opened *o = arg;
    (void)s;
    audit_closed(o, "left");
    opened_free(o);
}

static const struct stream_ops stream_ops = {.closed = on_stream_closed};

static void on_opened(void *arg, int fd, bool writer)
{
    struct opened *o = arg;
    struct request *r = TAKE_PTR(o->request);
    o->since_ms = now_ms(o->consoles);
    audit(o, "opened", "ok", writer ? NULL : "only looking");
    r->cancelled = NULL;
    o->stream = stream_open_console(r, kind_name(o->wish->kind), fd, &stream_ops, o);
}

static void on_failed(void *arg, const struct err *e)
{
    struct opened *o = arg;
    struct err copy = *e;
    audit(o, "opened", err_code_name(e->code), e->detail);
    err_prefix(&copy, "cannot open the %s of guest %s", kind_name(o->wish->kind), o->guest_name);
    o->request->cancelled = NULL;
    reply_error(TAKE_PTR(o->request), &copy, NULL);
    opened_free(o);
}

static void on_ended(void *arg, enum console_end why, int code)
{
    end(arg, why, code);
}

static const struct console_handler console_handler = {on_opened, on_failed, on_ended};

/* The peer is gone before it was open. */
static void on_cancelled(struct request *r)
{
    opened_free(r->state);
    r->state = NULL;
    struct err e;
    err_set(&e, ERR_CANCELLED, "nobody waits any more");
    r->cancelled = NULL;
    reply_error(r, &e, NULL);
}

static void start(struct consoles *c, struct request *r, struct ticket *t, const struct doc *d)
{
    struct opened *o = mem_new(struct opened, 1);
    struct wish *w = TAKE_PTR(t->wish);
    char *user = TAKE_PTR(t->user);
    *o = (struct opened){.consoles = c,
        .next = c->opened,
        .at = &c->opened,
        .credential = t->credential,
        .wish = w,
        .user = user,
        .who = mem_strdup(r->principal->who),
        .address = mem_strdup(r->head.address),
        .guest_name = mem_strdup(d->name),
        .request = r};
    t->credential = (struct credential){0};
    if (c->opened)
        c->opened->at = &o->next;
    c->opened = o;
    c->n_opened++;
    r->state = o;
    r->cancelled = on_cancelled;
    struct console_wish wish = {.uuid = o->wish->guest,
        .type = o->wish->type,
        .kind = o->wish->kind,
        .columns = o->wish->columns,
        .rows = o->wish->rows,
        .command = o->wish->command[0] ? (const char *const *)o->wish->command : NULL,
        .read_only = o->wish->read_only,
        .who = o->who};
    o->console = console_open(c->api->core, &wish, &console_handler, o);
}

static int check_guest(struct request *r, const struct ticket *t, const struct doc *d, struct err *e)
{
    if (!d)
        return err_set(e, ERR_NOT_FOUND, "the guest is not there any more");
    if (access_require(r->principal, PERMISSION(GUESTS, CONSOLE), d->name, d->labels, d->n_labels, e) < 0)
        return -1;
    return check_state(r->api->core, t->wish, d->name, e);
}

int h_open_console(struct request *r, struct err *e)
{
    struct consoles *c = r->api->consoles;
    if (!may_open(c, user_of(r)))
        return err_set(e, ERR_TOO_MANY, "too many consoles are open");
    struct credential credential = credential_of(r);
    struct ticket *t = take_ticket(c, r->name, &credential);
    credential_clear(&credential);
    if (!t) {
        err_set(e, ERR_GONE, "this ticket was used already, has expired, or was given to somebody else");
        return err_hint(e,
            "POST /api/v1/guests/NAME/consoles gives another one, for one use within %d seconds",
            TICKET_MS / 1000);
    }
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    const struct doc *d = snapshot_by_uuid(s, KIND_GUEST, t->wish->guest);
    int result = check_guest(r, t, d, e);
    if (result == 0)
        start(c, r, t, d);
    ticket_free(t);
    return result;
}

/* ---- whether it may stay open ---- */

static bool is_allowed(struct consoles *c, const struct opened *o, const struct doc *d)
{
    struct principal *p = NULL;
    struct err e;
    bool allowed = credential_principal(c->api, &o->credential, false, &p, &e) == 0 &&
                   access_allowed_doc(p, PERMISSION(GUESTS, CONSOLE), d);
    principal_unref(p);
    return allowed;
}

static bool has_stopped(struct core *core, const struct opened *o)
{
    enum guest_state state = inventory_state(core->inventory, o->wish->guest);
    return o->wish->kind != CONSOLE_LOG && (state == GUEST_STOPPED || state == GUEST_CRASHED);
}

void consoles_check(struct consoles *c)
{
    if (!c->opened)
        return;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(c->api->registry);
    for (struct opened *o = c->opened, *next; o; o = next) {
        next = o->next;
        const struct doc *d = snapshot_by_uuid(s, KIND_GUEST, o->wish->guest);
        if (!d)
            end(o, CONSOLE_END_STOPPED, -1);
        else if (!is_allowed(c, o, d))
            end(o, CONSOLE_END_SESSION, -1);
    }
}

static void on_commit(void *arg, const struct commit *commit)
{
    struct consoles *c = arg;
    bool concerned = c->opened && commit_touches_access(commit);
    for (size_t i = 0; c->opened && !concerned && i < commit->n_changes; i++) {
        const struct change *change = &commit->changes[i];
        concerned = (change->after ? change->after : change->before)->kind == KIND_GUEST;
    }
    if (concerned)
        consoles_check(c);
}

/* A screen ends with its guest at once. All else reads its own end, after what was written last. */
static void on_inventory(void *arg, const char *uuid, bool state_changed)
{
    struct consoles *c = arg;
    if (!uuid || !state_changed)
        return;
    for (struct opened *o = c->opened, *next; o; o = next) {
        next = o->next;
        if (o->wish->kind == CONSOLE_VNC && streq(o->wish->guest, uuid) && has_stopped(c->api->core, o))
            end(o, CONSOLE_END_STOPPED, -1);
    }
}

static void on_timer(void *arg)
{
    struct consoles *c = arg;
    sweep_tickets(c);
    consoles_check(c);
    for (struct opened *o = c->opened, *next; o; o = next) {
        next = o->next;
        if (o->since_ms && has_stopped(c->api->core, o))
            end(o, CONSOLE_END_STOPPED, -1);
    }
    loop_timer_arm(c->timer, CHECK_MS);
}

struct consoles *consoles_new(struct api *api)
{
    struct consoles *c = mem_new(struct consoles, 1);
    c->api = api;
    c->watch = registry_watch(api->registry, on_commit, c);
    inventory_watch(api->core->inventory, on_inventory, c);
    c->timer = loop_timer_new(api->core->loop, on_timer, c);
    loop_timer_arm(c->timer, CHECK_MS);
    return c;
}

void consoles_free(struct consoles *c)
{
    if (!c)
        return;
    registry_watch_free(c->watch);
    loop_timer_free(c->timer);
    while (c->opened)
        opened_free(c->opened);
    while (c->tickets) {
        struct ticket *t = c->tickets;
        c->tickets = t->next;
        ticket_free(t);
    }
    free(c);
}
