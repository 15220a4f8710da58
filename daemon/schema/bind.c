#include "schema/bind.h"

#include "schema/specs.h"

#define FIELDS_DECODED_ONLY

#define BIND_SCALAR(o, m)                                                                                    \
    {                                                                                                        \
        offsetof(struct o, m), 0                                                                             \
    }
#define BIND_LIST(o, m)                                                                                      \
    {                                                                                                        \
        offsetof(struct o, m), offsetof(struct o, n_##m)                                                     \
    }
#define BIND_STRING(o, m)  BIND_SCALAR(o, m)
#define BIND_INT(o, m)     BIND_SCALAR(o, m)
#define BIND_SIZE(o, m)    BIND_SCALAR(o, m)
#define BIND_BOOL(o, m)    BIND_SCALAR(o, m)
#define BIND_ENUM(o, m)    BIND_SCALAR(o, m)
#define BIND_OBJECT(o, m)  BIND_SCALAR(o, m)
#define BIND_OBJECTS(o, m) BIND_LIST(o, m)
#define BIND_STRINGS(o, m) BIND_LIST(o, m)
#define BIND_MAP(o, m)     BIND_LIST(o, m)

static const struct binding bindings[] = {
#define FORMAT(...)
#define ENUMERATION(...)
#define OBJECT(...)
#define F(o, m, t, ...) BIND_##t(o, m),
#include "schema/fields.def"
};

/* A row whose type does not fit its member does not compile. */
#define TYPE_STRING  const char *
#define TYPE_INT     int64_t
#define TYPE_SIZE    uint64_t
#define TYPE_BOOL    bool
#define TYPE_ENUM    int
#define TYPE_STRINGS const char **
#define TYPE_MAP     struct string_pair *
#define CHECK_TYPE(o, m, t)                                                                                  \
    _Static_assert(__builtin_types_compatible_p(__typeof__(((struct o *)0)->m), TYPE_##t), #o "." #m);
#define CHECK_STRING(o, m)  CHECK_TYPE(o, m, STRING)
#define CHECK_INT(o, m)     CHECK_TYPE(o, m, INT)
#define CHECK_SIZE(o, m)    CHECK_TYPE(o, m, SIZE)
#define CHECK_BOOL(o, m)    CHECK_TYPE(o, m, BOOL)
#define CHECK_ENUM(o, m)    CHECK_TYPE(o, m, ENUM)
#define CHECK_STRINGS(o, m) CHECK_TYPE(o, m, STRINGS)
#define CHECK_MAP(o, m)     CHECK_TYPE(o, m, MAP)
#define CHECK_OBJECT(o, m)
#define CHECK_OBJECTS(o, m)
#define FORMAT(...)
#define ENUMERATION(...)
#define OBJECT(...)
#define F(o, m, t, ...) CHECK_##t(o, m)
#include "schema/fields.def"

static const size_t sizes[OBJECT_COUNT] = {
#define FORMAT(...)
#define ENUMERATION(...)
#define OBJECT(id, ...) [OBJECT_##id] = sizeof(struct id),
#define F(...)
#include "schema/fields.def"
};

const struct binding *binding_of(const struct field *f)
{
    return &bindings[field_index(f)];
}

size_t object_size(enum object_id id)
{
    return sizes[id];
}
