/* Ids in a map and in the order of their revisions. See dedup.h. */
#include "registry/dedup.h"

#include "base/mem.h"

struct remembered {
    struct remembered *older, *newer;
    uint64_t revision;
    char id[];
};

uint64_t dedup_find(const struct dedup *d, const char *id)
{
    const struct remembered *r = map_get(&d->ids, id);
    return r ? r->revision : 0;
}

void dedup_add(struct dedup *d, const char *id, uint64_t revision)
{
    size_t len = strlen(id);
    struct remembered *r = mem_alloc(sizeof(*r) + len + 1);
    *r = (struct remembered){.older = d->newest, .revision = revision};
    memcpy(r->id, id, len + 1);
    if (d->newest)
        d->newest->newer = r;
    else
        d->oldest = r;
    d->newest = r;
    map_set(&d->ids, id, r);
}

static void forget(struct dedup *d, struct remembered *r)
{
    *(r->older ? &r->older->newer : &d->oldest) = r->newer;
    *(r->newer ? &r->newer->older : &d->newest) = r->older;
    map_remove(&d->ids, r->id);
    free(r);
}

void dedup_prune(struct dedup *d, uint64_t revision)
{
    while (d->oldest && d->oldest->revision + DEDUP_KEEP <= revision)
        forget(d, d->oldest);
}

void dedup_undo(struct dedup *d, uint64_t revision)
{
    while (d->newest && d->newest->revision > revision)
        forget(d, d->newest);
}

void dedup_clear(struct dedup *d)
{
    while (d->oldest)
        forget(d, d->oldest);
    map_clear(&d->ids);
}
