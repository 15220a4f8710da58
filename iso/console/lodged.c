#include "iso/console/lodged.h"

#include "base/text.h"
#include "cli/client.h"
#include "iso/common/secret.h"
#include "iso/console/place.h"

#define SOCKET      "/var/lib/lodge/run/lodged.sock"
#define ANSWER_S    10
#define COOKIE      "__Host-lodge="
#define SECRET_BODY __attribute__((cleanup(forget_buf)))

DEFINE_CLEANUP(struct client *, client_close)

static void forget_buf(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_free(b);
}

static int connect_to(struct client **ret, struct err *e)
{
    _cleanup_free_ char *path = place(SOCKET);
    if (client_open(path, NULL, ret, e) < 0)
        return -1;
    client_limit(*ret, ANSWER_S);
    return 0;
}

/* Anything but success as the error that lodged gave. */
static int take_refusal(const struct answer *a, struct err *e)
{
    if (a->status >= 200 && a->status < 300)
        return 0;
    const json_t *first = json_array_get(json_get_arr(a->json, "errors"), 0);
    err_set(e, err_code_from_name(json_get_str(a->json, "code", "")), "%s%s%s",
        json_get_str(a->json, "detail", "lodged refused without a reason"), first ? ": " : "",
        first ? json_get_str(first, "detail", "") : "");
    return err_hint(e, "%s", json_get_str(a->json, "hint", ""));
}

static int ask(struct client *c, const struct call *call, struct answer *ret, struct err *e)
{
    answer_clear(ret);
    return client_call(c, call, ret, e) < 0 ? -1 : take_refusal(ret, e);
}

/* ---- who somebody is ---- */

/* With these somebody can make themselves everything else in Lodge. */
static const char *const wanted[] = {"nodes.update", "settings.update", "users.update", "bindings.update"};

static int check_permissions(const json_t *session, const char *name, struct err *e)
{
    const json_t *permissions = json_get_obj(session, "permissions");
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (streq(json_get_str(permissions, wanted[i], ""), "all"))
            continue;
        err_set(e, ERR_FORBIDDEN,
            "%s is no administrator of Lodge: the permission %s on everything is missing", name, wanted[i]);
        return err_hint(e, "an administrator can do this here, or root");
    }
    return 0;
}

/* The session ends again, whatever it was found to be. */
static int check_session(struct client *c, const struct answer *signed_in, const char *name, struct err *e)
{
    struct answer a = {0};
    struct err ignored;
    if (!signed_in->cookie || !text_starts(signed_in->cookie, COOKIE))
        return err_set(e, ERR_INTERNAL, "lodged gave no session");
    const char *secret = signed_in->cookie + strlen(COOKIE);
    _cleanup_secret_ char *session = mem_strndup(secret, strcspn(secret, ";"));
    struct call who = {.method = "GET", .path = "/api/v1/session", .session = session};
    struct call leave = {.method = "DELETE",
        .path = "/api/v1/session",
        .session = session,
        .csrf = json_get_str(signed_in->json, "csrf", NULL)};
    int r = ask(c, &who, &a, e) < 0 ? -1 : check_permissions(a.json, name, e);
    (void)ask(c, &leave, &a, &ignored);
    answer_clear(&a);
    return r;
}

int lodged_check_administrator(const char *name, const char *password, struct err *e)
{
    _cleanup_(client_close) struct client *c = NULL;
    SECRET_BODY struct buf body = {0};
    struct answer a = {0};
    buf_reserve(&body, 8192); /* so that no copy stays behind when it grows */
    buf_str(&body, "{\"user\":");
    buf_json(&body, name);
    buf_str(&body, ",\"password\":");
    buf_json(&body, password);
    buf_str(&body, "}");
    struct call call = {.method = "POST", .path = "/api/v1/session", .body = body.data};
    int r = connect_to(&c, e) < 0 || ask(c, &call, &a, e) < 0 ? -1 : check_session(c, &a, name, e);
    answer_clear(&a);
    return r;
}

/* ---- the others ---- */

/* Names of users are letters, digits and some signs: nothing that a path would have to escape. */
static bool is_user_name(const char *name)
{
    return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-")];
}

int lodged_set_password(const char *user, const char *password, struct err *e)
{
    _cleanup_(client_close) struct client *c = NULL;
    SECRET_BODY struct buf body = {0};
    struct answer a = {0};
    if (!is_user_name(user))
        return err_set(e, ERR_INVALID, "\"%s\" is no name of a user", user);
    _cleanup_free_ char *path = mem_printf("/api/v1/users/%s", user);
    buf_reserve(&body, 8192);
    buf_str(&body, "{\"spec\":{\"password\":");
    buf_json(&body, password);
    buf_str(&body, "}}");
    struct call call = {.method = "PATCH", .path = path, .body = body.data};
    int r = connect_to(&c, e) < 0 ? -1 : ask(c, &call, &a, e);
    answer_clear(&a);
    return r;
}

int lodged_count_running(size_t *ret, struct err *e)
{
    _cleanup_(client_close) struct client *c = NULL;
    struct answer a = {0};
    struct call call = {.method = "GET",
        .path = "/api/v1/guests",
        .query = "filter=status.state!=stopped&fields=metadata.name&limit=100000"};
    int r = connect_to(&c, e) < 0 ? -1 : ask(c, &call, &a, e);
    if (r == 0)
        *ret = json_array_size(json_get_arr(a.json, "items"));
    answer_clear(&a);
    return r;
}
