#include "core/id_range.h"

#include "base/map.h"
#include "core/views.h"
#include "guest/ids.h"

/* As many as 32-bit ids hold, without the last, which has -1 in it. */
#define RANGES_MAX ((size_t)((UINT32_MAX - CONTAINER_ID_BASE) / CONTAINER_ID_COUNT))

/* A plan takes no longer to be committed; one that was only looked at (a dry run) is forgotten then. */
#define PROMISE_MS 60000

struct promise {
    size_t index;
    uint64_t until_ms; /* monotonic */
};

struct id_ranges {
    struct map promises; /* guest uuid → struct promise */
};

struct id_ranges *id_ranges_new(void)
{
    return mem_new(struct id_ranges, 1);
}

void id_ranges_free(struct id_ranges *ranges)
{
    if (!ranges)
        return;
    MAP_FOREACH (&ranges->promises, entry)
        free(entry->value);
    map_clear(&ranges->promises);
    free(ranges);
}

int64_t id_range_of(const struct guest_record *record)
{
    return record->id_base ? record->id_base : CONTAINER_ID_BASE;
}

void id_range_settled(struct core *core, const char *guest_uuid)
{
    free(map_remove(&core->id_ranges->promises, guest_uuid));
}

static void mark(bool *taken, size_t n, size_t index)
{
    if (index < n)
        taken[index] = true;
}

static void mark_committed(struct snapshot *s, bool *taken, size_t n)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_spec *spec = guest_spec_of(d);
        const struct guest_record *r = guest_record_of(d);
        if (spec && r && spec->type == GUEST_CONTAINER)
            mark(taken, n, (size_t)(id_range_of(r) - CONTAINER_ID_BASE) / CONTAINER_ID_COUNT);
    }
}

static void mark_promised(struct id_ranges *ranges, const char *except, uint64_t now, bool *taken, size_t n)
{
    MAP_FOREACH (&ranges->promises, entry) {
        const struct promise *promise = entry->value;
        if (promise->until_ms <= now)
            free(map_remove(&ranges->promises, entry->key));
        else if (!streq(entry->key, except))
            mark(taken, n, promise->index);
    }
}

int id_range_take(
    struct core *core, struct snapshot *s, const char *guest_uuid, int64_t *ret_base, struct err *e)
{
    struct id_ranges *ranges = core->id_ranges;
    uint64_t now = clock_monotonic_ms(&clock_system);
    /* One of so many is free. */
    size_t n = MIN_OF(snapshot_count(s, KIND_GUEST) + ranges->promises.count + 1, RANGES_MAX), index = 0;
    _cleanup_free_ bool *taken = mem_new(bool, n);
    mark_committed(s, taken, n);
    mark_promised(ranges, guest_uuid, now, taken, n);
    while (index < n && taken[index])
        index++;
    if (index == n)
        return err_set(e, ERR_CAPACITY, "all %zu ranges of user ids for containers are taken", RANGES_MAX);
    struct promise promise = {index, now + PROMISE_MS};
    free(map_set(&ranges->promises, guest_uuid, mem_dup(&promise, sizeof(promise))));
    *ret_base = CONTAINER_ID_BASE + (int64_t)index * CONTAINER_ID_COUNT;
    return 0;
}
