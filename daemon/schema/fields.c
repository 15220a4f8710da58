#include "schema/fields.h"

#include <pthread.h>
#include <regex.h>
#include <string.h>

#include "base/mem.h"

#define FORMAT(...)
#define ENUMERATION(...)

/* One array of all fields in the order of fields.def; each object points at its part. */
static const struct field all_fields[] = {
#define OBJECT(...)
#define F(o, m, t, r, fl, lo, hi, fb, h)                                                                     \
    {.name = #m,                                                                                             \
        .type = FIELD_##t,                                                                                   \
        .ref = (r),                                                                                          \
        .object = OBJECT_##o,                                                                                \
        .flags = (fl),                                                                                       \
        .min = (lo),                                                                                         \
        .max = (hi),                                                                                         \
        .fallback = (fb),                                                                                    \
        .help = (h)},
#include "schema/fields.def"
};

#define FORMAT(...)
#define ENUMERATION(id, ...) static const char *const id##_values[] = {__VA_ARGS__};
#define OBJECT(...)
#define F(...)
#include "schema/fields.def"

static const struct enumeration enumerations[] = {
#define FORMAT(...)
#define ENUMERATION(id, ...)                                                                                 \
    [ENUM_##id] = {.name = #id, .values = id##_values, .n_values = ARRAY_SIZE(id##_values)},
#define OBJECT(...)
#define F(...)
#include "schema/fields.def"
};

static const struct format formats[] = {
#define FORMAT(id, p, h) [FORMAT_##id] = {.name = #id, .pattern = (p), .help = (h)},
#define ENUMERATION(...)
#define OBJECT(...)
#define F(...)
#include "schema/fields.def"
};

/* fields and n_fields are filled in by link_objects. */
static struct object objects[] = {
#define FORMAT(...)
#define ENUMERATION(...)
#define OBJECT(id, fl, h) [OBJECT_##id] = {.name = #id, .flags = (fl), .help = (h)},
#define F(...)
#include "schema/fields.def"
};

static regex_t compiled[FORMAT_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The patterns are written for JSON Schema; POSIX knows neither \x escapes nor \s. */
static void compile_pattern(size_t i)
{
    static const struct {
        const char *from, *to;
    } rewrites[] = {{"\\x00-\\x1f\\x7f", "\x01-\x1f\x7f"}, {"\\x00", "\x01"}, {"\\s", "[:space:]"}};
    char posix[512];
    snprintf(posix, sizeof(posix), "%s", formats[i].pattern);
    for (size_t k = 0; k < ARRAY_SIZE(rewrites); k++)
        for (char *at; (at = strstr(posix, rewrites[k].from));) {
            char rest[512];
            snprintf(rest, sizeof(rest), "%s", at + strlen(rewrites[k].from));
            snprintf(at, sizeof(posix) - (size_t)(at - posix), "%s%s", rewrites[k].to, rest);
        }
    if (regcomp(&compiled[i], posix, REG_EXTENDED | REG_NOSUB) != 0)
        abort(); /* a pattern in the table is wrong: a test visits each */
}

static void link_tables(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(all_fields); i++) {
        struct object *o = &objects[all_fields[i].object];
        if (!o->fields)
            o->fields = &all_fields[i];
        o->n_fields++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (formats[i].pattern)
            compile_pattern(i);
}

const struct object *object_of(enum object_id id)
{
    pthread_once(&once, link_tables);
    return &objects[id];
}

const struct enumeration *enumeration_of(int id)
{
    return &enumerations[id];
}

const struct format *format_of(int id)
{
    return &formats[id];
}

size_t field_index(const struct field *f)
{
    return (size_t)(f - all_fields);
}

const struct field *object_field(enum object_id id, const char *name)
{
    const struct object *o = object_of(id);
    for (size_t i = 0; i < o->n_fields; i++)
        if (streq(o->fields[i].name, name))
            return &o->fields[i];
    return NULL;
}

int enumeration_index(int id, const char *value)
{
    for (size_t i = 0; i < enumerations[id].n_values; i++)
        if (streq(enumerations[id].values[i], value))
            return (int)i;
    return -1;
}

/* Beyond the pattern: what a regular expression cannot say. */
static bool octets_valid(const char *value, bool with_prefix)
{
    unsigned a, b, c, d, prefix = 0;
    int n = sscanf(value, "%u.%u.%u.%u/%u", &a, &b, &c, &d, &prefix);
    return n == (with_prefix ? 5 : 4) && a < 256 && b < 256 && c < 256 && d < 256 && prefix <= 32;
}

bool format_check(int id, const char *value)
{
    pthread_once(&once, link_tables);
    if (formats[id].pattern && regexec(&compiled[id], value, 0, NULL, 0) != 0)
        return false;
    if (id == FORMAT_cidr4 || id == FORMAT_ipv4)
        return octets_valid(value, id == FORMAT_cidr4);
    return true;
}
