#include "schema/kind_objects.h"

#include <string.h>

#include "base/mem.h"

static const struct {
    enum object_id spec;
    enum object_id record;
    enum object_id status;
} objects[KIND_COUNT] = {
    [KIND_NODE] = {OBJECT_node_spec, OBJECT_node_record, OBJECT_node_status},
    [KIND_GUEST] = {OBJECT_guest_spec, OBJECT_guest_record, OBJECT_guest_status},
    [KIND_POOL] = {OBJECT_pool_spec, OBJECT_NONE, OBJECT_pool_status},
    [KIND_VOLUME] = {OBJECT_volume_spec, OBJECT_volume_record, OBJECT_volume_status},
    [KIND_IMAGE] = {OBJECT_image_spec, OBJECT_image_record, OBJECT_image_status},
    [KIND_NETWORK] = {OBJECT_network_spec, OBJECT_network_record, OBJECT_network_status},
    [KIND_USER] = {OBJECT_user_spec, OBJECT_NONE, OBJECT_user_status},
    [KIND_ROLE] = {OBJECT_role_spec, OBJECT_NONE, OBJECT_NONE},
    [KIND_BINDING] = {OBJECT_binding_spec, OBJECT_NONE, OBJECT_NONE},
    [KIND_TOKEN] = {OBJECT_token_spec, OBJECT_NONE, OBJECT_NONE},
    [KIND_TASK] = {OBJECT_task_spec, OBJECT_task_record, OBJECT_task_status},
    [KIND_SCHEDULE] = {OBJECT_NONE, OBJECT_NONE, OBJECT_NONE},
    [KIND_RULE] = {OBJECT_NONE, OBJECT_NONE, OBJECT_NONE},
    [KIND_SETTING] = {OBJECT_setting_spec, OBJECT_NONE, OBJECT_NONE},
    [KIND_REQUEST] = {OBJECT_NONE, OBJECT_NONE, OBJECT_NONE},
};

enum object_id kind_spec_object(enum kind kind)
{
    return objects[kind].spec;
}

enum object_id kind_record_object(enum kind kind)
{
    return objects[kind].record;
}

enum object_id kind_status_object(enum kind kind)
{
    return objects[kind].status;
}

static enum object_id part_of(enum kind kind, const char *name, size_t n)
{
    const struct {
        const char *name;
        enum object_id object;
    } parts[] = {
        {"metadata", OBJECT_metadata_input}, {"spec", objects[kind].spec}, {"status", objects[kind].status}};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (strlen(parts[i].name) == n && strncmp(parts[i].name, name, n) == 0)
            return parts[i].object;
    return OBJECT_NONE;
}

static const struct field *field_named(const struct object *o, const char *name, size_t n)
{
    for (size_t i = 0; i < o->n_fields; i++)
        if (strlen(o->fields[i].name) == n && strncmp(o->fields[i].name, name, n) == 0)
            return &o->fields[i];
    return NULL;
}

bool kind_has_path(enum kind kind, const char *path, const struct object **ret_within)
{
    size_t n = strcspn(path, ".");
    enum object_id id = part_of(kind, path, n);
    *ret_within = NULL;
    while (id != OBJECT_NONE) {
        if (!path[n])
            return true;
        *ret_within = object_of(id);
        path += n + 1;
        n = strcspn(path, ".");
        const struct field *f = field_named(*ret_within, path, n);
        if (!f)
            return false;
        if (!path[n] || f->type == FIELD_MAP) /* its keys are free, and may have dots */
            return true;
        id = f->type == FIELD_OBJECT || f->type == FIELD_OBJECTS ? (enum object_id)f->ref : OBJECT_NONE;
        *ret_within = NULL;
    }
    return false;
}
