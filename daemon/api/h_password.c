/* Changing one's own password: the old one is asked for, so that an unlocked screen is not enough. */
#include "api/handlers.h"

#include "auth/password.h"

struct password_change {
    struct request *r;
    char *user, *old, *next;
    char *stored; /* the hash now */
    char *hash;   /* the new one; NULL: the old password was wrong */
    char user_uuid[UUID_LEN + 1];
    uint64_t revision; /* of the user that was asked about */
    struct err err;
};

static void forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void change_free(struct password_change *c)
{
    forget(c->old);
    forget(c->next);
    free(c->user);
    free(c->stored);
    free(c->hash);
    free(c);
}

static const char *address_of(const struct request *r)
{
    return r->head.address ? r->head.address : "local";
}

static void refuse_field(struct password_change *c, const char *pointer, const char *why)
{
    struct violations v;
    struct err e;
    v.n = 0;
    violation_add(&v, pointer, "%s", why);
    violations_err(&v, &e);
    reply_error(c->r, &e, &v);
    change_free(c);
}

static void committed(void *arg, const struct commit_result *result)
{
    struct password_change *c = arg;
    struct request *r = c->r;
    if (result->error)
        reply_error(r, result->error, NULL);
    else
        reply_session(r, 200, c->user_uuid, c->user); /* the commit has ended all that there were */
    change_free(c);
}

static void hash_both(void *arg)
{
    struct password_change *c = arg;
    if (password_verify(c->old, c->stored))
        password_hash(c->next, &c->hash, &c->err);
}

/* Only the password changes; whatever else the server keeps with the user stays. */
static void store(struct password_change *c, const struct doc *user)
{
    _cleanup_json_ json_t *kept = NULL;
    if (json_parse(user->private, strlen(user->private), "user", &kept, NULL) < 0)
        kept = json_object();
    json_object_set_new(kept, USER_PASSWORD_KEY, json_string(c->hash));
    _cleanup_free_ char *text = json_text(kept);
    struct txn *txn = txn_new();
    txn_put_private(txn, user, text, clock_unix_ms(c->r->api->core->clock));
    registry_propose(c->r->api->registry, txn, committed, c);
}

static void hashed(void *arg)
{
    struct password_change *c = arg;
    struct api *api = c->r->api;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(api->registry);
    const struct doc *user = snapshot_by_uuid(s, KIND_USER, c->user_uuid);
    if (!c->hash) {
        attempts_failed(api->attempts, c->user, address_of(c->r));
        refuse_field(c, "/old", "is not your password");
        return;
    }
    attempts_succeeded(api->attempts, c->user, address_of(c->r));
    if (!user || user->revision != c->revision) {
        err_set(&c->err, ERR_PRECONDITION, "your user was changed meanwhile: try again");
        reply_error(c->r, &c->err, NULL);
        change_free(c);
        return;
    }
    store(c, user);
}

int h_session_password(struct request *r, struct err *e)
{
    _cleanup_arena_ struct arena a = {0};
    struct password_input in = {0};
    struct err why;
    if (r->head.bearer || !r->head.session) {
        err_set(e, ERR_FORBIDDEN, "only who is signed in with a password can change it here");
        return err_hint(e, "an administrator sets it with PATCH /api/v1/users/NAME");
    }
    int answered = decode_input(r, OBJECT_password_input, &a, &in, e);
    if (answered)
        return answered < 0 ? -1 : 0;
    if (attempts_check(r->api->attempts, r->principal->user, address_of(r), NULL, e) < 0)
        return -1;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    const struct doc *user = snapshot_by_uuid(s, KIND_USER, r->principal->user_uuid);
    struct password_change *c = mem_new(struct password_change, 1);
    *c = (struct password_change){.r = r,
        .user = mem_strdup(r->principal->user),
        .old = mem_strdup(in.old),
        .next = mem_strdup(in.password),
        .stored = stored_hash(user),
        .revision = user ? user->revision : 0};
    memcpy(c->user_uuid, r->principal->user_uuid, UUID_LEN);
    if (password_check(in.password, r->principal->user, &why) < 0)
        refuse_field(c, "/password", why.detail);
    else
        workers_submit(r->api->password_workers, hash_both, hashed, c);
    return 0;
}
