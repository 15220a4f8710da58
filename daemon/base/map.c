#include "base/map.h"

#include <pthread.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/text.h"

static uint64_t seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    random_bytes(&seed, sizeof(seed));
}

/* FNV-1a over seeded state with a final mix: short keys, unknown seed. */
static size_t hash_of(const char *key)
{
    pthread_once(&seed_once, make_seed);
    uint64_t h = seed ^ UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    h ^= seed >> 32 | seed << 32;
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(h ^ h >> 33);
}

static struct map_entry **find(const struct map *m, const char *key, size_t hash)
{
    struct map_entry **at = &m->slots[hash & (m->n_slots - 1)];
    while (*at && ((*at)->hash != hash || !streq((*at)->key, key)))
        at = &(*at)->next;
    return at;
}

static void grow(struct map *m)
{
    size_t n = m->n_slots ? m->n_slots * 2 : 16;
    struct map_entry **slots = mem_new(struct map_entry *, n);
    for (size_t i = 0; i < m->n_slots; i++)
        for (struct map_entry *e = m->slots[i], *next; e; e = next) {
            next = e->next;
            e->next = slots[e->hash & (n - 1)];
            slots[e->hash & (n - 1)] = e;
        }
    free(m->slots);
    m->slots = slots;
    m->n_slots = n;
}

void *map_get(const struct map *m, const char *key)
{
    if (!m->count)
        return NULL;
    struct map_entry *e = *find(m, key, hash_of(key));
    return e ? e->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
    if (m->count >= m->n_slots)
        grow(m);
    size_t hash = hash_of(key), len = strlen(key);
    struct map_entry **at = find(m, key, hash);
    if (*at) {
        void *old = (*at)->value;
        (*at)->value = value;
        return old;
    }
    struct map_entry *e = mem_alloc(sizeof(*e) + len + 1);
    *e = (struct map_entry){.value = value, .hash = hash};
    memcpy(e->key, key, len + 1);
    *at = e;
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, const char *key)
{
    if (!m->count)
        return NULL;
    struct map_entry **at = find(m, key, hash_of(key)), *e = *at;
    if (!e)
        return NULL;
    void *value = e->value;
    *at = e->next;
    free(e);
    m->count--;
    return value;
}

void map_clear(struct map *m)
{
    MAP_FOREACH (m, e)
        free(e);
    free(m->slots);
    *m = (struct map){0};
}

static struct map_entry *first_from(const struct map *m, size_t slot)
{
    for (; slot < m->n_slots; slot++)
        if (m->slots[slot])
            return m->slots[slot];
    return NULL;
}

struct map_entry *map_first(const struct map *m)
{
    return first_from(m, 0);
}

struct map_entry *map_next(const struct map *m, const struct map_entry *e)
{
    return e->next ? e->next : first_from(m, (e->hash & (m->n_slots - 1)) + 1);
}
