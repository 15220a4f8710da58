/* JSON at the borders: strict parsing with limits, and lookups that never crash on a wrong type. */
#pragma once

#include <stdint.h>
#include <jansson.h>

#include "base/err.h"

DEFINE_CLEANUP(json_t *, json_decref)
#define _cleanup_json_ _cleanup_(json_decref)

/* Deeper nesting is refused before anything is built; no schema of ours comes near it. */
#define JSON_DEPTH_MAX 32

/* Refuses invalid UTF-8, repeated keys, NUL in strings, trailing text, deep nesting. The result is
 * owned by the caller. `what` names the text in the error ("request body"). */
int json_parse(const char *text, size_t len, const char *what, json_t **ret, struct err *e);
/* Compact text, owned, keys in their order. */
char *json_text(const json_t *value);

/* The member when it has that type, else the default; borrowed. */
const char *json_get_str(const json_t *object, const char *key, const char *otherwise);
int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise);
int json_get_bool(const json_t *object, const char *key, int otherwise);
json_t *json_get_obj(const json_t *object, const char *key); /* NULL when absent or no object */
json_t *json_get_arr(const json_t *object, const char *key);

/* RFC 7396 on `target` (owned, may be NULL); returns the result, owned. The patch is left alone. */
json_t *json_merge_patch(json_t *target, const json_t *patch);
