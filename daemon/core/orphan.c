#include "core/orphan.h"

#include <pthread.h>

#include "base/json.h"
#include "base/log.h"
#include "core/task.h"

/* Held while orphans are tried again: a start that takes one over does so before or after, not in between. */
static pthread_mutex_t retry_lock = PTHREAD_MUTEX_INITIALIZER;

/* The documents of what was to be made go with the failed task: what a retry needs of them is kept here. */
static void add_whereabouts(struct core *core, const struct step_record *step, json_t *value)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    const char *uuid = step->object ? step->object : "";
    const struct volume_record *volume = volume_record_of(snapshot_by_uuid(s, KIND_VOLUME, uuid));
    const struct guest_spec *guest = guest_spec_of(snapshot_by_uuid(s, KIND_GUEST, uuid));
    if (volume)
        json_object_set_new(value, "pool", json_string(volume->pool));
    if (guest)
        json_object_set_new(value, "type", json_integer(guest->type));
}

void orphan_add(
    struct core *core, const char *task_uuid, const struct step_record *step, const struct err *why)
{
    _cleanup_free_ char *key =
        mem_printf("%s %s %s", task_uuid, step->step, step->object ? step->object : "");
    _cleanup_json_ json_t *value = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s}", "task", task_uuid, "step",
        step->step, "object", step->object, "arg", step->arg, "text", step->text, "error", why->detail);
    add_whereabouts(core, step, value);
    _cleanup_free_ char *text = json_text(value);
    registry_local_put(core->registry, "orphans", key, text);
    log_warning("left over after task %s, will be tried again: %s: %s", task_uuid,
        step->text ? step->text : step->step, why->detail);
}

struct retry {
    struct core *core;
    json_t *list; /* [{key, value}] */
};

static void collect(void *arg, const char *key, const char *value)
{
    struct retry *r = arg;
    json_t *orphan = NULL;
    if (json_parse(value, strlen(value), "orphan", &orphan, NULL) == 0)
        json_array_append_new(r->list, json_pack("{s:s, s:o}", "key", key, "value", orphan));
}

static json_t *orphans_list(struct core *core)
{
    struct retry r = {.core = core, .list = json_array()};
    registry_local_each(core->registry, "orphans", collect, &r, NULL);
    return r.list;
}

static void forget(struct core *core, const json_t *item)
{
    registry_local_put(core->registry, "orphans", json_get_str(item, "key", ""), NULL);
}

static void retry_one(struct core *core, const json_t *item)
{
    json_t *value = json_object_get(item, "value");
    struct step_record step = {
        .step = json_get_str(value, "step", ""),
        .object = json_get_str(value, "object", NULL),
        .arg = json_get_str(value, "arg", NULL),
        .text = json_get_str(value, "text", NULL),
    };
    const struct step_type *type = step_type_named(step.step);
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct step_context c = {.core = core,
        .step = &step,
        .snapshot = s,
        .orphan_pool = json_get_str(value, "pool", NULL),
        .orphan_type = (int)json_get_int(value, "type", -1)};
    struct err e;
    if (!type || !type->undo || type->undo(&c, &e) == 0)
        forget(core, item);
}

void orphans_retry(struct core *core)
{
    pthread_mutex_lock(&retry_lock);
    _cleanup_json_ json_t *list = orphans_list(core);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        retry_one(core, item);
    pthread_mutex_unlock(&retry_lock);
}

static bool is_of_guest(const struct doc *guest, const char *object)
{
    const struct guest_record *r = guest_record_of(guest);
    bool found = streq(object, guest->uuid);
    for (size_t i = 0; r && i < r->n_disks; i++)
        found |= streq(object, r->disks[i].volume);
    return found;
}

void orphans_take_over(struct core *core, const struct doc *guest)
{
    pthread_mutex_lock(&retry_lock);
    _cleanup_json_ json_t *list = orphans_list(core);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        if (is_of_guest(guest, json_get_str(json_object_get(item, "value"), "object", "")))
            forget(core, item);
    pthread_mutex_unlock(&retry_lock);
}

char *orphans_text(struct core *core)
{
    _cleanup_json_ json_t *list = orphans_list(core), *values = json_array();
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        json_array_append(values, json_object_get(item, "value"));
    return json_text(values);
}
