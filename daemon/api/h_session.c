/* Signing in and out. Verifying a password takes tens of milliseconds and runs on a worker. */
#include "api/handlers.h"

#include "auth/password.h"
#include "schema/decode.h"

#define COOKIE "__Host-lodge"

struct login {
    struct request *request;
    char *user;
    char *password;
    char *hash; /* NULL: no such user, or no password set */
    char user_uuid[UUID_LEN + 1];
    bool ok;
};

static void login_free(struct login *l)
{
    if (l->password)
        explicit_bzero(l->password, strlen(l->password));
    free(l->user);
    free(l->password);
    free(l->hash);
    free(l);
}

static void session_text(struct request *r, const char *user, const struct session *session, struct buf *out)
{
    char when[TIME_LEN + 1];
    buf_str(out, "{\"user\":");
    buf_json(out, user);
    if (session) {
        time_format(session_expires_ms(session), when);
        buf_printf(out, ",\"csrf\":\"%s\",\"expires\":\"%s\"", session->csrf, when);
    }
    (void)r;
}

void reply_session(struct request *r, int status, const char *user_uuid, const char *user)
{
    _cleanup_free_ char *secret = NULL;
    const struct session *session = sessions_create(r->api->sessions, user_uuid, r->head.address, &secret);
    _cleanup_free_ char *cookie = mem_printf(COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict", secret);
    _cleanup_buf_ struct buf text = {0};
    session_text(r, user, session, &text);
    buf_str(&text, "}");
    reply(r, &(struct reply){.status = status,
                 .body = text.data,
                 .len = text.len,
                 .cookie = cookie,
                 .location = status == 201 ? "/api/v1/session" : NULL});
}

static void verify(void *arg)
{
    struct login *l = arg;
    l->ok = password_verify(l->password, l->hash);
}

static void refuse(struct request *r, struct err *e)
{
    err_set(e, ERR_UNAUTHENTICATED, "the user name or the password is wrong");
    err_hint(e, "names and passwords are case-sensitive");
    reply_error(r, e, NULL);
}

static void verified(void *arg)
{
    struct login *l = arg;
    struct request *r = l->request;
    struct api *api = r->api;
    struct err e;
    if (!l->ok) {
        attempts_failed(api->attempts, l->user, r->head.address ? r->head.address : "local");
        refuse(r, &e);
    } else if (access_user(api->access, l->user_uuid, &r->principal, &e) < 0) {
        refuse(r, &e);
    } else {
        attempts_succeeded(api->attempts, l->user, r->head.address ? r->head.address : "local");
        reply_session(r, 201, l->user_uuid, l->user);
    }
    login_free(l);
}

char *stored_hash(const struct doc *user)
{
    _cleanup_json_ json_t *private = NULL;
    if (!user || json_parse(user->private, strlen(user->private), "user", &private, NULL) < 0)
        return NULL;
    return mem_strdup(json_get_str(private, USER_PASSWORD_KEY, NULL));
}

int decode_input(struct request *r, enum object_id object, struct arena *a, void *in, struct err *e)
{
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(r->body, r->body_len, "the request body", &json, e) < 0)
        return -1;
    struct violations v;
    v.n = 0;
    decode_object(object, json, "", a, in, &v);
    if (!v.n)
        return 0;
    violations_err(&v, e);
    reply_error(r, e, &v);
    return 1;
}

int h_login(struct request *r, struct err *e)
{
    _cleanup_arena_ struct arena a = {0};
    struct login_input in = {0};
    int answered = decode_input(r, OBJECT_login_input, &a, &in, e);
    if (answered)
        return answered < 0 ? -1 : 0;
    const char *address = r->head.address ? r->head.address : "local";
    if (attempts_check(r->api->attempts, in.user, address, NULL, e) < 0)
        return -1;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    const struct doc *user = snapshot_by_name(s, KIND_USER, in.user);
    struct login *l = mem_new(struct login, 1);
    *l = (struct login){.request = r,
        .user = mem_strdup(in.user),
        .password = mem_strdup(in.password),
        .hash = stored_hash(user)};
    if (user)
        memcpy(l->user_uuid, user->uuid, sizeof(l->user_uuid));
    workers_submit(r->api->password_workers, verify, verified, l);
    return 0;
}

/* Every permission that there is, with its name: made once. Loop thread only. */
static size_t all_permissions(const permission_id **ret_ids, char (**ret_names)[PERMISSION_TEXT_MAX])
{
    static permission_id ids[ACCESS_COLLECTION_COUNT * VERB_COUNT];
    static char names[ACCESS_COLLECTION_COUNT * VERB_COUNT][PERMISSION_TEXT_MAX];
    static size_t n;
    static bool made;
    for (unsigned i = 0; !made && i < ARRAY_SIZE(ids); i++) {
        permission_id p = (permission_id)((i / VERB_COUNT) << 8 | i % VERB_COUNT);
        if (permission_parse(permission_text(p, names[n]), &p))
            ids[n++] = p;
    }
    made = true;
    *ret_ids = ids;
    *ret_names = names;
    return n;
}

static void add_permissions(const struct principal *p, struct buf *out)
{
    const permission_id *ids;
    char(*names)[PERMISSION_TEXT_MAX];
    size_t n = all_permissions(&ids, &names), shown = 0;
    for (size_t i = 0; i < n; i++) {
        enum access_scope scope = access_scope(p, ids[i]);
        if (scope == ACCESS_NONE)
            continue;
        buf_str(out, shown++ ? ",\"" : "\"");
        buf_str(out, names[i]);
        buf_str(out, scope == ACCESS_ALL ? "\":\"all\"" : "\":\"some\"");
    }
}

int h_session(struct request *r, struct err *e)
{
    _cleanup_buf_ struct buf text = {0};
    const struct session *session =
        r->head.session && !r->head.bearer ? sessions_find(r->api->sessions, r->head.session) : NULL;
    (void)e;
    session_text(r, r->principal->user ? r->principal->user : r->principal->who, session, &text);
    buf_str(&text, ",\"who\":");
    buf_json(&text, r->principal->who);
    buf_str(&text, ",\"permissions\":{");
    add_permissions(r->principal, &text);
    buf_str(&text, "}}");
    reply(r, &(struct reply){.status = 200, .body = text.data, .len = text.len});
    return 0;
}

int h_logout(struct request *r, struct err *e)
{
    (void)e;
    if (r->head.session)
        sessions_delete(r->api->sessions, r->head.session);
    events_check_readers(r->api->events);
    consoles_check(r->api->consoles);
    reply(r, &(struct reply){
                 .status = 204, .cookie = COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"});
    return 0;
}
