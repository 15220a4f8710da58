/* The structure of a file: lines, headers, keys and the tables that they make. Values are in toml_value.c. */
#include "iso/installer/toml_read.h"

#include <stdarg.h>

void toml_complain(struct reader *r, const char *write, const char *fmt, ...)
{
    char why[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    complain(r->complaints, r->line, NULL, write, "%s", why);
}

struct toml *toml_new(struct reader *r, enum toml_type type, int line)
{
    struct toml *t = arena_alloc(r->arena, sizeof(*t));
    t->type = type;
    t->line = line;
    return t;
}

void toml_append(struct toml *parent, struct toml *child)
{
    child->parent = parent;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->n++;
}

static struct toml *child_of(struct toml *table, const char *key)
{
    for (struct toml *t = table->first; t; t = t->next)
        if (t->key && streq(t->key, key))
            return t;
    return NULL;
}

const char *toml_type_name(enum toml_type type)
{
    static const char *const names[] = {
        [TOML_STRING] = "a string",
        [TOML_INTEGER] = "a whole number",
        [TOML_BOOL] = "true or false",
        [TOML_ARRAY] = "a list",
        [TOML_TABLE] = "a section",
    };
    return names[type];
}

void toml_skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
        r->at++;
}

int toml_comment(struct reader *r)
{
    if (r->at == r->end || *r->at != '#')
        return 0;
    for (; r->at < r->end && *r->at != '\n'; r->at++) {
        bool return_at_end = *r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n';
        if (((unsigned char)*r->at < 0x20 && *r->at != '\t' && !return_at_end) || *r->at == 0x7f)
            return toml_fail(r, NULL, "a comment holds a control character (code %d)", *r->at);
    }
    return 0;
}

static bool take_line_end(struct reader *r)
{
    if (r->at < r->end && *r->at == '\n')
        r->at++;
    else if (r->at + 1 < r->end && r->at[0] == '\r' && r->at[1] == '\n')
        r->at += 2;
    else
        return false;
    r->line++;
    return true;
}

int toml_skip_lines(struct reader *r)
{
    do {
        toml_skip_blanks(r);
        if (toml_comment(r) < 0)
            return -1;
    } while (take_line_end(r));
    return 0;
}

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int one_key(struct reader *r, const char **ret)
{
    if (r->at < r->end && (*r->at == '"' || *r->at == '\''))
        return toml_string(r, false, ret);
    const char *start = r->at;
    while (r->at < r->end && is_bare(*r->at))
        r->at++;
    if (r->at == start)
        return toml_fail(r, "Write: key = value, or [section]", "a key is expected here%s",
            r->at < r->end && *r->at == '=' ? ", before the equals sign" : "");
    _cleanup_free_ char *key = mem_strndup(start, (size_t)(r->at - start));
    *ret = arena_strdup(r->arena, key);
    return 0;
}

/* The keys of `a.b.c`; the last one in *ret_last, the others followed or made from `table`. */
static int walk_keys(
    struct reader *r, struct toml *table, bool dotted, struct toml **ret_table, const char **ret_last)
{
    for (int depth = 0;; depth++) {
        const char *key;
        if (one_key(r, &key) < 0)
            return -1;
        toml_skip_blanks(r);
        if (r->at == r->end || *r->at != '.') {
            *ret_table = table;
            *ret_last = key;
            return 0;
        }
        r->at++;
        toml_skip_blanks(r);
        if (depth >= TOML_DEPTH_MAX)
            return toml_fail(r, NULL, "the key has more than %d parts", TOML_DEPTH_MAX);
        struct toml *next = child_of(table, key);
        if (!next) {
            next = toml_new(r, TOML_TABLE, r->line);
            next->key = key;
            next->dotted = dotted;
            toml_append(table, next);
        } else if (next->type == TOML_ARRAY && !next->closed && !dotted) {
            next = next->last; /* [[a]] then [a.b]: within the newest a */
        }
        if (next->type != TOML_TABLE || next->closed || (dotted && next->header))
            return toml_fail(r, NULL,
                "%s was already given in line %d, and not in a way that can be added to", key, next->line);
        table = next;
    }
}

int toml_pair(struct reader *r, struct toml *table)
{
    struct toml *within, *value;
    const char *key;
    int line = r->line;
    if (walk_keys(r, table, true, &within, &key) < 0)
        return -1;
    if (r->at == r->end || *r->at != '=')
        return toml_fail(
            r, "Write: key = value", "the key %s has no value: an equals sign is expected behind it", key);
    struct toml *before = child_of(within, key);
    if (before)
        return toml_fail(r, "Keep one of the two.", "%s is there twice: it was already given in line %d", key,
            before->line);
    r->at++;
    toml_skip_blanks(r);
    r->secret = strcasestr(key, "pass") != NULL;
    if (toml_value(r, &value) < 0)
        return -1;
    value->key = key;
    value->line = line;
    toml_append(within, value);
    return 0;
}

static int array_header(struct reader *r, struct toml *within, const char *key, struct toml **ret)
{
    struct toml *array = child_of(within, key);
    if (!array) {
        array = toml_new(r, TOML_ARRAY, r->line);
        array->key = key;
        toml_append(within, array);
    }
    if (array->type != TOML_ARRAY || array->closed)
        return toml_fail(r, NULL, "%s was already given in line %d as something else", key, array->line);
    *ret = toml_new(r, TOML_TABLE, r->line);
    toml_append(array, *ret);
    return 0;
}

static int table_header(struct reader *r, struct toml *within, const char *key, struct toml **ret)
{
    struct toml *table = child_of(within, key);
    if (!table) {
        table = toml_new(r, TOML_TABLE, r->line);
        table->key = key;
        toml_append(within, table);
    } else if (table->type != TOML_TABLE || table->closed || table->header || table->dotted) {
        return toml_fail(r, "Keep one of the two.", "[%s] is there twice: it was already given in line %d",
            key, table->line);
    }
    table->header = true;
    table->line = r->line;
    *ret = table;
    return 0;
}

/* [a.b] or [[a.b]]: the table that the lines behind it fill. */
static int header(struct reader *r, struct toml *root, struct toml **ret)
{
    bool array = r->end - r->at > 1 && r->at[1] == '[';
    r->at += array ? 2 : 1;
    toml_skip_blanks(r);
    struct toml *within;
    const char *key;
    if (walk_keys(r, root, false, &within, &key) < 0)
        return -1;
    size_t brackets = array ? 2 : 1;
    if ((size_t)(r->end - r->at) < brackets || r->at[0] != ']' || r->at[brackets - 1] != ']')
        return toml_fail(
            r, NULL, "the section's name is not closed: %s is expected behind %s", array ? "]]" : "]", key);
    r->at += brackets;
    return array ? array_header(r, within, key, ret) : table_header(r, within, key, ret);
}

static int statement(struct reader *r, struct toml *root, struct toml **table)
{
    int result = *r->at == '[' ? header(r, root, table) : toml_pair(r, *table);
    if (result < 0)
        return -1;
    toml_skip_blanks(r);
    if (toml_comment(r) < 0)
        return -1;
    if (r->at < r->end && !take_line_end(r))
        return toml_fail(
            r, "Put it on a line of its own, or a # before it.", "there is more behind the value");
    return 0;
}

/* Goes on behind a line that was wrong, so that one look finds more than one mistake. */
static void skip_line(struct reader *r)
{
    while (r->at < r->end && *r->at != '\n')
        r->at++;
    take_line_end(r);
}

struct toml *toml_read(const char *text, size_t len, struct arena *a, struct complaints *c)
{
    struct reader r = {.at = text, .end = text + len, .line = 1, .arena = a, .complaints = c};
    size_t errors = c->errors;
    if (len > TOML_FILE_MAX || !text_is_utf8(text, len) || memchr(text, '\0', len)) {
        complain(c, 0, NULL, NULL, "%s",
            len > TOML_FILE_MAX ? "the file is larger than 1 MiB: it is no answer file"
                                : "the file is not UTF-8 text");
        return NULL;
    }
    struct toml *root = toml_new(&r, TOML_TABLE, 1), *table = root;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    for (;;) {
        if (toml_skip_lines(&r) < 0) {
            skip_line(&r);
            continue;
        }
        if (r.at == r.end)
            break;
        int begun = r.line;
        r.depth = 0;
        if (statement(&r, root, &table) == 0)
            continue;
        if (r.line != begun) /* within a text or list of several lines: what follows it cannot be told */
            break;
        skip_line(&r);
    }
    return c->errors == errors ? root : NULL;
}
