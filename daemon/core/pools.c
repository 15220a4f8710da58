#include "core/pools.h"

#include <pthread.h>

#include "base/map.h"
#include "core/views.h"
#include "guest/ids.h"

struct pool {
    const struct storage_ops *ops;
    void *handle;
    unsigned users; /* and one for the map */
    struct pool_stat stat;
    bool stat_known;
};

struct pools {
    struct core *core;
    pthread_mutex_t lock; /* guards all below, and the opening of a pool */
    struct map by_uuid;   /* → struct pool */
};

struct pools *pools_new(struct core *core)
{
    struct pools *p = mem_new(struct pools, 1);
    p->core = core;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

/* With the lock held. */
static void pool_unref(struct pool *p)
{
    if (!p || --p->users)
        return;
    p->ops->close(p->handle);
    free(p);
}

void pools_free(struct pools *pools)
{
    if (!pools)
        return;
    MAP_FOREACH (&pools->by_uuid, entry)
        pool_unref(entry->value);
    map_clear(&pools->by_uuid);
    pthread_mutex_destroy(&pools->lock);
    free(pools);
}

/* With the lock held. */
static int open_pool(struct pools *pools, const struct doc *doc, struct pool **ret, struct err *e)
{
    struct core *core = pools->core;
    const struct pool_spec *spec = pool_spec_of(doc);
    _cleanup_snapshot_ struct snapshot *now = registry_snapshot(core->registry);
    if (!snapshot_by_uuid(now, KIND_POOL, doc->uuid)) /* the caller's snapshot is older than its end */
        return err_set(e, ERR_NOT_FOUND, "the pool %s does not exist any more", doc->name);
    if (!spec || (size_t)spec->kind >= core->drivers->n_storage)
        return err_set(e, ERR_UNSUPPORTED, "pool %s has a kind that this release does not know", doc->name);
    _cleanup_json_ json_t *settings = NULL;
    if (json_parse(doc->spec, doc->spec_len, "pool", &settings, e) < 0)
        return -1;
    struct pool_config config = {
        .uuid = doc->uuid,
        .name = doc->name,
        .settings = settings,
        .state_dir = core->state_dir,
        .id_base = CONTAINER_ID_BASE,
        .id_count = CONTAINER_ID_COUNT,
        .helper_dir = core->helper_dir,
    };
    const struct storage_ops *ops = core->drivers->storage[spec->kind];
    void *handle;
    if (ops->open(&config, &handle, e) < 0)
        return err_prefix(e, "cannot open pool %s", doc->name);
    struct pool *p = mem_new(struct pool, 1);
    p->ops = ops;
    p->handle = handle;
    p->users = 1;
    map_set(&pools->by_uuid, doc->uuid, p);
    *ret = p;
    return 0;
}

int pools_get(struct pools *pools, const struct doc *pool, struct pool_use *ret, struct err *e)
{
    if (!pool)
        return err_set(e, ERR_NOT_FOUND, "the pool does not exist any more");
    pthread_mutex_lock(&pools->lock);
    struct pool *p = map_get(&pools->by_uuid, pool->uuid);
    int r = p ? 0 : open_pool(pools, pool, &p, e);
    if (r == 0) {
        p->users++;
        *ret = (struct pool_use){.ops = p->ops, .handle = p->handle, .pools = pools, .pool = p};
    }
    pthread_mutex_unlock(&pools->lock);
    return r;
}

void pool_use_end(struct pool_use *use)
{
    if (!use->pool)
        return;
    pthread_mutex_lock(&use->pools->lock);
    pool_unref(TAKE_PTR(use->pool));
    pthread_mutex_unlock(&use->pools->lock);
}

void pools_drop(struct pools *pools, const char *uuid)
{
    pthread_mutex_lock(&pools->lock);
    pool_unref(map_remove(&pools->by_uuid, uuid));
    pthread_mutex_unlock(&pools->lock);
}

bool pools_stat(struct pools *pools, const char *uuid, struct pool_stat *ret)
{
    pthread_mutex_lock(&pools->lock);
    const struct pool *p = map_get(&pools->by_uuid, uuid);
    bool known = p && p->stat_known;
    if (known)
        *ret = p->stat;
    pthread_mutex_unlock(&pools->lock);
    return known;
}

void pools_refresh(struct pools *pools, struct snapshot *s)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_POOL, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        _cleanup_pool_use_ struct pool_use use = {0};
        struct pool_stat stat;
        struct err e;
        bool known = pools_get(pools, d, &use, &e) == 0 && use.ops->stat(use.handle, &stat, &e) == 0;
        pthread_mutex_lock(&pools->lock);
        struct pool *p = map_get(&pools->by_uuid, d->uuid);
        if (p) {
            p->stat_known = known;
            if (known)
                p->stat = stat;
        }
        pthread_mutex_unlock(&pools->lock);
    }
}
