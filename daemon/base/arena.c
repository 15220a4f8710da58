#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_SIZE 1000

struct arena_block {
    struct arena_block *next;
    size_t size;
    alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!a->blocks || a->blocks->size - a->used < size) {
        size_t block_size = MAX_OF(size, (size_t)(a->blocks ? BLOCK_SIZE * 4 : BLOCK_SIZE));
        struct arena_block *b = mem_zero(1, sizeof(*b) + block_size);
        b->size = block_size;
        b->next = a->blocks;
        a->blocks = b;
        a->used = 0;
    }
    void *p = a->blocks->data + a->used;
    a->used += size;
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    if (!s)
        return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

void arena_free(struct arena *a)
{
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){0};
}
