/* A hash map from strings to pointers. Seeded per process, so that chosen keys cannot collide on
 * purpose. Not synchronised: its owner's thread or lock guards it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct map_entry {
    struct map_entry *next;
    void *value;
    size_t hash;
    char key[];
};

struct map {
    struct map_entry **slots;
    size_t n_slots; /* zero or a power of two */
    size_t count;
};

void *map_get(const struct map *m, const char *key);
/* Sets and returns the old value (NULL when new). The key is copied. */
void *map_set(struct map *m, const char *key, void *value);
/* Removes and returns the value, NULL when absent. */
void *map_remove(struct map *m, const char *key);
/* Frees the map, not its values. */
void map_clear(struct map *m);

/* Walks all entries in no order; `e` may be removed inside the loop, nothing added. */
struct map_entry *map_first(const struct map *m);
struct map_entry *map_next(const struct map *m, const struct map_entry *e);
#define MAP_FOREACH(m, e)                                                                                    \
    for (struct map_entry *e = map_first(m), *e##_next = e ? map_next(m, e) : NULL; e;                       \
         e = e##_next, e##_next = e ? map_next(m, e) : NULL)
