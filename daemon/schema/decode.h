/* From untrusted JSON to typed values and back, by the field rows. */
#pragma once

#include "schema/fields.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "base/violations.h"

/* Checks `in` against the rows of `id` and fills the struct `out` (in the arena, of object_size(id)).
 * What is wrong is added to v with pointers beneath `pointer`; the rest is decoded all the same. `in` is
 * normalised on the way: sizes become integers, write-only members are removed. Defaults go into the
 * struct only. */
void decode_object(
    enum object_id id, json_t *in, const char *pointer, struct arena *a, void *out, struct violations *v);
/* The same for what the server has stored: a fresh struct. Bounds, formats and members that this release
 * does not know are no reason to lose a document; NULL only when a value has no place in the struct. */
void *decode_stored(enum object_id id, const char *text, size_t n, struct arena *a);

/* The struct as JSON text with all its defaults, without write-only members. */
void encode_object(enum object_id id, const void *in, struct buf *out);

/* Compares old and new (normalised JSON, either may be NULL), row by row. Calls fn for each field that
 * differs with its pointer and both values (NULL: absent). Elements of lists of objects are matched by
 * their "name". */
typedef void diff_fn(
    void *arg, const struct field *f, const char *pointer, const json_t *before, const json_t *after);
void diff_objects(enum object_id id, const json_t *before, const json_t *after, const char *pointer,
    diff_fn *fn, void *arg);
