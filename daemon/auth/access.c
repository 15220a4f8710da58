/* Callers compiled from the registry and kept until users, roles, bindings or tokens change. */
#include "auth/access.h"

#include "auth/principal.h"
#include "auth/tokens.h"
#include "base/map.h"

struct access {
    struct registry *registry;
    struct registry_watch *watch;
    struct policy *policy; /* NULL: to be made */
    struct map cache;      /* uuid of user or token → struct principal_box */
    struct principal_box *root;
};

static void drop_cache(struct access *a)
{
    MAP_FOREACH (&a->cache, e)
        principal_unref(e->value);
    map_clear(&a->cache);
    policy_unref(a->policy);
    a->policy = NULL;
}

static void on_commit(void *arg, const struct commit *commit)
{
    for (size_t i = 0; i < commit->n_changes; i++) {
        const struct change *c = &commit->changes[i];
        enum kind kind = c->after ? c->after->kind : c->before->kind;
        if (kind == KIND_USER || kind == KIND_ROLE || kind == KIND_BINDING || kind == KIND_TOKEN) {
            drop_cache(arg);
            return;
        }
    }
}

struct access *access_open(struct registry *registry)
{
    struct access *a = mem_new(struct access, 1);
    a->registry = registry;
    a->root = principal_new(PRINCIPAL_ROOT, "root", NULL, NULL);
    permission_set_add(&a->root->all, "*", NULL);
    a->watch = registry_watch(registry, on_commit, a);
    return a;
}

void access_close(struct access *a)
{
    if (!a)
        return;
    registry_watch_free(a->watch);
    drop_cache(a);
    principal_unref(&a->root->principal);
    free(a);
}

struct principal *access_root(struct access *a)
{
    return principal_ref(&a->root->principal);
}

static struct policy *policy_of(struct access *a, const struct snapshot *s)
{
    if (!a->policy)
        a->policy = policy_new(s);
    return a->policy;
}

int access_role(struct access *a, const char *name, struct permission_set *ret, struct err *e)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(a->registry);
    if (policy_role(policy_of(a, s), name, ret))
        return 0;
    return err_set(e, ERR_NOT_FOUND, "there is no role %s", name);
}

/* ---- compiling ---- */

static void give(struct policy *policy, const char *type, const char *name,
    const struct permission_set *limit, struct principal_box *to)
{
    _cleanup_free_ char *subject = mem_printf("%s:%s", type, name);
    policy_give(policy, subject, limit, to);
}

/* What the user and its groups have, or nothing when it may not act. */
static int give_user(struct policy *policy, const struct doc *user, const struct permission_set *limit,
    struct principal_box *to, struct err *e)
{
    _cleanup_json_ json_t *spec = NULL;
    if (json_parse(user->spec, user->spec_len, "user", &spec, e) < 0)
        return -1;
    if (json_get_bool(spec, "disabled", 0))
        return err_set(e, ERR_UNAUTHENTICATED, "the user %s is disabled", user->name);
    give(policy, "user", user->name, limit, to);
    size_t i;
    json_t *group;
    json_array_foreach (json_get_arr(spec, "groups"), i, group)
        if (json_is_string(group))
            give(policy, "group", json_string_value(group), limit, to);
    return 0;
}

/* What a token's own spec leaves of its user's rights. A role that is gone leaves nothing. */
static int token_limit(
    const struct policy *policy, const json_t *spec, struct permission_set *ret, struct err *e)
{
    struct permission_set listed = {0}, role = {0};
    const json_t *permissions = json_get_arr(spec, "permissions");
    const char *role_name = json_get_str(spec, "role", NULL);
    if (permissions ? permissions_parse(permissions, &listed, e) < 0
                    : permission_set_add(&listed, "*", e) < 0)
        return -1;
    if (!role_name)
        permission_set_add(&role, "*", e);
    else if (!policy_role(policy, role_name, &role))
        role = (struct permission_set){0};
    for (size_t c = 0; c < ACCESS_COLLECTION_COUNT; c++)
        ret->verbs[c] = listed.verbs[c] & role.verbs[c];
    return 0;
}

static int compile_user(
    struct policy *policy, const struct doc *user, struct principal_box **ret, struct err *e)
{
    _cleanup_free_ char *who = mem_printf("user:%s", user->name);
    struct principal_box *p = principal_new(PRINCIPAL_USER, who, user->name, user->uuid);
    p->policy = policy_ref(policy);
    if (give_user(policy, user, NULL, p, e) < 0) {
        principal_unref(&p->principal);
        return -1;
    }
    *ret = p;
    return 0;
}

static int compile_token(struct policy *policy, const struct snapshot *s, const struct doc *token,
    struct principal_box **ret, struct err *e)
{
    _cleanup_json_ json_t *spec = NULL, *private = NULL;
    struct permission_set limit;
    if (json_parse(token->spec, token->spec_len, "token", &spec, e) < 0 ||
        json_parse(token->private, strlen(token->private), "token", &private, e) < 0 ||
        token_limit(policy, spec, &limit, e) < 0)
        return -1;
    const char *user_uuid = json_get_str(private, TOKEN_USER_KEY, NULL);
    const struct doc *user = user_uuid ? snapshot_by_uuid(s, KIND_USER, user_uuid) : NULL;
    if (user_uuid && !user)
        return err_set(e, ERR_UNAUTHENTICATED, "the user of token %s does not exist any more", token->name);
    _cleanup_free_ char *who = mem_printf("token:%s", token->name);
    struct principal_box *p =
        principal_new(PRINCIPAL_TOKEN, who, user ? user->name : NULL, user ? user->uuid : NULL);
    p->policy = policy_ref(policy);
    if (user && give_user(policy, user, &limit, p, e) < 0) {
        principal_unref(&p->principal);
        return -1;
    }
    give(policy, "token", token->name, NULL, p);
    *ret = p;
    return 0;
}

static int lookup(struct access *a, enum kind kind, const char *uuid, struct principal **ret, struct err *e)
{
    struct principal_box *p = map_get(&a->cache, uuid);
    if (!p) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(a->registry);
        const struct doc *doc = snapshot_by_uuid(s, kind, uuid);
        struct policy *policy = policy_of(a, s);
        if (!doc)
            return err_set(e, ERR_UNAUTHENTICATED, "the %s does not exist any more", kind_singular(kind));
        int r = kind == KIND_USER ? compile_user(policy, doc, &p, e) : compile_token(policy, s, doc, &p, e);
        if (r < 0)
            return -1;
        map_set(&a->cache, uuid, p);
    }
    *ret = principal_ref(&p->principal);
    return 0;
}

int access_user(struct access *a, const char *user_uuid, struct principal **ret, struct err *e)
{
    return lookup(a, KIND_USER, user_uuid, ret, e);
}

int access_token(struct access *a, const char *token_uuid, struct principal **ret, struct err *e)
{
    return lookup(a, KIND_TOKEN, token_uuid, ret, e);
}
