/* Users, roles, bindings and tokens as resources. Nobody hands on more than they have. */
#include "auth/password.h"
#include "auth/tokens.h"
#include "core/plan.h"

/* ---- users ---- */

/* Whoever can set a user's password or groups can act with their rights: only who has these rights may. */
static int require_rights_of(const struct intent *c, const char *subject, struct err *e)
{
    struct snapshot_iter it;
    struct permission_set set;
    struct err ignored;
    snapshot_iter_init(&it, c->snapshot, KIND_BINDING, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct binding_spec *spec = binding_spec_of(d);
        if (!spec || !streq(spec->subject, subject) || access_role(c->access, spec->role, &set, &ignored) < 0)
            continue;
        if (access_require_all(c->by, &set, e) < 0)
            return err_prefix(e, "%s has the role %s", subject, spec->role);
    }
    return 0;
}

static bool has_group(const struct user_spec *spec, const char *group)
{
    for (size_t i = 0; spec && i < spec->n_groups; i++)
        if (streq(spec->groups[i], group))
            return true;
    return false;
}

static int require_groups(
    const struct intent *c, const struct user_spec *spec, const struct user_spec *except, struct err *e)
{
    for (size_t i = 0; spec && i < spec->n_groups; i++) {
        _cleanup_free_ char *subject = mem_printf("group:%s", spec->groups[i]);
        if (!has_group(except, spec->groups[i]) && require_rights_of(c, subject, e) < 0)
            return -1;
    }
    return 0;
}

/* Who renames, disables or deletes somebody takes their rights away: that too takes having them. */
static int require_rights_of_user(const struct intent *c, const struct doc *user, struct err *e)
{
    if (!c->by || !c->access)
        return 0;
    _cleanup_free_ char *subject = mem_printf("user:%s", user->name);
    return require_rights_of(c, subject, e) < 0 ? -1 : require_groups(c, user_spec_of(user), NULL, e);
}

/* One's own password and name are one's own; a group that one joins is not. */
static int require_user_rights(const struct intent *c, struct err *e)
{
    const struct user_spec *old = user_spec_of(c->before);
    bool self = c->by && c->by->user_uuid && streq(c->by->user_uuid, c->uuid);
    if (!c->by || !c->access)
        return 0;
    if (require_groups(c, c->spec, old, e) < 0)
        return -1;
    _cleanup_free_ char *subject = mem_printf("user:%s", c->name);
    if (self && streq(c->before->name, c->name))
        return 0;
    if (require_rights_of(c, subject, e) < 0)
        return -1;
    return c->before ? require_rights_of_user(c, c->before, e) : 0;
}

/* ---- bindings of users and tokens: by name, so that they go where the name goes ---- */

typedef void binding_fn(
    const struct intent *c, struct plan *plan, const struct doc *binding, const char *new_subject);

static void each_binding(const struct intent *c, struct plan *plan, binding_fn *fn)
{
    struct snapshot_iter it;
    const char *kind = kind_singular(c->kind);
    _cleanup_free_ char *subject = mem_printf("%s:%s", kind, c->before->name);
    _cleanup_free_ char *new_subject = mem_printf("%s:%s", kind, c->name);
    snapshot_iter_init(&it, c->snapshot, KIND_BINDING, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct binding_spec *spec = binding_spec_of(d);
        if (spec && streq(spec->subject, subject))
            fn(c, plan, d, new_subject);
    }
}

/* A later user or token of the same name must not inherit what this one was given. */
static void remove_binding(
    const struct intent *c, struct plan *plan, const struct doc *binding, const char *new_subject)
{
    (void)c;
    (void)new_subject;
    txn_delete(plan->txn, KIND_BINDING, binding->uuid, binding->revision);
}

/* Puts a document as it is but for one text of its spec. */
static void put_member(
    const struct intent *c, struct plan *plan, const struct doc *d, const char *member, const char *value)
{
    _cleanup_json_ json_t *spec = NULL, *labels = json_object();
    if (json_parse(d->spec, d->spec_len, "document", &spec, NULL) < 0)
        return;
    json_object_set_new(spec, member, json_string(value));
    for (size_t i = 0; i < d->n_labels; i++)
        json_object_set_new(labels, d->labels[i].key, json_string(d->labels[i].value));
    _cleanup_free_ char *spec_text = json_text(spec), *labels_text = json_text(labels);
    txn_put(plan->txn, &(struct put){.kind = d->kind,
                           .uuid = d->uuid,
                           .name = d->name,
                           .expected = d->revision,
                           .modified_ms = c->now_ms,
                           .labels = labels_text,
                           .description = d->description,
                           .spec = spec_text});
}

static void move_binding(
    const struct intent *c, struct plan *plan, const struct doc *binding, const char *new_subject)
{
    put_member(c, plan, binding, "subject", new_subject);
}

/* ---- tokens of a user ---- */

static void each_token(const struct intent *c, struct plan *plan,
    void (*fn)(const struct intent *c, struct plan *plan, const struct doc *token))
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_TOKEN, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        _cleanup_json_ json_t *private = NULL;
        if (json_parse(d->private, strlen(d->private), "token", &private, NULL) == 0 &&
            streq(json_get_str(private, TOKEN_USER_KEY, ""), c->uuid))
            fn(c, plan, d);
    }
}

static void remove_token(const struct intent *c, struct plan *plan, const struct doc *token)
{
    (void)c;
    txn_delete(plan->txn, KIND_TOKEN, token->uuid, token->revision);
}

static void rename_user_of_token(const struct intent *c, struct plan *plan, const struct doc *token)
{
    put_member(c, plan, token, "user", c->name);
}

static bool is_renamed(const struct intent *c)
{
    return c->before && !streq(c->before->name, c->name);
}

static int user_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct user_spec *spec = c->spec;
    (void)core;
    struct err why;
    if (spec->password && password_check(spec->password, c->name, &why) < 0)
        violation_add(v, "/spec/password", "%s", why.detail);
    if (v->n)
        return 0;
    if (require_user_rights(c, e) < 0)
        return -1;
    _cleanup_free_ char *private = NULL;
    if (c->password_hash) {
        _cleanup_json_ json_t *json = json_pack("{s:s}", USER_PASSWORD_KEY, c->password_hash);
        private = json_text(json);
    }
    plan_put(plan, c, private);
    if (is_renamed(c)) {
        each_binding(c, plan, move_binding);
        each_token(c, plan, rename_user_of_token);
    }
    return 0;
}

/* Tokens and bindings of a deleted user mean nothing any more; they go with it. */
static int user_remove(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    if (c->by && c->by->user_uuid && streq(c->by->user_uuid, c->uuid)) {
        err_set(e, ERR_STATE, "you cannot delete the user that you are signed in as");
        return err_hint(e, "sign in as another administrator");
    }
    if (require_rights_of_user(c, c->before, e) < 0)
        return -1;
    each_token(c, plan, remove_token);
    each_binding(c, plan, remove_binding);
    txn_delete(plan->txn, KIND_USER, c->uuid, c->before->revision);
    return 0;
}

static void user_status(
    struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    (void)core;
    (void)s;
    (void)detail;
    buf_printf(
        out, "\"has_password\":%s", strstr(d->private, "\"" USER_PASSWORD_KEY "\"") ? "true" : "false");
}

const struct kind_ops user_kind = {
    .help = "Who signs in", .put = user_put, .remove = user_remove, .status = user_status};

/* ---- roles ---- */

static int require_role_permissions(const struct intent *c, const struct role_spec *spec, struct err *e)
{
    struct permission_set set = {0};
    for (size_t i = 0; i < spec->n_permissions; i++)
        if (permission_set_add(&set, spec->permissions[i], e) < 0)
            return -1;
    return c->by ? access_require_all(c->by, &set, e) : 0;
}

/* A binding that outlived its role would give whatever a later role of that name holds. */
static int check_not_given(const struct intent *c, struct err *e)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_BINDING, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct binding_spec *spec = binding_spec_of(d);
        if (!spec || !streq(spec->role, c->before->name))
            continue;
        err_set(e, ERR_IN_USE, "role %s is given by binding %s", c->before->name, d->name);
        return err_hint(e, "delete the bindings of this role first, or take permissions out of it");
    }
    return 0;
}

static int role_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct role_spec *spec = c->spec;
    struct err why;
    (void)core;
    if (access_role_is_builtin(c->name))
        return err_set(e, ERR_EXISTS, "the role %s is built in and cannot be changed", c->name);
    for (size_t i = 0; i < spec->n_permissions; i++) {
        struct permission_set one = {0};
        char at[48];
        snprintf(at, sizeof(at), "/spec/permissions/%zu", i);
        if (permission_set_add(&one, spec->permissions[i], &why) < 0)
            violation_add(v, at, "%s", why.detail);
    }
    if (v->n)
        return 0;
    if (require_role_permissions(c, spec, e) < 0 || (is_renamed(c) && check_not_given(c, e) < 0))
        return -1;
    plan_put(plan, c, NULL);
    if (is_renamed(c))
        txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    return 0;
}

static int role_remove(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    if (check_not_given(c, e) < 0)
        return -1;
    txn_delete(plan->txn, KIND_ROLE, c->uuid, c->before->revision);
    txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    return 0;
}

static int plain_remove(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    (void)core;
    (void)e;
    txn_delete(plan->txn, c->kind, c->uuid, c->before->revision);
    return 0;
}

const struct kind_ops role_kind = {.help = "Sets of permissions", .put = role_put, .remove = role_remove};

/* ---- bindings ---- */

static int require_role(const struct intent *c, const char *role, struct err *e)
{
    struct permission_set set;
    struct err ignored;
    if (!c->by || !c->access || access_role(c->access, role, &set, &ignored) < 0)
        return 0;
    return access_require_all(c->by, &set, e);
}

static int binding_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct binding_spec *spec = c->spec;
    struct err why;
    (void)core;
    const struct doc *role = snapshot_by_name(c->snapshot, KIND_ROLE, spec->role);
    if (access_check_binding(c->spec_json, &why) < 0)
        violation_add(v, "/spec", "%s", why.detail);
    else if (!role && !access_role_is_builtin(spec->role))
        violation_add(v, "/spec/role", "there is no role \"%s\"", spec->role);
    if (v->n)
        return 0;
    if (require_role(c, spec->role, e) < 0)
        return -1;
    plan_put(plan, c, NULL);
    if (role) /* whoever gives it more meanwhile has not asked this caller */
        txn_require(plan->txn, KIND_ROLE, role->uuid, role->revision);
    return 0;
}

const struct kind_ops binding_kind = {
    .help = "Who has which role on what", .put = binding_put, .remove = plain_remove};

/* ---- tokens ---- */

/* A token of somebody else is a way to act as them: only who may do everything may make one. */
static int require_user(const struct intent *c, const char *user, struct err *e)
{
    if (!c->by || c->by->type == PRINCIPAL_ROOT || (c->by->user && streq(c->by->user, user)))
        return 0;
    struct permission_set all = {0};
    return permission_set_add(&all, "*", e) < 0 ? -1 : access_require_all(c->by, &all, e);
}

/* A token makes no token that can do more than itself: it has to say what the new one is for. */
static int require_token_limits(const struct intent *c, const struct token_spec *spec, struct err *e)
{
    struct permission_set set = {0};
    if (!c->by || c->by->type != PRINCIPAL_TOKEN)
        return 0;
    if (!spec->role && !spec->n_permissions)
        return permission_set_add(&set, "*", e) < 0 ? -1 : access_require_all(c->by, &set, e);
    for (size_t i = 0; i < spec->n_permissions; i++)
        if (permission_set_add(&set, spec->permissions[i], e) < 0)
            return -1;
    if (spec->role && !spec->n_permissions && access_role(c->access, spec->role, &set, e) < 0)
        return -1;
    return access_require_all(c->by, &set, e);
}

/* What is bound to a token's name goes to whoever takes that name. */
static int require_name(const struct intent *c, struct err *e)
{
    if (!c->by || !c->access || (c->before && !is_renamed(c)))
        return 0;
    _cleanup_free_ char *subject = mem_printf("token:%s", c->name);
    return require_rights_of(c, subject, e);
}

static int token_put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct token_spec *spec = c->spec;
    uint64_t expires;
    (void)core;
    if (spec->expires && (!time_parse(spec->expires, &expires) || (!c->before && expires <= c->now_ms)))
        violation_add(v, "/spec/expires", "must be a time in the future");
    struct err why;
    if (access_check_token(c->spec_json, &why) < 0)
        violation_add(v, "/spec", "%s", why.detail);
    const char *user = spec->user ? spec->user : c->by ? c->by->user : NULL;
    const struct doc *user_doc = user ? snapshot_by_name(c->snapshot, KIND_USER, user) : NULL;
    if (!user)
        violation_add(v, "/spec/user", "is required: root has no user of its own");
    else if (!user_doc)
        violation_add(v, "/spec/user", "there is no user \"%s\"", user);
    if (v->n)
        return 0;
    if (require_user(c, user, e) < 0 || require_token_limits(c, spec, e) < 0 || require_name(c, e) < 0)
        return -1;
    json_object_set_new(c->spec_json, "user", json_string(user));
    if (c->before) {
        plan_put(plan, c, NULL);
        if (is_renamed(c))
            each_binding(c, plan, move_binding);
        return 0;
    }
    _cleanup_free_ char *private = NULL;
    plan->secret = token_secret_new(user_doc->uuid, &private);
    plan_put(plan, c, private);
    return 0;
}

static int token_remove(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    each_binding(c, plan, remove_binding);
    return plain_remove(core, c, plan, e);
}

const struct kind_ops token_kind = {.help = "Secrets for programs", .put = token_put, .remove = token_remove};
