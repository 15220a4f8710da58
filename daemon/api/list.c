/* Lists: what the caller may see, cut into pages. A plain list that nothing has changed since is sent again
 * from the same memory file; what is filtered or projected is select.c's. */
#include "api/handlers.h"

#include "api/select.h"
#include "core/inventory.h"
#include "core/plan.h"
#include "core/task.h"

#define CACHE_SLOTS     8
#define CACHE_MIN_BYTES (64 * 1024)
#define LIMIT_MAX       100000

struct cached {
    enum kind kind;
    struct principal *principal; /* a reference: its address identifies it */
    uint64_t revision, generation;
    int fd;
    uint64_t bytes;
    uint64_t used; /* for choosing which to drop */
};

struct list_cache {
    struct cached slots[CACHE_SLOTS];
    uint64_t clock;
};

struct list_cache *list_cache_new(void)
{
    struct list_cache *c = mem_new(struct list_cache, 1);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        c->slots[i].fd = -1;
    return c;
}

static void drop(struct cached *slot)
{
    close_p(&slot->fd);
    slot->fd = -1;
    principal_unref(slot->principal);
    slot->principal = NULL;
}

void list_cache_free(struct list_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        drop(&c->slots[i]);
    free(c);
}

static struct cached *cache_find(
    struct list_cache *c, enum kind kind, const struct principal *p, uint64_t revision, uint64_t generation)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        struct cached *slot = &c->slots[i];
        if (slot->fd < 0 || slot->kind != kind || slot->principal != p)
            continue;
        if (slot->revision == revision && slot->generation == generation) {
            slot->used = ++c->clock;
            return slot;
        }
        drop(slot);
    }
    return NULL;
}

static void cache_put(
    struct list_cache *c, struct request *r, uint64_t revision, uint64_t generation, const struct buf *text)
{
    struct cached *oldest = &c->slots[0];
    struct err e;
    int fd;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        if (c->slots[i].fd < 0 || c->slots[i].used < oldest->used)
            oldest = &c->slots[i];
    if (text->len < CACHE_MIN_BYTES || link_memfd(text->data, text->len, &fd, &e) < 0)
        return;
    drop(oldest);
    *oldest = (struct cached){.kind = (enum kind)r->route->kind,
        .principal = principal_ref(r->principal),
        .revision = revision,
        .generation = generation,
        .fd = fd,
        .bytes = text->len,
        .used = ++c->clock};
}

struct listing {
    struct request *r;
    struct snapshot *s;
    size_t limit;
    size_t n;
    struct buf text;
    const char *last;
};

static void add_item(struct listing *l, const struct doc *d)
{
    if (l->n)
        buf_str(&l->text, ",");
    resource_text(l->r->api->core, l->s, d, false, &l->text);
    l->n++;
    l->last = d->name;
}

static void list_items(struct listing *l, permission_id permission)
{
    struct request *r = l->r;
    bool all = access_scope(r->principal, permission) == ACCESS_ALL;
    struct snapshot_iter it;
    struct doc *d;
    snapshot_iter_init(&it, l->s, (enum kind)r->route->kind, r->query[QUERY_INDEX_CURSOR]);
    buf_printf(&l->text, "{\"revision\":%llu,\"items\":[", (unsigned long long)snapshot_revision(l->s));
    while (l->n < l->limit && (d = snapshot_iter_next(&it)))
        if (all || may_read(l->s, r->principal, d))
            add_item(l, d);
    buf_str(&l->text, "]");
    if (l->n == l->limit && l->last && snapshot_iter_next(&it)) {
        buf_str(&l->text, ",\"next\":");
        buf_json(&l->text, l->last);
    }
    buf_str(&l->text, "}");
}

static uint64_t generation_of(struct core *core)
{
    return inventory_generation(core->inventory) + tasks_generation(core->tasks);
}

static int list_selected(struct request *r, struct selection *x, struct err *e)
{
    enum kind kind = (enum kind)r->route->kind;
    if (r->query[QUERY_INDEX_FILTER] && filter_parse(kind, r->query[QUERY_INDEX_FILTER], &x->filter, e) < 0)
        return -1;
    if (r->query[QUERY_INDEX_FIELDS] &&
        projection_parse(kind, r->query[QUERY_INDEX_FIELDS], &x->fields, e) < 0) {
        filter_free(x->filter);
        return -1;
    }
    select_items(x);
    return 0;
}

int h_list(struct request *r, struct err *e)
{
    permission_id permission;
    struct api *api = r->api;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(api->registry);
    uint64_t revision = snapshot_revision(s), generation = generation_of(api->core), limit = LIMIT_MAX;
    bool plain = !r->query[QUERY_INDEX_LIMIT] && !r->query[QUERY_INDEX_CURSOR] &&
                 !r->query[QUERY_INDEX_FILTER] && !r->query[QUERY_INDEX_FIELDS];
    if (!permission_parse(r->route->permission, &permission))
        return err_set(e, ERR_INTERNAL, "unknown permission %s", r->route->permission);
    const struct cached *hit =
        plain ? cache_find(api->lists, (enum kind)r->route->kind, r->principal, revision, generation) : NULL;
    if (hit) {
        reply_fd(r, hit->fd, hit->bytes, NULL);
        return 0;
    }
    if (r->query[QUERY_INDEX_LIMIT])
        text_u64(r->query[QUERY_INDEX_LIMIT], &limit);
    if (limit < 1 || limit > LIMIT_MAX)
        return err_set(e, ERR_INVALID, "limit must be 1 to %d", LIMIT_MAX);
    if (r->query[QUERY_INDEX_FILTER] || r->query[QUERY_INDEX_FIELDS])
        return list_selected(r,
            &(struct selection){.r = r,
                .s = s,
                .all = access_scope(r->principal, permission) == ACCESS_ALL,
                .revision = revision,
                .generation = generation,
                .limit = limit},
            e);
    struct listing l = {.r = r, .s = s, .limit = limit};
    list_items(&l, permission);
    if (plain)
        cache_put(api->lists, r, revision, generation, &l.text);
    reply(r, &(struct reply){.status = 200, .body = l.text.data, .len = l.text.len});
    buf_free(&l.text);
    return 0;
}

int h_show(struct request *r, struct err *e)
{
    struct doc *d;
    uint64_t wait_ms = 0;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    if (find_resource(r, s, &d, e) < 0 || require_read(s, r->principal, d, e) < 0)
        return -1;
    if (r->query[QUERY_INDEX_WAIT] && !wait_parse(r->query[QUERY_INDEX_WAIT], &wait_ms)) {
        err_set(e, ERR_INVALID, "wait must be a time such as 30s or 500ms");
        return -1;
    }
    if (wait_ms) {
        wait_for_task(r, d->uuid, wait_ms, 200, NULL);
        return 0;
    }
    reply_resource(r, 200, s, d, NULL);
    return 0;
}
