#include "api/select.h"

#include "core/host_stat.h"

struct item {
    const struct doc *doc;
    size_t end; /* of its text */
};

/* Immutable once made; shared by the requests that look into it. */
struct rendering {
    unsigned refs;      /* loop thread only */
    struct snapshot *s; /* holds the documents */
    enum kind kind;
    uint64_t generation;
    struct buf text;
    struct item *items; /* in the order of their names */
    size_t n;
};

struct select_cache {
    struct workers *workers;
    struct rendering *newest; /* of all items of a kind */
};

static void rendering_unref(struct rendering *rendering)
{
    if (!rendering || --rendering->refs)
        return;
    snapshot_unref(rendering->s);
    buf_free(&rendering->text);
    free(rendering->items);
    free(rendering);
}

struct select_cache *select_cache_new(struct loop *loop)
{
    struct select_cache *c = mem_new(struct select_cache, 1);
    /* Half of the CPUs: the loop and the gate need theirs. */
    c->workers = workers_new(loop, MAX_OF(host_cpu_count() / 2, 1U));
    return c;
}

void select_cache_free(struct select_cache *c)
{
    if (!c)
        return;
    workers_free(c->workers);
    rendering_unref(c->newest);
    free(c);
}

/* ---- on the loop ---- */

static struct rendering *render(const struct selection *x)
{
    struct request *r = x->r;
    struct rendering *made = mem_new(struct rendering, 1);
    *made = (struct rendering){
        .refs = 1, .s = snapshot_ref(x->s), .kind = (enum kind)r->route->kind, .generation = x->generation};
    made->items = mem_new(struct item, snapshot_count(x->s, made->kind) + 1);
    struct snapshot_iter it;
    snapshot_iter_init(&it, x->s, made->kind, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        if (!x->all && !may_read(x->s, r->principal, d))
            continue;
        resource_text(r->api->core, x->s, d, false, &made->text);
        made->items[made->n++] = (struct item){d, made->text.len};
    }
    return made;
}

/* A reference. */
static struct rendering *rendering_of(const struct selection *x)
{
    struct select_cache *c = x->r->api->selections;
    if (!x->all)
        return render(x);
    struct rendering *newest = c->newest;
    if (!newest || newest->kind != (enum kind)x->r->route->kind || newest->generation != x->generation ||
        snapshot_revision(newest->s) != x->revision) {
        rendering_unref(newest);
        newest = c->newest = render(x);
    }
    newest->refs++;
    return newest;
}

/* ---- on a worker ---- */

struct job {
    struct request *r;
    struct rendering *rendering;
    char *cursor;
    size_t limit;
    struct filter *filter;
    struct projection *fields;
    struct buf text;
};

static size_t first_after(const struct rendering *rendering, const char *cursor)
{
    size_t low = 0, high = cursor ? rendering->n : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(rendering->items[middle].doc->name, cursor) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool add_item(struct job *j, size_t i, bool first)
{
    size_t start = i ? j->rendering->items[i - 1].end : 0, n = j->rendering->items[i].end - start;
    const char *text = j->rendering->text.data + start;
    if (j->filter && !filter_matches(j->filter, text, n))
        return false;
    if (!first)
        buf_str(&j->text, ",");
    size_t at = j->text.len;
    buf_add(&j->text, text, n);
    if (j->fields)
        projection_apply(j->fields, &j->text, at);
    return true;
}

static void run(void *arg)
{
    struct job *j = arg;
    const struct rendering *rendering = j->rendering;
    const char *last = NULL;
    size_t n = 0;
    buf_printf(
        &j->text, "{\"revision\":%llu,\"items\":[", (unsigned long long)snapshot_revision(rendering->s));
    for (size_t i = first_after(rendering, j->cursor); n < j->limit && i < rendering->n; i++)
        if (add_item(j, i, n == 0)) {
            last = rendering->items[i].doc->name;
            n++;
        }
    buf_str(&j->text, "]");
    if (n == j->limit && last && snapshot_after(rendering->s, rendering->kind, last)) {
        buf_str(&j->text, ",\"next\":");
        buf_json(&j->text, last);
    }
    buf_str(&j->text, "}");
}

static void done(void *arg)
{
    struct job *j = arg;
    reply(j->r, &(struct reply){.status = 200, .body = j->text.data, .len = j->text.len});
    rendering_unref(j->rendering);
    filter_free(j->filter);
    projection_free(j->fields);
    buf_free(&j->text);
    free(j->cursor);
    free(j);
}

void select_items(const struct selection *x)
{
    struct job *j = mem_new(struct job, 1);
    *j = (struct job){.r = x->r,
        .rendering = rendering_of(x),
        .cursor = mem_strdup(x->r->query[QUERY_INDEX_CURSOR]),
        .limit = x->limit,
        .filter = x->filter,
        .fields = x->fields};
    workers_submit(x->r->api->selections->workers, run, done, j);
}
