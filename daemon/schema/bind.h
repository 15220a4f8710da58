/* The binding half of the field rows: where each value lies in the structs of schema/specs.h. */
#pragma once

#include "schema/fields.h"

struct binding {
    size_t offset;
    size_t count_offset; /* lists and maps: their n_… member */
};

const struct binding *binding_of(const struct field *f);
size_t object_size(enum object_id id);
