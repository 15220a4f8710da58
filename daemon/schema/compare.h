/* Compares two typed values, so that a default counts as what it means. (diff_objects in decode.h compares
 * what was written.) */
#pragma once

#include "schema/fields.h"

/* Calls fn for each field that differs, with its pointer in `after`. Elements of lists of objects are matched
 * by their "name", or by place where they have none: a new one is named by its own pointer, one that is gone
 * by that of the list. */
typedef void compare_fn(void *arg, const struct field *f, const char *pointer);
void compare_objects(
    enum object_id id, const void *before, const void *after, const char *pointer, compare_fn *fn, void *arg);
