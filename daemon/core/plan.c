#include "core/plan.h"

#include <stdarg.h>

void plan_init(struct plan *plan)
{
    *plan = (struct plan){.txn = txn_new(), .steps = json_array(), .effects = json_array()};
}

void plan_clear(struct plan *plan)
{
    txn_free(plan->txn);
    json_decref(plan->steps);
    json_decref(plan->effects);
    free(plan->secret);
    *plan = (struct plan){0};
}

char *record_text(enum object_id id, const void *record)
{
    struct buf text = {0};
    encode_object(id, record, &text);
    return buf_take(&text);
}

void plan_put(struct plan *plan, const struct intent *c, const char *private)
{
    _cleanup_free_ char *spec = json_text(c->spec_json);
    txn_put(plan->txn, &(struct put){
                           .kind = c->kind,
                           .uuid = c->uuid,
                           .name = c->name,
                           .expected = c->before ? c->before->revision : REVISION_NONE,
                           .created_ms = c->before ? 0 : c->now_ms,
                           .modified_ms = c->now_ms,
                           .labels = c->labels,
                           .description = c->description,
                           .spec = spec,
                           .private = private,
                       });
}

void plan_step(
    struct plan *plan, const char *step, const char *object, const char *arg, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    char words[512];
    vsnprintf(words, sizeof(words), text, args);
    va_end(args);
    json_t *record = json_pack("{s:s, s:s, s:s}", "step", step, "object", object, "text", words);
    if (arg)
        json_object_set_new(record, "arg", json_string(arg));
    json_array_append_new(plan->steps, record);
}

void plan_task_end(struct plan *plan, const struct intent *c, const char *action)
{
    uuid_new_at(c->now_ms, plan->task);
    _cleanup_json_ json_t *spec = json_pack("{s:s, s:{s:s, s:s, s:s}}", "action", action, "object", "kind",
        kind_singular(c->kind), "name", c->name, "uuid", c->uuid);
    if (c->user)
        json_object_set_new(spec, "user", json_string(c->user));
    _cleanup_json_ json_t *record = json_pack("{s:O}", "steps", plan->steps);
    _cleanup_free_ char *spec_text = json_text(spec), *record_json = json_text(record);
    txn_put(plan->txn, &(struct put){
                           .kind = KIND_TASK,
                           .uuid = plan->task,
                           .name = plan->task,
                           .expected = REVISION_NONE,
                           .created_ms = c->now_ms,
                           .modified_ms = c->now_ms,
                           .spec = spec_text,
                           .private = record_json,
                       });
}

static const struct kind_ops *const kinds[KIND_COUNT] = {
    [KIND_NODE] = &node_kind,
    [KIND_GUEST] = &guest_kind,
    [KIND_POOL] = &pool_kind,
    [KIND_VOLUME] = &volume_kind,
    [KIND_IMAGE] = &image_kind,
    [KIND_NETWORK] = &network_kind,
    [KIND_TASK] = &task_kind,
    [KIND_SETTING] = &setting_kind,
    [KIND_USER] = &user_kind,
    [KIND_ROLE] = &role_kind,
    [KIND_BINDING] = &binding_kind,
    [KIND_TOKEN] = &token_kind,
};

const struct kind_ops *kind_ops_of(enum kind kind)
{
    static const struct kind_ops none;
    return kinds[kind] ? kinds[kind] : &none;
}

int plan_action(
    struct core *core, const struct intent *c, const char *action, struct plan *plan, struct err *e)
{
    switch (c->kind) {
    case KIND_GUEST: return guest_plan_action(core, c, action, plan, e);
    case KIND_VOLUME: return volume_plan_action(core, c, action, plan, e);
    default: return err_set(e, ERR_UNSUPPORTED, "a %s has no action %s", kind_singular(c->kind), action);
    }
}
