/* How answers look: tables for lists, an indented tree for one resource, JSON for scripts. */
#include <time.h>

#include "cli/cli.h"
#include "schema/kind_objects.h"

enum cell_type { CELL_TEXT, CELL_SIZE, CELL_AGE, CELL_LIST, CELL_PERCENT };

struct column {
    const char *title;
    const char *path; /* dotted */
    enum cell_type type;
};

static const struct column columns_default[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"DESCRIPTION", "metadata.description", CELL_TEXT}, {"AGE", "metadata.created", CELL_AGE}, {0}};
static const struct column columns_guest[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"TYPE", "spec.type", CELL_TEXT}, {"STATE", "status.state", CELL_TEXT},
    {"ADDRESSES", "status.addresses", CELL_LIST}, {"MEMORY", "status.memory.used", CELL_SIZE},
    {"CPU", "status.cpu.used", CELL_PERCENT}, {"AGE", "metadata.created", CELL_AGE}, {0}};
static const struct column columns_node[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"STATE", "status.state", CELL_TEXT}, {"VERSION", "status.version", CELL_TEXT},
    {"CPUS", "status.cpu.count", CELL_TEXT}, {"CPU", "status.cpu.used", CELL_PERCENT},
    {"USED", "status.memory.used", CELL_SIZE}, {"MEMORY", "status.memory.total", CELL_SIZE}, {0}};
static const struct column columns_volume[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"POOL", "spec.pool", CELL_TEXT}, {"SIZE", "spec.size", CELL_SIZE},
    {"CONTENT", "spec.content", CELL_TEXT}, {"STATE", "status.state", CELL_TEXT},
    {"GUEST", "status.guest", CELL_TEXT}, {0}};
static const struct column columns_pool[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"KIND", "spec.kind", CELL_TEXT}, {"STATE", "status.state", CELL_TEXT},
    {"SIZE", "status.size", CELL_SIZE}, {"FREE", "status.free", CELL_SIZE}, {0}};
static const struct column columns_network[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"KIND", "spec.kind", CELL_TEXT}, {"BRIDGE", "status.bridge", CELL_TEXT},
    {"ADDRESS", "status.address", CELL_TEXT}, {0}};
static const struct column columns_image[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"FORMAT", "spec.format", CELL_TEXT}, {"STATE", "status.state", CELL_TEXT},
    {"SIZE", "status.size", CELL_SIZE}, {"UNPACKED", "status.virtual_size", CELL_SIZE}, {0}};
static const struct column columns_task[] = {{"ID", "metadata.name", CELL_TEXT},
    {"ACTION", "spec.action", CELL_TEXT}, {"OBJECT", "spec.object.name", CELL_TEXT},
    {"STATE", "status.state", CELL_TEXT}, {"BY", "spec.user", CELL_TEXT},
    {"AGE", "metadata.created", CELL_AGE}, {0}};
static const struct column columns_binding[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"SUBJECT", "spec.subject", CELL_TEXT}, {"ROLE", "spec.role", CELL_TEXT},
    {"PATH", "spec.path", CELL_TEXT}, {0}};
static const struct column columns_token[] = {{"NAME", "metadata.name", CELL_TEXT},
    {"USER", "spec.user", CELL_TEXT}, {"ROLE", "spec.role", CELL_TEXT},
    {"EXPIRES", "spec.expires", CELL_TEXT}, {0}};
static const struct column columns_audit[] = {{"SEQ", "seq", CELL_TEXT}, {"TIME", "time", CELL_TEXT},
    {"WHO", "who", CELL_TEXT}, {"FROM", "address", CELL_TEXT}, {"ACTION", "action", CELL_TEXT},
    {"OUTCOME", "outcome", CELL_TEXT}, {0}};

static const struct {
    int kind;
    const struct column *columns;
} tables[] = {{KIND_GUEST, columns_guest}, {KIND_NODE, columns_node}, {KIND_VOLUME, columns_volume},
    {KIND_POOL, columns_pool}, {KIND_NETWORK, columns_network}, {KIND_IMAGE, columns_image},
    {KIND_TASK, columns_task}, {KIND_BINDING, columns_binding}, {KIND_TOKEN, columns_token}};

#define COLUMNS_MAX 8

static const struct column *columns_of(const struct route *r)
{
    if (r->id == ROUTE_ID_audit)
        return columns_audit;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        if (tables[i].kind == r->kind)
            return tables[i].columns;
    return columns_default;
}

static const json_t *at_path(const json_t *value, const char *path)
{
    char key[64];
    while (value && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)MIN_OF(n, sizeof(key) - 1), path);
        value = json_object_get(value, key);
        path += n + (path[n] == '.');
    }
    return value;
}

static void age_text(const char *time_text, char *out, size_t size)
{
    uint64_t then;
    out[0] = '\0';
    if (!time_parse(time_text, &then))
        return;
    int64_t s = (int64_t)time(NULL) - (int64_t)(then / 1000);
    if (s < 0)
        s = 0;
    if (s < 120)
        snprintf(out, size, "%llds", (long long)s);
    else if (s < 7200)
        snprintf(out, size, "%lldm", (long long)s / 60);
    else if (s < 172800)
        snprintf(out, size, "%lldh", (long long)s / 3600);
    else
        snprintf(out, size, "%lldd", (long long)s / 86400);
}

static char *cell_text(const json_t *value, enum cell_type type)
{
    char text[TEXT_SIZE_MAX];
    struct buf out = {0};
    if (json_is_string(value) && type == CELL_AGE) {
        age_text(json_string_value(value), text, sizeof(text));
        buf_str(&out, text);
    } else if (json_is_string(value)) {
        add_printable(&out, json_string_value(value));
    } else if (json_is_integer(value) && type == CELL_SIZE) {
        buf_str(&out, text_size_str((uint64_t)json_integer_value(value), text));
    } else if (json_is_number(value) && type == CELL_PERCENT) {
        buf_printf(&out, "%.0f%%", json_number_value(value) * 100);
    } else if (json_is_integer(value)) {
        buf_i64(&out, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        buf_str(&out, json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        size_t i;
        json_t *item;
        json_array_foreach ((json_t *)(uintptr_t)value, i, item)
            if (json_is_string(item)) {
                buf_str(&out, i ? "," : "");
                add_printable(&out, json_string_value(item));
            }
    }
    return out.len ? buf_take(&out) : mem_strdup("-");
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* What was not set is shown as what it means, where the table of fields says so. */
static char *table_cell(const struct route *r, const json_t *item, const struct column *column)
{
    const json_t *value = at_path(item, column->path);
    if (!value && r->kind >= 0 && text_starts(column->path, "spec.")) {
        enum object_id spec = kind_spec_object((enum kind)r->kind);
        const struct field *f =
            spec == OBJECT_NONE ? NULL : object_field(spec, column->path + strlen("spec."));
        if (f && f->fallback)
            return mem_strdup(f->fallback);
    }
    return cell_text(value, column->type);
}

static void print_table(const struct route *route, const json_t *items)
{
    const struct column *columns = columns_of(route);
    size_t n = 0, rows = json_array_size(items), width[COLUMNS_MAX] = {0};
    while (n < COLUMNS_MAX && columns[n].title)
        n++;
    char **cells = mem_new(char *, (rows + 1) * n);
    for (size_t c = 0; c < n; c++) {
        cells[c] = mem_strdup(columns[c].title);
        for (size_t r = 0; r < rows; r++)
            cells[(r + 1) * n + c] = table_cell(route, json_array_get(items, r), &columns[c]);
        for (size_t r = 0; r <= rows; r++)
            width[c] = MAX_OF(width[c], width_of(cells[r * n + c]));
    }
    for (size_t r = 0; r <= rows; r++)
        for (size_t c = 0; c < n; c++) {
            char *cell = cells[r * n + c];
            fputs(cell, stdout);
            for (size_t pad = width_of(cell); c + 1 < n && pad < width[c] + 2; pad++)
                putchar(' ');
            if (c + 1 == n)
                putchar('\n');
            free(cell);
        }
    free(cells);
}

static void print_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (text) {
        print_bytes(text, strlen(text));
        print_bytes("\n", 1);
    }
    free(text);
}

void print_list(const struct route *r, const json_t *items, enum output output)
{
    size_t i;
    json_t *item;
    if (output == OUTPUT_JSON) {
        print_json(items);
        return;
    }
    if (output == OUTPUT_TABLE) {
        print_table(r, items);
        return;
    }
    json_array_foreach ((json_t *)(uintptr_t)items, i, item) {
        const char *name = json_get_str(json_object_get(item, "metadata"), "name", NULL);
        if (name)
            puts(name);
    }
}

static bool is_size_key(const char *key)
{
    static const char *const keys[] = {
        "size", "memory", "used", "free", "total", "max", "virtual_size", "memory_reserve"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (streq(keys[i], key))
            return true;
    return false;
}

static void print_tree(const json_t *value, int depth)
{
    const char *key;
    json_t *member;
    json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
        if ((json_is_object(member) && !json_object_size(member)) ||
            (json_is_array(member) && !json_array_size(member)))
            continue;
        printf("%*s%s:", depth * 2, "", key);
        if (json_is_object(member)) {
            putchar('\n');
            print_tree(member, depth + 1);
        } else if (json_is_array(member) && json_is_object(json_array_get(member, 0))) {
            putchar('\n');
            for (size_t i = 0; i < json_array_size(member); i++) {
                printf("%*s- #%zu\n", depth * 2 + 2, "", i);
                print_tree(json_array_get(member, i), depth + 2);
            }
        } else {
            _cleanup_free_ char *text = cell_text(member, is_size_key(key) ? CELL_SIZE : CELL_TEXT);
            if (json_is_real(member))
                printf(" %.3g\n", json_real_value(member));
            else
                printf(" %s\n", text);
        }
    }
}

void print_item(const json_t *item, enum output output)
{
    if (output == OUTPUT_JSON || !json_is_object(item)) {
        print_json(item);
        return;
    }
    const char *name = json_get_str(json_object_get(item, "metadata"), "name", NULL);
    if (output == OUTPUT_NAME && name)
        puts(name);
    else
        print_tree(item, 0);
}
