/* The descriptive half of every object in the API: names, types, bounds, defaults and help, expanded
 * from fields.def. The command line and the OpenAPI document need no more than this; where a value
 * lies in memory is the binding half (bind.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_STRING, /* ref: format */
    FIELD_INT,    /* min, max: the value */
    FIELD_SIZE,   /* bytes: an integer, or an IEC string on input; min, max: the value */
    FIELD_BOOL,
    FIELD_ENUM,    /* ref: enumeration */
    FIELD_OBJECT,  /* ref: object */
    FIELD_OBJECTS, /* a list; ref: object of its elements; max: how many */
    FIELD_STRINGS, /* a list; ref: format of its elements; max: how many */
    FIELD_MAP,     /* strings by key; ref: format of the keys; max: how many */
    FIELD_NUMBER,  /* with a fraction; shown only */
    FIELD_NUMBERS, /* a list of them; shown only */
};

enum field_flags {
    FIELD_REQUIRED = 1 << 0,
    FIELD_FIXED = 1 << 1,      /* set at creation, refused to change later */
    FIELD_WRITE_ONLY = 1 << 2, /* a secret: never stored in the spec, never shown */
    FIELD_READ_ONLY = 1 << 3,  /* accepted, so that what GET gave can be sent back, and checked or ignored */
    FIELD_PRESENT = 1 << 4,    /* an object that is there with its defaults when left out */
    FIELD_RESTART = 1 << 5,    /* a running guest gets the change at its next start */
    FIELD_NULLABLE = 1 << 6,   /* shown only: null where there is nothing to name */
};

enum object_flags {
    OBJECT_ONE_OF = 1 << 0,   /* a union: exactly one member is present */
    OBJECT_INTERNAL = 1 << 1, /* a record of the server: not in the API document */
    OBJECT_SHOWN = 1 << 2,    /* made by the server and never decoded: it has no binding half */
};

enum format_id {
#define FORMAT(id, pattern, help) FORMAT_##id,
#define ENUMERATION(id, ...)
#define OBJECT(id, flags, help)
#define F(object, member, type, ref, flags, min, max, fallback, help)
#include "schema/fields.def"
    FORMAT_COUNT
};

enum enum_id {
#define ENUMERATION(id, ...) ENUM_##id,
#define FORMAT(id, pattern, help)
#define OBJECT(id, flags, help)
#define F(object, member, type, ref, flags, min, max, fallback, help)
#include "schema/fields.def"
    ENUM_COUNT
};

enum object_id {
#define OBJECT(id, flags, help) OBJECT_##id,
#define FORMAT(id, pattern, help)
#define ENUMERATION(id, ...)
#define F(object, member, type, ref, flags, min, max, fallback, help)
#include "schema/fields.def"
    OBJECT_COUNT,
    OBJECT_NONE = -1
};

struct field {
    const char *name;
    enum field_type type;
    int ref;               /* format_id, enum_id or object_id, as the type says */
    enum object_id object; /* that it belongs to */
    unsigned flags;
    int64_t min, max;     /* 0, 0: none; for strings: bytes */
    const char *fallback; /* the default as text, NULL without one */
    const char *help;
};

struct object {
    const char *name;
    const struct field *fields;
    size_t n_fields;
    unsigned flags;
    const char *help;
};

struct enumeration {
    const char *name;
    const char *const *values;
    size_t n_values;
};

struct format {
    const char *name;
    const char *pattern; /* ECMA 262, anchored; NULL: any text */
    const char *help;    /* completes "must be …" */
};

const struct object *object_of(enum object_id id);
const struct enumeration *enumeration_of(int id);
const struct format *format_of(int id);
/* The position of a field in the one array of all fields: the key into the binding half. */
size_t field_index(const struct field *f);
const struct field *object_field(enum object_id id, const char *name);
/* -1 when it is not among the values. */
int enumeration_index(int id, const char *value);
bool format_check(int id, const char *value);
