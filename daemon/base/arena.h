/* Memory that is freed at once: a decoded request, a document's typed view. Not synchronised. */
#pragma once

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used; /* of the newest block */
};

/* Zeroed, aligned for any type, never NULL. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
void arena_free(struct arena *a);
#define _cleanup_arena_ __attribute__((cleanup(arena_free)))
