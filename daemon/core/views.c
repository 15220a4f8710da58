#include "core/views.h"

#include "core/core.h"

static void *view_build(const struct doc *d)
{
    struct view *v = mem_new(struct view, 1);
    v->spec = decode_stored(kind_spec_object(d->kind), d->spec, d->spec_len, &v->arena);
    if (kind_record_object(d->kind) != OBJECT_NONE)
        v->record = decode_stored(kind_record_object(d->kind), d->private, strlen(d->private), &v->arena);
    return v;
}

static void view_free(void *view)
{
    struct view *v = view;
    arena_free(&v->arena);
    free(v);
}

static const struct view_hook hook = {.build = view_build, .free = view_free};

void core_set_views(void)
{
    for (enum kind k = 0; k < KIND_COUNT; k++)
        if (kind_spec_object(k) != OBJECT_NONE)
            registry_set_view(k, &hook);
}

#define DEFINE_VIEW(object, kind_, member)                                                                   \
    const struct object *object##_of(const struct doc *d)                                                    \
    {                                                                                                        \
        return d && d->kind == (kind_) && d->view ? ((const struct view *)d->view)->member : NULL;           \
    }

DEFINE_VIEW(guest_spec, KIND_GUEST, spec)
DEFINE_VIEW(guest_record, KIND_GUEST, record)
DEFINE_VIEW(volume_spec, KIND_VOLUME, spec)
DEFINE_VIEW(volume_record, KIND_VOLUME, record)
DEFINE_VIEW(pool_spec, KIND_POOL, spec)
DEFINE_VIEW(network_spec, KIND_NETWORK, spec)
DEFINE_VIEW(network_record, KIND_NETWORK, record)
DEFINE_VIEW(image_spec, KIND_IMAGE, spec)
DEFINE_VIEW(image_record, KIND_IMAGE, record)
DEFINE_VIEW(task_spec, KIND_TASK, spec)
DEFINE_VIEW(task_record, KIND_TASK, record)
DEFINE_VIEW(node_spec, KIND_NODE, spec)
DEFINE_VIEW(setting_spec, KIND_SETTING, spec)
DEFINE_VIEW(binding_spec, KIND_BINDING, spec)
DEFINE_VIEW(user_spec, KIND_USER, spec)
