/* A refusal in the words of the command line: the API speaks of pointers and parameters, whoever typed a
 * command knows its options. */
#include "cli/cli.h"

#include "schema/kind_objects.h"

static int exit_code_of(int status)
{
    switch (status) {
    case 404: return EXIT_NOT_FOUND;
    case 401:
    case 403: return EXIT_NOT_ALLOWED;
    case 503: return EXIT_UNREACHABLE;
    default: return EXIT_REFUSED;
    }
}

void print_error_line(const char *prefix, const char *text)
{
    _cleanup_buf_ struct buf out = {0};
    add_printable(&out, text);
    fprintf(stderr, "%s%s\n", prefix, out.data ? out.data : "");
}

/* ---- from pointers to options ---- */

/* The next part of a pointer; false at its end. */
static bool next_part(const char **at, char out[static 80])
{
    if (**at != '/')
        return false;
    size_t n = strcspn(++*at, "/");
    snprintf(out, 80, "%.*s", (int)MIN_OF(n, (size_t)79), *at);
    *at += n;
    return true;
}

/* "/0/size" behind --disk: its first one, and the key. */
static void add_element(struct buf *out, const char *at, const struct field *f)
{
    char part[80], name[OPTION_NAME_MAX];
    uint64_t index;
    if (!next_part(&at, part))
        return;
    if (text_u64(part, &index))
        buf_printf(out, " #%llu", (unsigned long long)index + 1);
    else
        buf_printf(out, " %s", part);
    const struct field *key =
        f->type == FIELD_OBJECTS && next_part(&at, part) ? object_field((enum object_id)f->ref, part) : NULL;
    if (!key)
        return;
    option_name(key, name);
    buf_printf(out, " %s", name);
}

static bool add_field(struct buf *out, enum object_id id, const char *at)
{
    const char *dots = "--";
    char part[80], name[OPTION_NAME_MAX];
    while (id != OBJECT_NONE && next_part(&at, part)) {
        const struct field *f = object_field(id, part);
        if (!f || f->flags & FIELD_READ_ONLY)
            return false;
        option_name(f, name);
        buf_printf(out, "%s%s", dots, name);
        dots = ".";
        id = f->type == FIELD_OBJECT ? (enum object_id)f->ref : OBJECT_NONE;
        if (id == OBJECT_NONE)
            add_element(out, at, f);
    }
    return out->len > 0;
}

/* The option that a pointer of the API is; NULL when it is none of this command. Owned. */
static char *option_of(const struct route *r, const char *pointer)
{
    _cleanup_buf_ struct buf out = {0};
    bool known = false;
    if (*pointer == '?') {
        buf_str(&out, "--");
        buf_str(&out, pointer + 1);
        for (char *p = out.data; *p; p++)
            if (*p == '_')
                *p = '-';
        known = query_named(r, out.data + 2, out.len - 2) >= 0;
    } else if (r->flags & ROUTE_RESOURCE_IN && text_starts(pointer, "/spec/")) {
        known = add_field(&out, kind_spec_object((enum kind)r->kind), pointer + strlen("/spec"));
    } else if (r->flags & ROUTE_RESOURCE_IN && text_starts(pointer, "/metadata/")) {
        known = add_field(&out, OBJECT_metadata_input, pointer + strlen("/metadata"));
    } else if (r->input != OBJECT_NONE) {
        known = add_field(&out, r->input, pointer);
    }
    return known ? buf_take(&out) : NULL;
}

/* ---- what would make it work ---- */

static char *words_for_taken_name(const struct asked *q)
{
    return q->command->create_only
               ? mem_printf("choose another name, or replace it: lodge %s replace %s", q->noun, q->name)
               : NULL;
}

static char *words_for_no_access(const struct asked *q)
{
    (void)q;
    return mem_strdup("give a valid API token with --token or LODGE_TOKEN, or run lodge as root without one");
}

/* Where what to do is a matter of the command line and not of the request that it made. */
static const struct {
    const char *code;
    char *(*words)(const struct asked *q); /* owned; NULL: the server's hint holds */
} own_words[] = {
    {"precondition-failed", words_for_taken_name},
    {"unauthenticated", words_for_no_access},
};

static void print_hint(const json_t *problem, const struct asked *q)
{
    const char *code = json_get_str(problem, "code", ""), *hint = json_get_str(problem, "hint", NULL);
    const char *parameter = json_get_str(problem, "parameter", NULL);
    _cleanup_free_ char *own = NULL;
    for (size_t i = 0; q && i < ARRAY_SIZE(own_words) && !own; i++)
        if (streq(own_words[i].code, code))
            own = own_words[i].words(q);
    if (own || hint)
        print_error_line("  ", own ? own : hint);
    _cleanup_free_ char *pointer = mem_printf("?%s", parameter ? parameter : ""),
                        *option = q && parameter ? option_of(q->command->route, pointer) : NULL;
    if (option)
        fprintf(stderr, "  add %s\n", option);
}

int print_problem(const struct answer *a, const struct asked *q)
{
    const json_t *errors = json_get_arr(a->json, "errors");
    size_t i;
    json_t *item;
    if (json_array_size(errors) > 1)
        fprintf(stderr, "lodge: %s\n", json_get_str(a->json, "title", "refused"));
    json_array_foreach ((json_t *)(uintptr_t)errors, i, item) {
        const char *pointer = json_get_str(item, "pointer", "");
        /* Who wrote a file looks for the place in it. */
        _cleanup_free_ char *option = q && !q->from_file ? option_of(q->command->route, pointer) : NULL;
        _cleanup_free_ char *line =
            mem_printf("%s: %s", option ? option : pointer, json_get_str(item, "detail", ""));
        print_error_line(json_array_size(errors) > 1 ? "  " : "lodge: ", line);
    }
    if (!json_array_size(errors))
        print_error_line("lodge: ",
            json_get_str(a->json, "detail", a->body && *a->body ? a->body : "refused without a reason"));
    print_hint(a->json, q);
    return exit_code_of(a->status);
}
