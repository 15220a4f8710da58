/* Options come from the field rows: --memory 1GiB, --cpu.cores 2, --disk name=root,size=2GiB, --label k=v. */
#include "cli/cli.h"

#include <fcntl.h>

#include "base/fs.h"
#include "schema/kind_objects.h"
#include "wire/frame.h"

void request_parts_clear(struct request_parts *p)
{
    buf_free(&p->query);
    json_decref(p->metadata);
    json_decref(p->spec);
    json_decref(p->input);
    free(p->file);
}

void option_name(const struct field *f, char out[static OPTION_NAME_MAX])
{
    snprintf(out, OPTION_NAME_MAX, "%s", f->name);
    size_t n = strlen(out);
    bool repeated = f->type == FIELD_OBJECTS || f->type == FIELD_STRINGS || f->type == FIELD_MAP;
    if (repeated && n > 4 && streq(out + n - 4, "sses"))
        out[n - 2] = '\0';
    else if (repeated && n > 1 && out[n - 1] == 's')
        out[n - 1] = '\0';
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = '-';
}

static const struct field *field_for(enum object_id object, const char *option, size_t n)
{
    const struct object *o = object_of(object);
    for (size_t i = 0; i < o->n_fields; i++) {
        char name[OPTION_NAME_MAX];
        option_name(&o->fields[i], name);
        if (strlen(name) == n && strncmp(name, option, n) == 0 && !(o->fields[i].flags & FIELD_READ_ONLY))
            return &o->fields[i];
    }
    return NULL;
}

static json_t *scalar(const struct field *f, const char *value, struct err *e)
{
    char *end;
    switch (f->type) {
    case FIELD_INT: {
        long long number = strtoll(value, &end, 10);
        if (*value && !*end)
            return json_integer(number);
        err_set(e, ERR_INVALID, "%s must be a whole number, not \"%s\"", f->name, value);
        return NULL;
    }
    case FIELD_BOOL:
        if (streq(value, "true") || streq(value, "yes"))
            return json_true();
        if (streq(value, "false") || streq(value, "no"))
            return json_false();
        err_set(e, ERR_INVALID, "%s must be true or false, not \"%s\"", f->name, value);
        return NULL;
    default: {
        json_t *text = json_string(value);
        if (!text)
            err_set(e, ERR_INVALID, "%s is not valid UTF-8", f->name);
        return text;
    }
    }
}

static bool set_field(
    json_t *target, enum object_id object, const char *option, const char *value, struct err *e);

/* "name=root,size=2GiB" becomes an object of that kind. */
static json_t *object_from_pairs(enum object_id object, const char *text, struct err *e)
{
    _cleanup_free_ char *copy = mem_strdup(text);
    json_t *o = json_object();
    char *rest = NULL;
    for (char *pair = strtok_r(copy, ",", &rest); pair; pair = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(pair, '=');
        if (equals)
            *equals++ = '\0';
        if (!equals) {
            err_set(e, ERR_INVALID, "\"%s\" is not key=value", pair);
            json_decref(o);
            return NULL;
        }
        if (!set_field(o, object, pair, equals, e)) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static bool append(json_t *target, const char *name, json_t *item)
{
    json_t *list = json_object_get(target, name);
    if (!item)
        return false;
    if (!list) {
        list = json_array();
        json_object_set_new(target, name, list);
    }
    json_array_append_new(list, item);
    return true;
}

static bool set_map(json_t *target, const char *name, const char *value, struct err *e)
{
    const char *equals = strchr(value, '=');
    if (!equals) {
        err_set(e, ERR_INVALID, "\"%s\" is not key=value", value);
        return false;
    }
    json_t *map = json_object_get(target, name);
    if (!map) {
        map = json_object();
        json_object_set_new(target, name, map);
    }
    _cleanup_free_ char *key = mem_strndup(value, (size_t)(equals - value));
    json_object_set_new(map, key, json_string(equals + 1));
    return true;
}

static bool set_field(
    json_t *target, enum object_id object, const char *option, const char *value, struct err *e)
{
    size_t n = strcspn(option, ".");
    const struct field *f = field_for(object, option, n);
    if (!f) {
        err_set(e, ERR_INVALID, "there is no field %s in %s", option, object_of(object)->name);
        return false;
    }
    if (f->type == FIELD_OBJECT) {
        json_t *inner = json_object_get(target, f->name);
        if (!inner) {
            inner = json_object();
            json_object_set_new(target, f->name, inner);
        }
        if (option[n] == '.')
            return set_field(inner, (enum object_id)f->ref, option + n + 1, value, e);
        json_t *whole = object_from_pairs((enum object_id)f->ref, value, e);
        return whole && json_object_set_new(target, f->name, whole) == 0;
    }
    if (f->type == FIELD_OBJECTS)
        return append(target, f->name, object_from_pairs((enum object_id)f->ref, value, e));
    if (f->type == FIELD_STRINGS)
        return append(target, f->name, json_string(value));
    if (f->type == FIELD_MAP)
        return set_map(target, f->name, value, e);
    json_t *v = scalar(f, value, e);
    return v && json_object_set_new(target, f->name, v) == 0;
}

int query_named(const struct route *r, const char *option, size_t n)
{
    for (int i = 0; i < QUERY_INDEX_COUNT; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%s", query_parameters[i].name);
        for (char *p = name; *p; p++)
            if (*p == '_')
                *p = '-';
        if (route_query(r) & 1U << i && strlen(name) == n && strncmp(name, option, n) == 0)
            return i;
    }
    return -1;
}

static void add_query(struct buf *query, const char *name, const char *value)
{
    buf_printf(query, "%s%s=", query->len ? "&" : "", name);
    for (; *value; value++) {
        if (strchr("&%+#", *value) || (unsigned char)*value <= ' ')
            buf_printf(query, "%%%02X", (unsigned)(unsigned char)*value);
        else
            buf_add(query, value, 1);
    }
}

/* The value behind "=", or the next word. NULL with an error when there is none. */
static const char *value_of(int argc, char **argv, int *i, struct err *e)
{
    const char *equals = strchr(argv[*i], '=');
    if (equals)
        return equals + 1;
    if (*i + 1 < argc)
        return argv[++*i];
    err_set(e, ERR_INVALID, "%s needs a value", argv[*i]);
    return NULL;
}

/* Where an option of a field goes. */
struct place {
    json_t *target;
    enum object_id object;
};

static bool find_place(
    const struct command *c, const char *name, const struct request_parts *p, struct place *ret)
{
    enum object_id spec =
        c->route->flags & ROUTE_RESOURCE_IN ? kind_spec_object((enum kind)c->route->kind) : OBJECT_NONE;
    const struct place places[] = {{p->input, c->route->input}, {p->spec, spec},
        {p->metadata, spec == OBJECT_NONE ? OBJECT_NONE : OBJECT_metadata_input}};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if (places[i].object != OBJECT_NONE && field_for(places[i].object, name, strcspn(name, "."))) {
            *ret = places[i];
            return true;
        }
    return false;
}

/* The field that a name with dots leads to; NULL when there is none. */
static const struct field *field_at(enum object_id object, const char *name)
{
    size_t n = strcspn(name, ".");
    const struct field *f = field_for(object, name, n);
    return f && f->type == FIELD_OBJECT && name[n] ? field_at((enum object_id)f->ref, name + n + 1) : f;
}

static bool is_truth(const char *word)
{
    static const char *const words[] = {"true", "false", "yes", "no"};
    for (size_t i = 0; word && i < ARRAY_SIZE(words); i++)
        if (streq(word, words[i]))
            return true;
    return false;
}

static bool take_field(
    const struct command *c, int argc, char **argv, int *i, struct request_parts *p, struct err *e)
{
    const char *option = argv[*i] + 2;
    _cleanup_free_ char *name = mem_strndup(option, strcspn(option, "="));
    struct place at;
    if (!find_place(c, name, p, &at)) {
        err_set(e, ERR_INVALID, "%s %s has no option --%s",
            c->route->kind >= 0 ? kind_singular((enum kind)c->route->kind) : "this", c->verb, name);
        err_hint(e, "add --help for its options");
        return false;
    }
    const struct field *f = field_at(at.object, name);
    bool alone = f && f->type == FIELD_BOOL && !strchr(option, '=') &&
                 !is_truth(*i + 1 < argc ? argv[*i + 1] : NULL); /* --force is --force true */
    const char *value = alone ? "true" : value_of(argc, argv, i, e);
    p->any_field = true;
    return value && set_field(at.target, at.object, name, value, e);
}

bool option_take(
    const struct command *c, int argc, char **argv, int *i, struct request_parts *p, struct err *e)
{
    const char *option = argv[*i];
    if (!p->spec) {
        p->spec = json_object();
        p->metadata = json_object();
        p->input = json_object();
    }
    if (streq(option, "-f") || streq(option, "--file")) {
        const char *value = value_of(argc, argv, i, e);
        if (!value)
            return false;
        free(p->file);
        p->file = mem_strdup(value);
        return true;
    }
    if (!text_starts(option, "--")) {
        err_set(e, ERR_INVALID, "unexpected \"%s\"", option);
        return false;
    }
    option += 2;
    int query = query_named(c->route, option, strcspn(option, "="));
    if (query >= 0 && streq(query_parameters[query].type, "boolean")) {
        const char *equals = strchr(option, '=');
        add_query(&p->query, query_parameters[query].name, equals ? equals + 1 : "true");
        return true;
    }
    if (query < 0)
        return take_field(c, argc, argv, i, p, e);
    const char *value = value_of(argc, argv, i, e);
    if (value)
        add_query(&p->query, query_parameters[query].name, value);
    return value != NULL;
}

static int read_file(const char *path, json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    if (fs_read(AT_FDCWD, streq(path, "-") ? "/dev/stdin" : path, FRAME_PAYLOAD_MAX, &text, &n, e) < 0)
        return -1;
    return json_parse(text, n, path, ret, e);
}

int request_body(const struct command *c, struct request_parts *p, char **ret, struct err *e)
{
    _cleanup_json_ json_t *body = NULL;
    *ret = NULL;
    if (p->file && read_file(p->file, &body, e) < 0)
        return -1;
    if (!body && c->route->flags & ROUTE_RESOURCE_IN)
        body = json_object();
    if (!body && c->route->input != OBJECT_NONE)
        body = json_object();
    if (!body)
        return 0;
    if (c->route->flags & ROUTE_RESOURCE_IN) {
        _cleanup_json_ json_t *fields = json_object();
        if (json_object_size(p->metadata))
            json_object_set(fields, "metadata", p->metadata);
        if (json_object_size(p->spec) || (!p->file && streq(c->route->verb, "put")))
            json_object_set(fields, "spec", p->spec ? p->spec : json_null());
        json_t *merged = json_merge_patch(TAKE_PTR(body), fields);
        body = merged;
    } else if (p->input) {
        json_object_update(body, p->input);
    }
    *ret = json_text(body);
    return 0;
}

/* What may stand behind an option: for an enumeration its values, otherwise what it is. */
static void add_value(const struct field *f, struct buf *out)
{
    static const char *const values[] = {[FIELD_STRING] = "TEXT",
        [FIELD_INT] = "NUMBER",
        [FIELD_SIZE] = "SIZE",
        [FIELD_BOOL] = "[true|false]",
        [FIELD_OBJECTS] = "KEY=VALUE,...",
        [FIELD_STRINGS] = "TEXT",
        [FIELD_MAP] = "KEY=VALUE"};
    if (f->type != FIELD_ENUM) {
        buf_str(out, values[f->type]);
        return;
    }
    const struct enumeration *e = enumeration_of(f->ref);
    for (size_t i = 0; i < e->n_values; i++)
        buf_printf(out, "%s%s", i ? "|" : "", e->values[i]);
}

struct option_walk {
    option_fn *fn;
    void *arg;
    bool creates;  /* what is fixed can be given */
    bool required; /* what is required has to be: not in an object that may be left out */
};

static void each_key(const struct option_walk *w, enum object_id object);

static void tell_field(const struct option_walk *w, const struct field *f, const char *option, bool key)
{
    _cleanup_buf_ struct buf value = {0}, help = {0};
    bool repeated = f->type == FIELD_OBJECTS || f->type == FIELD_STRINGS || f->type == FIELD_MAP;
    add_value(f, &value);
    buf_printf(&help, "%s%s", f->help, repeated ? "; once for each" : "");
    w->fn(w->arg, &(struct option_row){.option = option,
                      .value = value.data,
                      .help = help.data,
                      .fallback = w->creates || key ? f->fallback : NULL,
                      .key = key,
                      .required = f->flags & FIELD_REQUIRED && (w->required || key)});
    if (f->type == FIELD_OBJECTS && !key)
        each_key(w, (enum object_id)f->ref);
}

static void each_key(const struct option_walk *w, enum object_id object)
{
    const struct object *o = object_of(object);
    for (size_t i = 0; i < o->n_fields; i++) {
        char name[OPTION_NAME_MAX];
        option_name(&o->fields[i], name);
        tell_field(w, &o->fields[i], name, true);
    }
}

static void each_field_option(const struct option_walk *w, enum object_id object, const char *prefix)
{
    const struct object *o = object_of(object);
    for (size_t i = 0; i < o->n_fields; i++) {
        const struct field *f = &o->fields[i];
        char name[OPTION_NAME_MAX], option[160];
        if (f->flags & FIELD_READ_ONLY || (f->flags & FIELD_FIXED && !w->creates))
            continue;
        option_name(f, name);
        snprintf(option, sizeof(option), "%s%s", prefix, name);
        if (f->type == FIELD_OBJECT) {
            char inner[168];
            struct option_walk below = *w;
            below.required = w->required && f->flags & (FIELD_REQUIRED | FIELD_PRESENT);
            snprintf(inner, sizeof(inner), "%s.", option);
            each_field_option(&below, (enum object_id)f->ref, inner);
        } else {
            tell_field(w, f, option, false);
        }
    }
}

void each_option(const struct command *c, option_fn *fn, void *arg)
{
    const struct route *r = c->route;
    bool creates = r->method != METHOD_PATCH;
    struct option_walk w = {.fn = fn, .arg = arg, .creates = creates, .required = creates};
    if (r->flags & ROUTE_RESOURCE_IN) {
        each_field_option(&w, kind_spec_object((enum kind)r->kind), "--");
        each_field_option(&w, OBJECT_metadata_input, "--");
        fn(arg,
            &(struct option_row){.option = "--file",
                .value = "FILE",
                .help = "Read the resource as JSON from a file, - for standard input; options go on top"});
    } else if (r->input != OBJECT_NONE) {
        each_field_option(&w, r->input, "--");
    }
    for (int i = 0; i < QUERY_INDEX_COUNT; i++) {
        char option[40];
        if (!(route_query(r) & 1U << i))
            continue;
        snprintf(option, sizeof(option), "--%s", query_parameters[i].name);
        for (char *p = option; *p; p++)
            if (*p == '_')
                *p = '-';
        fn(arg, &(struct option_row){.option = option,
                    .value = streq(query_parameters[i].type, "boolean") ? NULL : "VALUE",
                    .help = query_parameters[i].help});
    }
    if (r->flags & ROUTE_TASK)
        fn(arg,
            &(struct option_row){.option = "--wait", .help = "Wait for the task to end, with its progress"});
}
