#include "api/filter.h"

#include "base/json.h"
#include "schema/kind_objects.h"

#define TERMS_MAX 32

enum term_op { OP_EQUAL, OP_NOT_EQUAL, OP_CONTAINS };

struct term {
    const char *path;
    const char *value;
    enum term_op op;
};

struct filter {
    char *text;
    struct term terms[TERMS_MAX];
    size_t n;
};

void filter_free(struct filter *f)
{
    if (!f)
        return;
    free(f->text);
    free(f);
}

static bool parse_term(char *text, struct term *ret)
{
    char *op = text + strcspn(text, "=!~");
    if (op == text || !*op)
        return false;
    ret->path = text;
    if (op[0] == '!' && op[1] == '=') {
        ret->op = OP_NOT_EQUAL;
        ret->value = op + 2;
    } else if (op[0] == '!') {
        return false;
    } else {
        ret->op = op[0] == '=' ? OP_EQUAL : OP_CONTAINS;
        ret->value = op + 1;
    }
    *op = '\0';
    return true;
}

/* A field that does not exist would match nothing, and nobody would be told of the slip. */
static int check_path(enum kind kind, const char *path, struct err *e)
{
    const struct object *within;
    if (kind_has_path(kind, path, &within))
        return 0;
    err_set(e, ERR_INVALID, "%s have no field \"%.100s\"", kind_plural(kind), path);
    if (!within)
        return err_hint(e, "a field is named by its path: it begins with metadata, spec%s",
            kind_status_object(kind) == OBJECT_NONE ? "" : " or status");
    _cleanup_buf_ struct buf names = {0};
    for (size_t i = 0; i < within->n_fields; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", within->fields[i].name);
    return err_hint(e, "there are: %s", names.data);
}

int filter_parse(enum kind kind, const char *text, struct filter **ret, struct err *e)
{
    struct filter *f = mem_new(struct filter, 1);
    f->text = mem_strdup(text);
    char *rest = NULL;
    for (char *part = strtok_r(f->text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        if (f->n == TERMS_MAX) {
            filter_free(f);
            return err_set(e, ERR_INVALID, "the filter has more than %d terms", TERMS_MAX);
        }
        if (!parse_term(part, &f->terms[f->n])) {
            err_set(e, ERR_INVALID, "the filter term \"%.100s\" is not path=value, path!=value or path~part",
                part);
            filter_free(f);
            return err_hint(e, "terms look like status.state=running,metadata.labels.team=a");
        }
        if (check_path(kind, f->terms[f->n++].path, e) < 0) {
            filter_free(f);
            return -1;
        }
    }
    *ret = f;
    return 0;
}

static bool scalar_text(const json_t *value, char *out, size_t size)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING: snprintf(out, size, "%s", json_string_value(value)); return true;
    case JSON_INTEGER: snprintf(out, size, "%lld", (long long)json_integer_value(value)); return true;
    case JSON_REAL: snprintf(out, size, "%g", json_real_value(value)); return true;
    case JSON_TRUE: snprintf(out, size, "true"); return true;
    case JSON_FALSE: snprintf(out, size, "false"); return true;
    default: out[0] = '\0'; return false;
    }
}

/* A list matches when one of its elements does. */
static bool value_matches(const json_t *value, const struct term *t)
{
    char text[1100];
    if (json_is_array(value)) {
        size_t i;
        json_t *item;
        json_array_foreach ((json_t *)(uintptr_t)value, i, item)
            if (value_matches(item, t))
                return true;
        return false;
    }
    if (!scalar_text(value, text, sizeof(text)))
        return false;
    return t->op == OP_CONTAINS ? strstr(text, t->value) != NULL : streq(text, t->value);
}

/* A key that contains dots itself (a label) is the rest of the path; of a list any element will do. */
static bool path_matches(const json_t *value, const char *path, const struct term *t)
{
    if (json_is_array(value)) {
        size_t i;
        json_t *item;
        json_array_foreach ((json_t *)(uintptr_t)value, i, item)
            if (path_matches(item, path, t))
                return true;
        return false;
    }
    const json_t *whole = json_object_get(value, path);
    const char *dot = strchr(path, '.');
    if (whole || !dot)
        return value_matches(whole, t);
    char key[128];
    snprintf(key, sizeof(key), "%.*s", (int)MIN_OF((size_t)(dot - path), sizeof(key) - 1), path);
    return path_matches(json_object_get(value, key), dot + 1, t);
}

bool filter_matches(const struct filter *f, const char *json, size_t n)
{
    _cleanup_json_ json_t *value = NULL;
    if (json_parse(json, n, "item", &value, NULL) < 0)
        return false;
    for (size_t i = 0; i < f->n; i++)
        if (path_matches(value, f->terms[i].path, &f->terms[i]) == (f->terms[i].op == OP_NOT_EQUAL))
            return false;
    return true;
}

struct projection {
    char *text;
    char *paths[TERMS_MAX];
    size_t n;
};

void projection_free(struct projection *p)
{
    if (!p)
        return;
    free(p->text);
    free(p);
}

int projection_parse(enum kind kind, const char *text, struct projection **ret, struct err *e)
{
    struct projection *p = mem_new(struct projection, 1);
    p->text = mem_strdup(text);
    char *rest = NULL;
    for (char *part = strtok_r(p->text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        if (p->n == TERMS_MAX) {
            projection_free(p);
            return err_set(e, ERR_INVALID, "fields names more than %d members", TERMS_MAX);
        }
        if (check_path(kind, part, e) < 0) {
            projection_free(p);
            return -1;
        }
        p->paths[p->n++] = part;
    }
    *ret = p;
    return 0;
}

static json_t *member_or_new(json_t *out, const char *key, json_t *fresh)
{
    json_t *present = json_object_get(out, key);
    if (present) {
        json_decref(fresh);
        return present;
    }
    json_object_set_new(out, key, fresh);
    return fresh;
}

static void put_path(json_t *out, const json_t *in, const char *path);

/* Each element cut in the same way, at its place. */
static void put_list(json_t *out, const char *key, const json_t *list, const char *path)
{
    json_t *cut = member_or_new(out, key, json_array()), *item;
    size_t i;
    json_array_foreach ((json_t *)(uintptr_t)list, i, item) {
        if (i == json_array_size(cut))
            json_array_append_new(cut, json_object());
        put_path(json_array_get(cut, i), item, path);
    }
}

/* Puts what `in` has at a dotted path into `out`, making the objects on the way. */
static void put_path(json_t *out, const json_t *in, const char *path)
{
    const char *dot = strchr(path, '.');
    json_t *whole = json_object_get(in, path);
    if (whole || !dot) {
        if (whole)
            json_object_set(out, path, whole);
        return;
    }
    char key[128];
    snprintf(key, sizeof(key), "%.*s", (int)MIN_OF((size_t)(dot - path), sizeof(key) - 1), path);
    const json_t *value = json_object_get(in, key);
    if (json_is_array(value))
        put_list(out, key, value, dot + 1);
    else if (json_is_object(value))
        put_path(member_or_new(out, key, json_object()), value, dot + 1);
}

void projection_apply(const struct projection *p, struct buf *text, size_t start)
{
    _cleanup_json_ json_t *in = NULL, *out = json_object();
    if (json_parse(text->data + start, text->len - start, "item", &in, NULL) < 0)
        return;
    for (size_t i = 0; i < p->n; i++)
        put_path(out, in, p->paths[i]);
    _cleanup_free_ char *shown = json_text(out);
    text->len = start;
    buf_str(text, shown);
}
