#include "schema/decode.h"

#include "schema/bind.h"
#include "schema/pointer.h"
#include "schema/specs.h"

struct decoding {
    struct arena *arena;
    struct violations *violations;
    bool stored; /* the server wrote it: only what cannot be represented is wrong */
};

static void decode_members(
    const struct decoding *d, enum object_id id, json_t *in, const char *pointer, void *out);

static void wrong_type(const struct decoding *d, const char *pointer, const char *wanted, const json_t *in)
{
    static const char *const names[] = {[JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "a list",
        [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a number with a fraction",
        [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",
        [JSON_NULL] = "null"};
    violation_add(d->violations, pointer, "must be %s, not %s", wanted, names[json_typeof(in)]);
}

static void check_range(const struct decoding *d, const struct field *f, const char *pointer, int64_t value)
{
    if (d->stored || (!f->min && !f->max))
        return;
    if (value >= f->min && value <= f->max)
        return;
    if (f->type == FIELD_SIZE) {
        char low[TEXT_SIZE_MAX], high[TEXT_SIZE_MAX];
        violation_add(d->violations, pointer, "must be %s to %s", text_size_str((uint64_t)f->min, low),
            text_size_str((uint64_t)f->max, high));
    } else {
        violation_add(d->violations, pointer, "must be %lld to %lld", (long long)f->min, (long long)f->max);
    }
}

static const char *decode_text(
    const struct decoding *d, int format, int64_t min, int64_t max, const json_t *in, const char *pointer)
{
    if (!json_is_string(in)) {
        wrong_type(d, pointer, "a string", in);
        return NULL;
    }
    const char *s = json_string_value(in);
    size_t n = json_string_length(in);
    if (d->stored)
        return arena_strdup(d->arena, s);
    if (max && (n < (size_t)min || n > (size_t)max)) {
        violation_add(d->violations, pointer, "must be %lld to %lld bytes long, it has %zu", (long long)min,
            (long long)max, n);
        return NULL;
    }
    if (!format_check(format, s)) {
        violation_add(d->violations, pointer, "must be %s", format_of(format)->help);
        return NULL;
    }
    return arena_strdup(d->arena, s);
}

static void decode_size(
    const struct decoding *d, const struct field *f, json_t *in, const char *pointer, uint64_t *out)
{
    uint64_t value = 0;
    if (json_is_integer(in) && json_integer_value(in) >= 0)
        value = (uint64_t)json_integer_value(in);
    else if (!json_is_string(in) || !text_size(json_string_value(in), &value)) {
        violation_add(d->violations, pointer,
            "must be bytes as a whole number, or text such as \"512 MiB\" or \"10GiB\"");
        return;
    }
    check_range(d, f, pointer, (int64_t)value);
    *out = value;
}

static void decode_enum(
    const struct decoding *d, const struct field *f, const json_t *in, const char *pointer, int *out)
{
    const struct enumeration *values = enumeration_of(f->ref);
    int index = json_is_string(in) ? enumeration_index(f->ref, json_string_value(in)) : -1;
    if (index >= 0) {
        *out = index;
        return;
    }
    _cleanup_buf_ struct buf list = {0};
    for (size_t i = 0; i < values->n_values; i++)
        buf_printf(
            &list, "%s\"%s\"", i ? (i + 1 == values->n_values ? " or " : ", ") : "", values->values[i]);
    violation_add(d->violations, pointer, "must be %s", list.data);
}

static bool list_ok(const struct decoding *d, const struct field *f, const json_t *in, const char *pointer)
{
    if (!json_is_array(in)) {
        wrong_type(d, pointer, "a list", in);
        return false;
    }
    size_t n = json_array_size(in);
    if (!d->stored && (n < (size_t)f->min || n > (size_t)f->max)) {
        violation_add(d->violations, pointer, "must have %lld to %lld elements, it has %zu",
            (long long)f->min, (long long)f->max, n);
        return false;
    }
    return true;
}

/* Elements of a list of objects that have a name must have different ones. */
static void check_names_differ(const struct decoding *d, json_t *in, const char *pointer)
{
    for (size_t i = 1; i < json_array_size(in); i++)
        for (size_t j = 0; j < i; j++) {
            const char *a = json_get_str(json_array_get(in, i), "name", NULL);
            const char *b = json_get_str(json_array_get(in, j), "name", NULL);
            char at[POINTER_MAX];
            if (!a || !b || !streq(a, b))
                continue;
            pointer_index(at, pointer, i);
            violation_add(d->violations, at, "\"%.60s\" is already the name of element %zu", a, j);
            break;
        }
}

static void decode_objects(const struct decoding *d, const struct field *f, json_t *in, const char *pointer,
    char **out, size_t *count)
{
    if (!list_ok(d, f, in, pointer))
        return;
    size_t n = json_array_size(in), size = object_size((enum object_id)f->ref);
    char *items = arena_alloc(d->arena, n * size);
    for (size_t i = 0; i < n; i++) {
        char at[POINTER_MAX];
        pointer_index(at, pointer, i);
        decode_members(d, (enum object_id)f->ref, json_array_get(in, i), at, items + i * size);
    }
    check_names_differ(d, in, pointer);
    *out = items;
    *count = n;
}

static void decode_strings(const struct decoding *d, const struct field *f, const json_t *in,
    const char *pointer, const char ***out, size_t *count)
{
    if (!list_ok(d, f, in, pointer))
        return;
    size_t n = json_array_size(in);
    const char **items = arena_alloc(d->arena, n * sizeof(*items));
    for (size_t i = 0; i < n; i++) {
        char at[POINTER_MAX];
        pointer_index(at, pointer, i);
        items[i] = decode_text(d, f->ref, 1, 256, json_array_get(in, i), at);
    }
    *out = items;
    *count = n;
}

static void decode_map(const struct decoding *d, const struct field *f, json_t *in, const char *pointer,
    struct string_pair **out, size_t *count)
{
    if (!json_is_object(in)) {
        wrong_type(d, pointer, "an object of strings", in);
        return;
    }
    if (!d->stored && json_object_size(in) > (size_t)f->max) {
        violation_add(d->violations, pointer, "must have at most %lld entries, it has %zu", (long long)f->max,
            json_object_size(in));
        return;
    }
    struct string_pair *pairs = arena_alloc(d->arena, json_object_size(in) * sizeof(*pairs));
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach (in, key, value) {
        char at[POINTER_MAX];
        pointer_join(at, pointer, key);
        if (!d->stored && !format_check(f->ref, key))
            violation_add(d->violations, at, "the key must be %s", format_of(f->ref)->help);
        pairs[n].key = arena_strdup(d->arena, key);
        pairs[n++].value = decode_text(d, FORMAT_text, 0, 1024, value, at);
    }
    *out = pairs;
    *count = n;
}

static void decode_field(
    const struct decoding *d, const struct field *f, json_t *in, const char *pointer, char *out)
{
    const struct binding *b = binding_of(f);
    void *at = out + b->offset;
    size_t *count = (size_t *)(void *)(out + b->count_offset);
    switch (f->type) {
    case FIELD_STRING: *(const char **)at = decode_text(d, f->ref, f->min, f->max, in, pointer); break;
    case FIELD_INT:
        if (!json_is_integer(in)) {
            wrong_type(d, pointer, "a whole number", in);
            break;
        }
        check_range(d, f, pointer, json_integer_value(in));
        *(int64_t *)at = json_integer_value(in);
        break;
    case FIELD_SIZE: decode_size(d, f, in, pointer, at); break;
    case FIELD_BOOL:
        if (json_is_boolean(in))
            *(bool *)at = json_is_true(in);
        else
            wrong_type(d, pointer, "true or false", in);
        break;
    case FIELD_ENUM: decode_enum(d, f, in, pointer, at); break;
    case FIELD_OBJECT: {
        void *object = arena_alloc(d->arena, object_size((enum object_id)f->ref));
        decode_members(d, (enum object_id)f->ref, in, pointer, object);
        *(void **)at = object;
        break;
    }
    case FIELD_OBJECTS: decode_objects(d, f, in, pointer, at, count); break;
    case FIELD_STRINGS: decode_strings(d, f, in, pointer, at, count); break;
    case FIELD_MAP: decode_map(d, f, in, pointer, at, count); break;
    case FIELD_NUMBER:
    case FIELD_NUMBERS: abort(); /* only in objects that are never decoded */
    }
}

/* A default is text in the table; it was written by us and fits its type (a test visits every row). */
static void set_fallback(const struct decoding *d, const struct field *f, char *out)
{
    void *at = out + binding_of(f)->offset;
    if (f->type == FIELD_OBJECT && f->flags & FIELD_PRESENT) {
        _cleanup_json_ json_t *empty = json_object();
        decode_field(d, f, empty, "", out);
    }
    if (!f->fallback)
        return;
    switch (f->type) {
    case FIELD_STRING: *(const char **)at = f->fallback; break;
    case FIELD_INT: *(int64_t *)at = strtoll(f->fallback, NULL, 10); break;
    case FIELD_SIZE: text_size(f->fallback, at); break;
    case FIELD_BOOL: *(bool *)at = streq(f->fallback, "true"); break;
    case FIELD_ENUM: *(int *)at = enumeration_index(f->ref, f->fallback); break;
    default: break;
    }
}

static void check_members(const struct decoding *d, enum object_id id, const json_t *in, const char *pointer)
{
    const struct object *o = object_of(id);
    const char *key;
    json_t *value;
    size_t known = 0;
    json_object_foreach ((json_t *)(uintptr_t)in, key, value) {
        char at[POINTER_MAX];
        if (object_field(id, key)) {
            known++;
            continue;
        }
        if (d->stored) /* of a newer release */
            continue;
        pointer_join(at, pointer, key);
        violation_add(d->violations, at, "is not a known field of %s", o->name);
    }
    if (o->flags & OBJECT_ONE_OF && known != 1) {
        _cleanup_buf_ struct buf names = {0};
        for (size_t i = 0; i < o->n_fields; i++)
            buf_printf(&names, "%s%s", i ? ", " : "", o->fields[i].name);
        violation_add(d->violations, *pointer ? pointer : "/", "must have exactly one of: %s", names.data);
    }
}

/* Sizes in bytes and no secrets: what is stored and shown. */
static void normalise(const struct field *f, json_t *in, const char *out)
{
    if (f->flags & FIELD_WRITE_ONLY)
        json_object_del(in, f->name);
    else if (f->type == FIELD_SIZE)
        json_object_set_new(
            in, f->name, json_integer(*(const int64_t *)(const void *)(out + binding_of(f)->offset)));
}

static void decode_members(
    const struct decoding *d, enum object_id id, json_t *in, const char *pointer, void *out)
{
    const struct object *o = object_of(id);
    if (!json_is_object(in)) {
        wrong_type(d, *pointer ? pointer : "/", "an object", in);
        return;
    }
    check_members(d, id, in, pointer);
    for (size_t i = 0; i < o->n_fields; i++) {
        const struct field *f = &o->fields[i];
        char at[POINTER_MAX];
        pointer_join(at, pointer, f->name);
        json_t *value = json_object_get(in, f->name);
        if (!value || json_is_null(value)) {
            json_object_del(in, f->name);
            if (f->flags & FIELD_REQUIRED)
                violation_add(d->violations, at, "is required: %s", f->help);
            set_fallback(d, f, out);
            continue;
        }
        size_t before = d->violations->n;
        decode_field(d, f, value, at, out);
        if (d->violations->n == before)
            normalise(f, in, out);
    }
}

void decode_object(
    enum object_id id, json_t *in, const char *pointer, struct arena *a, void *out, struct violations *v)
{
    decode_members(&(struct decoding){.arena = a, .violations = v}, id, in, pointer, out);
}

void *decode_stored(enum object_id id, const char *text, size_t n, struct arena *a)
{
    _cleanup_json_ json_t *json = NULL;
    struct violations *v = mem_new(struct violations, 1);
    void *out = arena_alloc(a, object_size(id));
    if (json_parse(text, n, "stored document", &json, NULL) < 0)
        out = NULL;
    else
        decode_members(&(struct decoding){.arena = a, .violations = v, .stored = true}, id, json, "", out);
    if (v->n)
        out = NULL;
    free(v);
    return out;
}

/* ---- encoding ---- */

static void encode_value(const struct field *f, const char *in, struct buf *out)
{
    const struct binding *b = binding_of(f);
    const void *at = in + b->offset;
    size_t n = b->count_offset ? *(const size_t *)(const void *)(in + b->count_offset) : 0;
    switch (f->type) {
    case FIELD_STRING: buf_json(out, *(const char *const *)at); break;
    case FIELD_INT: buf_i64(out, *(const int64_t *)at); break;
    case FIELD_SIZE: buf_u64(out, *(const uint64_t *)at); break;
    case FIELD_BOOL: buf_str(out, *(const bool *)at ? "true" : "false"); break;
    case FIELD_ENUM: buf_json(out, enumeration_of(f->ref)->values[*(const int *)at]); break;
    case FIELD_OBJECT: encode_object((enum object_id)f->ref, *(const void *const *)at, out); break;
    case FIELD_OBJECTS:
        buf_str(out, "[");
        for (size_t i = 0; i < n; i++) {
            buf_str(out, i ? "," : "");
            encode_object((enum object_id)f->ref,
                *(const char *const *)at + i * object_size((enum object_id)f->ref), out);
        }
        buf_str(out, "]");
        break;
    case FIELD_STRINGS:
        buf_str(out, "[");
        for (size_t i = 0; i < n; i++) {
            buf_str(out, i ? "," : "");
            buf_json(out, (*(const char *const *const *)at)[i]);
        }
        buf_str(out, "]");
        break;
    case FIELD_MAP:
        buf_str(out, "{");
        for (size_t i = 0; i < n; i++) {
            const struct string_pair *p = *(const struct string_pair *const *)at + i;
            buf_str(out, i ? "," : "");
            buf_json(out, p->key);
            buf_str(out, ":");
            buf_json(out, p->value);
        }
        buf_str(out, "}");
        break;
    case FIELD_NUMBER:
    case FIELD_NUMBERS: abort();
    }
}

static bool is_absent(const struct field *f, const char *in)
{
    const struct binding *b = binding_of(f);
    switch (f->type) {
    case FIELD_STRING:
    case FIELD_OBJECT: return !*(const void *const *)(const void *)(in + b->offset);
    case FIELD_OBJECTS:
    case FIELD_STRINGS:
    case FIELD_MAP: return !*(const size_t *)(const void *)(in + b->count_offset);
    case FIELD_SIZE: return !f->fallback && !*(const uint64_t *)(const void *)(in + b->offset);
    default: return false;
    }
}

void encode_object(enum object_id id, const void *in, struct buf *out)
{
    const struct object *o = object_of(id);
    bool first = true;
    buf_str(out, "{");
    for (size_t i = 0; i < o->n_fields; i++) {
        const struct field *f = &o->fields[i];
        if (f->flags & FIELD_WRITE_ONLY || is_absent(f, in))
            continue;
        buf_str(out, first ? "" : ",");
        first = false;
        buf_json(out, f->name);
        buf_str(out, ":");
        encode_value(f, in, out);
    }
    buf_str(out, "}");
}

/* ---- differences ---- */

static json_t *element_named(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach ((json_t *)(uintptr_t)list, i, item) {
        const char *n = json_get_str(item, "name", NULL);
        if (n && name && streq(n, name))
            return item;
    }
    return NULL;
}

static void diff_lists(const struct field *f, const json_t *before, const json_t *after, const char *pointer,
    diff_fn *fn, void *arg)
{
    size_t i;
    json_t *item;
    char at[POINTER_MAX];
    json_array_foreach ((json_t *)(uintptr_t)after, i, item) {
        json_t *old = element_named(before, json_get_str(item, "name", NULL));
        pointer_index(at, pointer, i);
        if (old)
            diff_objects((enum object_id)f->ref, old, item, at, fn, arg);
        else
            fn(arg, f, at, NULL, item);
    }
    json_array_foreach ((json_t *)(uintptr_t)before, i, item) {
        pointer_index(at, pointer, i);
        if (!element_named(after, json_get_str(item, "name", NULL)))
            fn(arg, f, at, item, NULL);
    }
}

void diff_objects(
    enum object_id id, const json_t *before, const json_t *after, const char *pointer, diff_fn *fn, void *arg)
{
    const struct object *o = object_of(id);
    for (size_t i = 0; i < o->n_fields; i++) {
        const struct field *f = &o->fields[i];
        const json_t *a = json_object_get(before, f->name), *b = json_object_get(after, f->name);
        char at[POINTER_MAX];
        pointer_join(at, pointer, f->name);
        if ((!a && !b) || (a && b && json_equal(a, b)))
            continue;
        if (f->type == FIELD_OBJECTS && object_field((enum object_id)f->ref, "name"))
            diff_lists(f, a, b, at, fn, arg);
        else if (f->type == FIELD_OBJECT && !(object_of((enum object_id)f->ref)->flags & OBJECT_ONE_OF))
            diff_objects((enum object_id)f->ref, a, b, at, fn, arg);
        else
            fn(arg, f, at, a, b);
    }
}
