#include "schema/compare.h"

#include <stdlib.h>

#include "base/text.h"
#include "schema/bind.h"
#include "schema/pointer.h"
#include "schema/specs.h"

struct value {
    const void *at;
    size_t n; /* lists and maps */
};

static struct value value_of(const struct field *f, const char *object)
{
    const struct binding *b = binding_of(f);
    return (struct value){.at = object + b->offset,
        .n = b->count_offset ? *(const size_t *)(const void *)(object + b->count_offset) : 0};
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? streq(a, b) : a == b;
}

static bool same_strings(const struct value *a, const struct value *b)
{
    const char *const *x = *(const char *const *const *)a->at, *const *y = *(const char *const *const *)b->at;
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_text(x[i], y[i]))
            return false;
    return true;
}

/* Keys are in no order. */
static bool same_map(const struct value *a, const struct value *b)
{
    const struct string_pair *x = *(const struct string_pair *const *)a->at,
                             *y = *(const struct string_pair *const *)b->at;
    size_t same = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            same += streq(x[i].key, y[k].key) && same_text(x[i].value, y[k].value);
    return a->n == b->n && same == a->n;
}

static bool same_value(const struct field *f, const struct value *a, const struct value *b)
{
    switch (f->type) {
    case FIELD_STRING: return same_text(*(const char *const *)a->at, *(const char *const *)b->at);
    case FIELD_INT: return *(const int64_t *)a->at == *(const int64_t *)b->at;
    case FIELD_SIZE: return *(const uint64_t *)a->at == *(const uint64_t *)b->at;
    case FIELD_BOOL: return *(const bool *)a->at == *(const bool *)b->at;
    case FIELD_ENUM: return *(const int *)a->at == *(const int *)b->at;
    case FIELD_STRINGS: return same_strings(a, b);
    case FIELD_MAP: return same_map(a, b);
    default: abort(); /* the caller walks into these */
    }
}

/* The element of `list` that stands for this one: of its name, or where elements have none, at its place.
 * NULL when there is none. */
static const char *counterpart(
    const struct field *f, const struct value *list, const char *item, size_t place)
{
    const struct field *name = object_field((enum object_id)f->ref, "name");
    size_t size = object_size((enum object_id)f->ref);
    const char *items = *(const char *const *)list->at;
    if (!items)
        return NULL;
    if (!name)
        return place < list->n ? items + place * size : NULL;
    size_t offset = binding_of(name)->offset;
    const char *wanted = *(const char *const *)(const void *)(item + offset);
    for (size_t i = 0; i < list->n; i++)
        if (same_text(*(const char *const *)(const void *)(items + i * size + offset), wanted))
            return items + i * size;
    return NULL;
}

static void compare_lists(const struct field *f, const struct value *before, const struct value *after,
    const char *pointer, compare_fn *fn, void *arg)
{
    size_t size = object_size((enum object_id)f->ref), kept = 0;
    const char *items = *(const char *const *)after->at;
    for (size_t i = 0; i < after->n; i++) {
        const char *item = items + i * size, *old = counterpart(f, before, item, i);
        char at[POINTER_MAX];
        pointer_index(at, pointer, i);
        kept += old != NULL;
        if (old)
            compare_objects((enum object_id)f->ref, old, item, at, fn, arg);
        else
            fn(arg, f, at);
    }
    if (kept < before->n)
        fn(arg, f, pointer);
}

void compare_objects(
    enum object_id id, const void *before, const void *after, const char *pointer, compare_fn *fn, void *arg)
{
    const struct object *o = object_of(id);
    for (size_t i = 0; i < o->n_fields; i++) {
        const struct field *f = &o->fields[i];
        struct value a = value_of(f, before), b = value_of(f, after);
        char at[POINTER_MAX];
        pointer_join(at, pointer, f->name);
        if (f->type == FIELD_OBJECTS) {
            compare_lists(f, &a, &b, at, fn, arg);
            continue;
        }
        if (f->type != FIELD_OBJECT) {
            if (!same_value(f, &a, &b))
                fn(arg, f, at);
            continue;
        }
        const void *x = *(const void *const *)a.at, *y = *(const void *const *)b.at;
        if (x && y)
            compare_objects((enum object_id)f->ref, x, y, at, fn, arg);
        else if (x || y)
            fn(arg, f, at);
    }
}
