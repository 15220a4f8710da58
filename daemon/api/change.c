/* Changes: PUT, PATCH, DELETE and actions share one way from the body to the answer. A change is
 * planned on a snapshot and proposed with the revisions that it was planned on; when another change
 * came first and the caller named no revision, it is planned again. */
#include "api/handlers.h"

#include "auth/password.h"
#include "auth/secret.h"
#include "base/crypto.h"
#include "core/guest.h"
#include "core/image_url.h"
#include "core/plan.h"
#include "core/task.h"
#include "schema/bind.h"

#define TRIES_MAX 8

enum change_type { CHANGE_PUT, CHANGE_PATCH, CHANGE_DELETE, CHANGE_ACTION };

struct change_state {
    struct request *r;
    enum change_type type;
    json_t *body; /* as it came; NULL for deletes and actions without one */
    unsigned tries;
    bool hashed; /* a worker has tried, well or not */
    char *password_hash;
    /* of the current try */
    struct snapshot *s;
    struct doc *before;
    struct arena arena;
    struct intent intent;
    json_t *desired; /* {"metadata":…, "spec":…} */
    char *labels, *description;
    char *login; /* of an image's URL */
    struct plan plan;
    struct violations v;
    char uuid[UUID_LEN + 1];              /* a new resource keeps its uuid over the tries */
    char request_key[SHA256_HEX_LEN + 1]; /* "" without an idempotency key */
};

static void try_clear(struct change_state *c)
{
    plan_clear(&c->plan);
    json_decref(c->desired);
    c->desired = NULL;
    arena_free(&c->arena);
    free(TAKE_PTR(c->labels));
    free(TAKE_PTR(c->description));
    secret_clear(TAKE_PTR(c->login));
    snapshot_unref(TAKE_PTR(c->s));
    c->v.n = 0;
}

static void change_free(struct change_state *c)
{
    try_clear(c);
    json_decref(c->body);
    free(c->password_hash);
    free(c);
}

static int kind_of(const struct change_state *c)
{
    return c->r->route->kind;
}

/* ---- preconditions and rights ---- */

/* Whether an If-Match or If-None-Match list names this ETag; "*" stands for whatever exists. */
static bool etag_listed(const char *header, const struct doc *d)
{
    char etag[32];
    if (!d)
        return false;
    if (streq(header, "*"))
        return true;
    etag_of(d, etag);
    return strstr(header, etag) != NULL;
}

static int check_preconditions(struct change_state *c, struct err *e)
{
    const struct request_head *h = &c->r->head;
    const char *kind = kind_singular((enum kind)kind_of(c));
    if (h->if_none_match && etag_listed(h->if_none_match, c->before)) {
        err_set(e, ERR_PRECONDITION, "a %s \"%s\" exists already", kind, c->before->name);
        return err_hint(e, "choose another name, or replace the one that is there");
    }
    if (!h->if_match || etag_listed(h->if_match, c->before))
        return 0;
    if (!c->before)
        return err_set(e, ERR_PRECONDITION, "there is no %s \"%s\"", kind, c->r->name);
    err_set(e, ERR_PRECONDITION, "%s \"%s\" was changed meanwhile: its revision is %llu now", kind,
        c->before->name, (unsigned long long)c->before->revision);
    return err_hint(e, "get it again, look at the difference, and send your change anew");
}

static permission_id verb_permission(const struct change_state *c, enum access_verb verb)
{
    return (permission_id)(kind_of(c) << 8 | (int)verb);
}

/* On what is there, and on what it becomes: a rename or other labels need the right for both. */
static int check_rights(struct change_state *c, struct err *e)
{
    struct principal *p = c->r->principal;
    permission_id route_permission;
    if (!permission_parse(c->r->route->permission, &route_permission))
        return err_set(e, ERR_INTERNAL, "unknown permission %s", c->r->route->permission);
    if (c->before &&
        access_require(p, route_permission, c->before->name, c->before->labels, c->before->n_labels, e) < 0)
        return -1;
    return c->before || (c->type != CHANGE_PUT && c->type != CHANGE_PATCH) ? 0
           : access_scope(p, verb_permission(c, VERB_CREATE)) == ACCESS_NONE
               ? access_require(p, verb_permission(c, VERB_CREATE), NULL, NULL, 0, e)
               : 0;
}

static int check_new_rights(struct change_state *c, struct err *e)
{
    struct label labels[64];
    size_t n = 0;
    const char *key;
    json_t *value;
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(c->labels, strlen(c->labels), "labels", &json, e) < 0)
        return -1;
    json_object_foreach (json, key, value) {
        size_t at = n++;
        for (; at && strcmp(labels[at - 1].key, key) > 0; at--)
            labels[at] = labels[at - 1];
        labels[at] = (struct label){key, json_string_value(value)};
        if (n == ARRAY_SIZE(labels))
            break;
    }
    permission_id permission = verb_permission(c, c->before ? VERB_UPDATE : VERB_CREATE);
    return access_require(c->r->principal, permission, c->intent.name, labels, n, e);
}

/* ---- from the body to the intent ---- */

/* What is there, as a client would send it: the base of a merge patch. */
static json_t *current_input(const struct doc *d)
{
    _cleanup_buf_ struct buf text = {0};
    json_t *json = NULL;
    buf_add(&text, d->fragment, d->fragment_len);
    buf_str(&text, "}");
    json_parse(text.data, text.len, "document", &json, NULL);
    return json;
}

static void check_members(struct change_state *c)
{
    static const char *const known[] = {"metadata", "spec", "status"};
    const char *key;
    json_t *value;
    json_object_foreach (c->desired, key, value) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            found |= streq(key, known[i]);
        char pointer[80];
        snprintf(pointer, sizeof(pointer), "/%.70s", key);
        if (!found)
            violation_add(&c->v, pointer, "is not a known field: a resource has metadata and spec");
    }
}

/* Read-only members may be sent back as they were; another value is a mistake. */
static int check_read_only(struct change_state *c, const struct metadata_input *m, struct err *e)
{
    if (m->uuid && !streq(m->uuid, c->intent.uuid))
        violation_add(&c->v, "/metadata/uuid", "cannot be chosen or changed");
    if (!m->revision || (c->before && (uint64_t)m->revision == c->before->revision))
        return 0;
    if (!c->before)
        return err_set(e, ERR_PRECONDITION, "there is no %s \"%s\" any more: metadata.revision asks for one",
            kind_singular((enum kind)kind_of(c)), c->r->name);
    err_set(e, ERR_PRECONDITION, "%s \"%s\" was changed meanwhile: its revision is %llu now, not %lld",
        kind_singular((enum kind)kind_of(c)), c->before->name, (unsigned long long)c->before->revision,
        (long long)m->revision);
    return err_hint(e, "get it again, look at the difference, and send your change anew");
}

struct fixed_check {
    struct change_state *c;
};

static void note_difference(
    void *arg, const struct field *f, const char *pointer, const json_t *before, const json_t *after)
{
    struct change_state *c = arg;
    bool element = (f->type == FIELD_OBJECTS || f->type == FIELD_STRINGS) &&
                   pointer[strlen(pointer) - 1] >= '0' && pointer[strlen(pointer) - 1] <= '9';
    if (f->flags & FIELD_FIXED && !element) {
        violation_add(
            &c->v, pointer, "is fixed when the %s is created", kind_singular((enum kind)kind_of(c)));
        return;
    }
    bool restart = f->flags & FIELD_RESTART;
    json_t *effect = json_pack("{s:s, s:s}", "pointer", pointer, "effect", restart ? "restart" : "now");
    json_object_set(effect, "before", (json_t *)(uintptr_t)(before ? before : json_null()));
    json_object_set(effect, "after", (json_t *)(uintptr_t)(after ? after : json_null()));
    json_array_append_new(c->plan.effects, effect);
    c->plan.needs_restart |= restart;
}

/* The name in the path is the resource's; another one in the metadata renames it. */
static void take_metadata(struct change_state *c, const struct metadata_input *m)
{
    const char *path_name = c->before ? c->before->name : c->r->name;
    json_t *labels = json_object_get(json_object_get(c->desired, "metadata"), "labels");
    c->intent.name = m->name ? m->name : arena_strdup(&c->arena, path_name);
    c->labels = labels ? json_text(labels) : mem_strdup("{}");
    c->description = mem_strdup(m->description);
    c->intent.labels = c->labels;
    c->intent.description = c->description;
    if (!c->before && m->name && !streq(m->name, c->r->name))
        violation_add(&c->v, "/metadata/name", "differs from the name in the path");
    if (!format_check(FORMAT_name, c->intent.name) || strlen(c->intent.name) > 63)
        violation_add(&c->v, "/metadata/name", "must be 1 to 63 %s", format_of(FORMAT_name)->help);
}

static int decode_desired(struct change_state *c, struct err *e)
{
    enum object_id spec_object = kind_spec_object((enum kind)kind_of(c));
    if (!json_is_object(c->desired))
        return err_set(e, ERR_MALFORMED, "the request body must be an object with metadata and spec");
    check_members(c);
    json_t *metadata = json_object_get(c->desired, "metadata"), *spec = json_object_get(c->desired, "spec");
    if (!metadata) {
        metadata = json_object();
        json_object_set_new(c->desired, "metadata", metadata);
    }
    if (!spec) {
        spec = json_object();
        json_object_set_new(c->desired, "spec", spec);
    }
    if (kind_of(c) == KIND_IMAGE)
        c->intent.login = c->login = image_url_take_login(spec);
    struct metadata_input m = {0};
    decode_object(OBJECT_metadata_input, metadata, "/metadata", &c->arena, &m, &c->v);
    void *typed = arena_alloc(&c->arena, object_size(spec_object));
    decode_object(spec_object, spec, "/spec", &c->arena, typed, &c->v);
    take_metadata(c, &m);
    c->intent.spec = typed;
    c->intent.spec_json = spec;
    if (check_read_only(c, &m, e) < 0)
        return -1;
    _cleanup_json_ json_t *old = NULL;
    if (c->before && json_parse(c->before->spec, c->before->spec_len, "document", &old, e) < 0)
        return -1;
    if (old && json_is_object(spec))
        diff_objects(spec_object, old, spec, "/spec", note_difference, c);
    return 0;
}

static int make_desired(struct change_state *c, struct err *e)
{
    if (c->type == CHANGE_PUT) {
        c->desired = json_deep_copy(c->body);
        return 0;
    }
    if (!c->before)
        return find_resource(c->r, c->s, &c->before, e);
    if (!json_is_object(c->body))
        return err_set(e, ERR_MALFORMED, "a merge patch must be an object");
    c->desired = json_merge_patch(current_input(c->before), c->body);
    /* The base's own revision would act as a precondition. */
    json_t *sent = json_object_get(json_object_get(c->body, "metadata"), "revision");
    if (!sent)
        json_object_del(json_object_get(c->desired, "metadata"), "revision");
    return 0;
}

static int decode_power(struct change_state *c, struct err *e)
{
    enum object_id input = c->r->route->input;
    if (input == OBJECT_NONE) {
        if (c->body && json_object_size(c->body))
            return err_set(e, ERR_INVALID, "this action takes no input");
        return 0;
    }
    _cleanup_json_ json_t *in = c->body ? json_deep_copy(c->body) : json_object();
    struct power_input *power = arena_alloc(&c->arena, object_size(input));
    decode_object(input, in, "", &c->arena, power, &c->v);
    c->intent.power = power;
    (void)e;
    return 0;
}

/* ---- the answer ---- */

static void answer_error(struct change_state *c, const struct err *e)
{
    reply_error(c->r, e, &c->v);
    change_free(c);
}

static void answer_plan(struct change_state *c)
{
    _cleanup_json_ json_t *steps = json_array(), *plan = json_object();
    size_t i;
    json_t *step;
    json_array_foreach (c->plan.steps, i, step)
        json_array_append(steps, json_object_get(step, "text"));
    const char *change = c->type == CHANGE_DELETE   ? "delete"
                         : c->type == CHANGE_ACTION ? "action"
                         : c->before                ? "update"
                                                    : "create";
    bool runs = kind_of(c) == KIND_GUEST && c->before &&
                inventory_state(c->r->api->core->inventory, c->before->uuid) == GUEST_RUNNING;
    json_object_set_new(plan, "dry_run", json_true());
    json_object_set_new(plan, "change", json_string(change));
    json_object_set(plan, "effects", c->plan.effects);
    json_object_set(plan, "steps", steps);
    json_object_set_new(plan, "needs_restart", json_boolean(c->plan.needs_restart && runs));
    json_object_set_new(plan, "task", json_boolean(c->plan.task[0] != '\0'));
    if (c->desired)
        json_object_set(plan, "resource", c->desired);
    _cleanup_free_ char *text = json_text(plan);
    reply(c->r, &(struct reply){.status = 200, .body = text, .len = strlen(text), .outcome = "dry-run"});
    change_free(c);
}

/* A new token is shown with its secret, this once. */
static void answer_secret(
    struct change_state *c, struct snapshot *s, const struct doc *d, const char *location)
{
    _cleanup_buf_ struct buf text = {0};
    char etag[32];
    resource_text(c->r->api->core, s, d, true, &text);
    text.len--;
    buf_str(&text, ",\"secret\":");
    buf_json(&text, c->plan.secret);
    buf_str(&text, "}");
    etag_of(d, etag);
    reply(c->r, &(struct reply){
                    .status = 201, .body = text.data, .len = text.len, .etag = etag, .location = location});
}

static void answer_done(struct change_state *c)
{
    struct request *r = c->r;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    const char *uuid = c->before ? c->before->uuid : c->uuid;
    struct doc *d = snapshot_by_uuid(s, (enum kind)kind_of(c), uuid);
    _cleanup_free_ char *location = d ? mem_printf("/api/v1/%s/%s", kind_plural(d->kind), d->name) : NULL;
    if (!d)
        reply_no_content(r);
    else if (c->plan.secret)
        answer_secret(c, s, d, location);
    else
        reply_resource(r, c->before ? 200 : 201, s, d, c->before ? NULL : location);
    change_free(c);
}

static void attempt(struct change_state *c);

static void committed(void *arg, const struct commit_result *result)
{
    struct change_state *c = arg;
    struct request *r = c->r;
    if (result->error) {
        struct err e = *result->error;
        if (e.code == ERR_PRECONDITION && !r->head.if_match && ++c->tries < TRIES_MAX) {
            attempt(c);
            return;
        }
        answer_error(c, &e);
        return;
    }
    if (!c->plan.task[0]) {
        answer_done(c);
        return;
    }
    char task[UUID_LEN + 1];
    memcpy(task, c->plan.task, sizeof(task));
    _cleanup_free_ char *location = mem_printf("/api/v1/tasks/%s", task);
    change_free(c);
    wait_for_task(r, task, prefer_wait(r), 202, location);
}

/* ---- idempotency keys ---- */

static int check_request_key(struct change_state *c, struct doc **ret_earlier, struct err *e)
{
    struct request *r = c->r;
    *ret_earlier = NULL;
    if (!r->head.idempotency_key || !streq(r->head.method, "POST"))
        return 0;
    size_t n = strlen(r->head.idempotency_key);
    if (!n || n > 200)
        return err_set(e, ERR_INVALID, "an Idempotency-Key has 1 to 200 characters");
    _cleanup_free_ char *key = mem_printf("%s\n%s", r->principal->who, r->head.idempotency_key);
    sha256_hex(key, strlen(key), c->request_key);
    *ret_earlier = snapshot_by_name(c->s, KIND_REQUEST, c->request_key);
    return 0;
}

static char *fingerprint(const struct request *r)
{
    _cleanup_free_ char *text =
        mem_printf("%s %s?%s\n%s", r->head.method, r->head.path, r->head.query ? r->head.query : "", r->body);
    char *hex = mem_alloc(SHA256_HEX_LEN + 1);
    sha256_hex(text, strlen(text), hex);
    return hex;
}

/* The same key again: the same answer as it is now, nothing done twice. */
static int answer_earlier(struct change_state *c, const struct doc *earlier, struct err *e)
{
    struct request *r = c->r;
    _cleanup_json_ json_t *was = NULL;
    _cleanup_free_ char *print = fingerprint(r);
    if (json_parse(earlier->spec, earlier->spec_len, "request", &was, e) < 0)
        return -1;
    if (!streq(json_get_str(was, "fingerprint", ""), print)) {
        err_set(e, ERR_KEY_REUSED, "the Idempotency-Key was used for another request");
        return err_hint(e, "make a new key for each request that is not a retry");
    }
    _cleanup_free_ char *task = mem_strdup(json_get_str(was, "task", NULL));
    if (!task) {
        answer_done(c);
        return 0;
    }
    _cleanup_free_ char *location = mem_printf("/api/v1/tasks/%s", task);
    change_free(c);
    wait_for_task(r, task, prefer_wait(r), 202, location);
    return 0;
}

static void put_request_key(struct change_state *c)
{
    char uuid[UUID_LEN + 1];
    if (!c->request_key[0])
        return;
    _cleanup_free_ char *print = fingerprint(c->r);
    _cleanup_json_ json_t *spec = json_pack("{s:s}", "fingerprint", print);
    if (c->plan.task[0])
        json_object_set_new(spec, "task", json_string(c->plan.task));
    _cleanup_free_ char *text = json_text(spec);
    uuid_new(uuid);
    txn_put(c->plan.txn, &(struct put){.kind = KIND_REQUEST,
                             .uuid = uuid,
                             .name = c->request_key,
                             .expected = REVISION_NONE,
                             .created_ms = c->intent.now_ms,
                             .modified_ms = c->intent.now_ms,
                             .spec = text});
}

/* ---- one try ---- */

static void hash_password(void *arg)
{
    struct change_state *c = arg;
    const char *password = json_get_str(json_get_obj(c->body, "spec"), "password", NULL);
    struct err e;
    if (password && strlen(password) <= PASSWORD_MAX)
        password_hash(password, &c->password_hash, &e);
}

static void hash_done(void *arg)
{
    struct change_state *c = arg;
    c->hashed = true;
    attempt(c);
}

static bool needs_hash(const struct change_state *c)
{
    return kind_of(c) == KIND_USER && !c->hashed && c->body &&
           json_get_str(json_get_obj(c->body, "spec"), "password", NULL) &&
           (c->type == CHANGE_PUT || c->type == CHANGE_PATCH) &&
           strlen(json_get_str(json_get_obj(c->body, "spec"), "password", "")) <= PASSWORD_MAX;
}

static void begin_intent(struct change_state *c)
{
    struct request *r = c->r;
    c->intent = (struct intent){
        .snapshot = c->s,
        .kind = (enum kind)kind_of(c),
        .before = c->before,
        .name = c->before ? c->before->name : r->name,
        .user = r->principal->who,
        .now_ms = clock_unix_ms(r->api->core->clock),
        .start = query_true(r, QUERY_INDEX_START),
        .purge = query_true(r, QUERY_INDEX_PURGE),
        .force = query_true(r, QUERY_INDEX_FORCE),
        .password_hash = c->password_hash,
        .access = r->api->access,
        .by = r->principal,
    };
    memcpy(c->intent.uuid, c->before ? c->before->uuid : c->uuid, sizeof(c->intent.uuid));
}

static int plan_write(struct change_state *c, const struct kind_ops *ops, struct err *e)
{
    if (!ops->put)
        return err_set(
            e, ERR_UNSUPPORTED, "a %s cannot be changed here", kind_singular((enum kind)kind_of(c)));
    if (make_desired(c, e) < 0 || decode_desired(c, e) < 0)
        return -1;
    if (c->v.n)
        return violations_err(&c->v, e);
    if (check_new_rights(c, e) < 0)
        return -1;
    struct doc *taken = snapshot_by_name(c->s, (enum kind)kind_of(c), c->intent.name);
    if (taken && !streq(taken->uuid, c->intent.uuid))
        return err_set(e, ERR_EXISTS, "a %s \"%s\" exists already", kind_singular(taken->kind), taken->name);
    if (ops->put(c->r->api->core, &c->intent, &c->plan, &c->v, e) < 0)
        return -1;
    return violations_err(&c->v, e);
}

static int make_plan(struct change_state *c, struct err *e)
{
    const struct kind_ops *ops = kind_ops_of((enum kind)kind_of(c));
    struct core *core = c->r->api->core;
    switch (c->type) {
    case CHANGE_PUT:
    case CHANGE_PATCH: return plan_write(c, ops, e);
    case CHANGE_DELETE:
        if (!ops->remove)
            return err_set(
                e, ERR_UNSUPPORTED, "a %s cannot be deleted", kind_singular((enum kind)kind_of(c)));
        return ops->remove(core, &c->intent, &c->plan, e);
    case CHANGE_ACTION:
        if (decode_power(c, e) < 0 || violations_err(&c->v, e) < 0)
            return -1;
        return plan_action(core, &c->intent, strrchr(c->r->route->path, '/') + 1, &c->plan, e);
    }
    return -1;
}

/* A create that names a uuid: in the path finds by it; anything else by name. */
static int find_before(struct change_state *c, struct err *e)
{
    struct err missing;
    if (find_resource(c->r, c->s, &c->before, &missing) == 0)
        return 0;
    c->before = NULL;
    if (c->type == CHANGE_PUT && !text_starts(c->r->name, "uuid:"))
        return 0;
    *e = missing;
    return -1;
}

/* What is possible on a full disk, too. */
static bool frees_room(const struct change_state *c)
{
    static const char *const actions[] = {"stop", "shutdown"};
    const char *action = c->type == CHANGE_ACTION ? strrchr(c->r->route->path, '/') + 1 : "";
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (streq(action, actions[i]))
            return true;
    return c->type == CHANGE_DELETE;
}

static void attempt(struct change_state *c)
{
    struct err e = {0};
    struct doc *earlier = NULL;
    try_clear(c);
    c->s = registry_snapshot(c->r->api->registry);
    plan_init(&c->plan);
    int r =
        find_before(c, &e) < 0 || check_rights(c, &e) < 0 || check_request_key(c, &earlier, &e) < 0 ? -1 : 0;
    if (r == 0 && earlier) {
        if (answer_earlier(c, earlier, &e) < 0)
            answer_error(c, &e);
        return;
    }
    if (r == 0 && check_preconditions(c, &e) < 0)
        r = -1;
    if (r == 0 && needs_hash(c)) {
        workers_submit(c->r->api->password_workers, hash_password, hash_done, c);
        return;
    }
    if (r == 0 && c->hashed && !c->password_hash)
        r = err_set(&e, ERR_INTERNAL, "the password could not be hashed");
    begin_intent(c);
    if (r < 0 || make_plan(c, &e) < 0) {
        answer_error(c, &e);
        return;
    }
    if (query_true(c->r, QUERY_INDEX_DRY_RUN)) {
        answer_plan(c);
        return;
    }
    put_request_key(c);
    if (frees_room(c))
        txn_frees_room(c->plan.txn);
    registry_propose(c->r->api->registry, TAKE_PTR(c->plan.txn), committed, c);
}

static int parse_body(struct request *r, bool needed, json_t **ret, struct err *e)
{
    *ret = NULL;
    if (needed && !r->body_len) {
        err_set(e, ERR_MALFORMED, "the request has no body");
        return err_hint(e, "send a JSON object with metadata and spec");
    }
    if (r->body_len && json_parse(r->body, r->body_len, "the request body", ret, e) < 0)
        return -1;
    if (*ret && !json_is_object(*ret)) {
        json_decref(*ret);
        return err_set(e, ERR_MALFORMED, "the request body must be a JSON object");
    }
    return 0;
}

static int begin(struct request *r, enum change_type type, struct err *e)
{
    json_t *body;
    if (parse_body(r, type == CHANGE_PUT || type == CHANGE_PATCH, &body, e) < 0)
        return -1;
    struct change_state *c = mem_new(struct change_state, 1);
    c->r = r;
    c->type = type;
    c->body = body;
    uuid_new(c->uuid);
    attempt(c);
    return 0;
}

int h_put(struct request *r, struct err *e)
{
    return begin(r, CHANGE_PUT, e);
}

int h_patch(struct request *r, struct err *e)
{
    return begin(r, CHANGE_PATCH, e);
}

int h_remove(struct request *r, struct err *e)
{
    return begin(r, CHANGE_DELETE, e);
}

int h_act(struct request *r, struct err *e)
{
    return begin(r, CHANGE_ACTION, e);
}

/* The host goes down: from now on nothing is restarted, and no stop becomes anybody's wish. */
static int plan_stop_guests(struct change_state *c, struct err *e)
{
    struct core *core = c->r->api->core;
    if (find_resource(c->r, c->s, &c->before, e) < 0 || check_rights(c, e) < 0 || decode_power(c, e) < 0 ||
        violations_err(&c->v, e) < 0)
        return -1;
    if (!c->before || !streq(c->before->uuid, core->node_uuid))
        return err_set(e, ERR_UNAVAILABLE, "node %s does not answer", c->r->name);
    long long timeout = (long long)c->intent.power->timeout_s;
    const struct power_input *power = c->intent.power;
    begin_intent(c);
    c->intent.power = power;
    _cleanup_free_ char *arg = mem_printf("%lld", timeout);
    plan_step(&c->plan, "guest.stop-all", c->before->uuid, arg, "shut down all guests, %lld s for each group",
        timeout);
    plan_task_end(&c->plan, &c->intent, "node.stop-guests");
    guest_watch_host_stopping(core);
    return 0;
}

int h_node_action(struct request *r, struct err *e)
{
    json_t *body;
    if (parse_body(r, false, &body, e) < 0)
        return -1;
    struct change_state *c = mem_new(struct change_state, 1);
    *c = (struct change_state){
        .r = r, .type = CHANGE_ACTION, .body = body, .s = registry_snapshot(r->api->registry)};
    plan_init(&c->plan);
    if (plan_stop_guests(c, e) < 0)
        answer_error(c, e);
    else {
        txn_frees_room(c->plan.txn);
        registry_propose(r->api->registry, TAKE_PTR(c->plan.txn), committed, c);
    }
    return 0;
}
