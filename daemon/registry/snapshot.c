/* Snapshots: an immutable two-level sorted index by name and by uuid for each kind. A commit copies
 * the list of chunks and the chunk it touches, so that it costs the same with ten documents and
 * with ten thousand, and readers walk arrays. */
#include "registry/snapshot.h"

#include <stdatomic.h>

/* Near the square root of 10,000: copying a chunk and copying the list of chunks cost alike. */
#define CHUNK_MAX 112

enum key { BY_NAME, BY_UUID, KEY_COUNT };

struct chunk {
    atomic_uint refs;
    unsigned n;
    /* BY_NAME holds a reference to each document. BY_UUID borrows: who has the chunk of one index has
     * the other index of the same snapshot too. */
    struct doc *docs[CHUNK_MAX];
};

struct index {
    atomic_uint refs;
    size_t count; /* documents */
    size_t n;     /* chunks, none is empty */
    size_t cap;
    struct chunk *chunks[];
};

struct snapshot {
    atomic_uint refs;
    uint64_t revision;
    struct index *index[KIND_COUNT][KEY_COUNT]; /* NULL while empty */
};

static const char *key_of(const struct doc *doc, enum key key)
{
    return key == BY_NAME ? doc->name : doc->uuid;
}

/* ---- chunks and indexes ---- */

static bool drop_ref(atomic_uint *refs)
{
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

static void take_ref(atomic_uint *refs)
{
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

static bool is_shared(atomic_uint *refs)
{
    return atomic_load_explicit(refs, memory_order_acquire) != 1;
}

static void chunk_unref(struct chunk *c, enum key key)
{
    if (!drop_ref(&c->refs))
        return;
    for (unsigned i = 0; key == BY_NAME && i < c->n; i++)
        doc_unref(c->docs[i]);
    free(c);
}

static struct chunk *chunk_new(struct doc *const *docs, unsigned n)
{
    struct chunk *c = mem_alloc(sizeof(*c));
    atomic_init(&c->refs, 1);
    c->n = n;
    if (n)
        memcpy(c->docs, docs, n * sizeof(struct doc *));
    return c;
}

static void index_unref(struct index *x, enum key key)
{
    if (!x || !drop_ref(&x->refs))
        return;
    for (size_t i = 0; i < x->n; i++)
        chunk_unref(x->chunks[i], key);
    free(x);
}

static struct index *index_alloc(size_t cap)
{
    struct index *x = mem_alloc(sizeof(*x) + cap * sizeof(struct chunk *));
    atomic_init(&x->refs, 1);
    x->count = x->n = 0;
    x->cap = cap;
    return x;
}

/* The index for writing, with room for one more chunk: itself, or a copy that shares the chunks. */
static struct index *index_writable(struct index **at, enum key key)
{
    struct index *old = *at;
    if (old && !is_shared(&old->refs) && old->n < old->cap)
        return old;
    size_t n = old ? old->n : 0;
    struct index *x = index_alloc(n + n / 8 + 2);
    for (size_t i = 0; i < n; i++) {
        x->chunks[i] = old->chunks[i];
        take_ref(&x->chunks[i]->refs);
    }
    x->n = n;
    x->count = old ? old->count : 0;
    index_unref(old, key);
    return *at = x;
}

static struct chunk *chunk_writable(struct index *x, size_t i, enum key key)
{
    struct chunk *old = x->chunks[i];
    if (!is_shared(&old->refs))
        return old;
    struct chunk *c = chunk_new(old->docs, old->n);
    for (unsigned d = 0; key == BY_NAME && d < c->n; d++)
        doc_ref(c->docs[d]);
    chunk_unref(old, key);
    return x->chunks[i] = c;
}

/* ---- search ---- */

struct place {
    size_t chunk;
    unsigned at;
    bool found;
};

/* The chunk whose range holds the text: the last that starts at or before it, else the first. */
static size_t find_chunk(const struct index *x, const char *text, enum key key)
{
    size_t low = 0, high = x->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(key_of(x->chunks[middle]->docs[0], key), text) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Where the text is, or where it would be inserted. */
static struct place find(const struct index *x, const char *text, enum key key)
{
    struct place p = {0};
    if (!x || !x->n)
        return p;
    p.chunk = find_chunk(x, text, key);
    const struct chunk *c = x->chunks[p.chunk];
    unsigned low = 0, high = c->n;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(key_of(c->docs[middle], key), text);
        if (order == 0)
            return (struct place){.chunk = p.chunk, .at = middle, .found = true};
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    p.at = low;
    return p;
}

static struct doc *lookup(const struct snapshot *s, enum kind kind, enum key key, const char *text)
{
    const struct index *x = s->index[kind][key];
    struct place p = find(x, text, key);
    return p.found ? x->chunks[p.chunk]->docs[p.at] : NULL;
}

/* ---- change ---- */

static void insert_chunk(struct index *x, size_t at, struct chunk *c)
{
    memmove(&x->chunks[at + 1], &x->chunks[at], (x->n - at) * sizeof(struct chunk *));
    x->chunks[at] = c;
    x->n++;
}

static void remove_chunk(struct index *x, size_t at)
{
    x->n--;
    memmove(&x->chunks[at], &x->chunks[at + 1], (x->n - at) * sizeof(struct chunk *));
}

/* Splits a full chunk: in the middle, or, when names come in order, behind its end so that both stay full. */
static void split(struct index *x, struct place *p, struct chunk *c)
{
    unsigned keep = p->at == c->n && p->chunk + 1 == x->n ? c->n : c->n / 2;
    struct chunk *upper = chunk_new(c->docs + keep, c->n - keep);
    c->n = keep;
    insert_chunk(x, p->chunk + 1, upper);
    if (p->at >= keep) {
        p->chunk++;
        p->at -= keep;
    }
}

static void index_insert(struct index **at, enum key key, struct doc *doc)
{
    struct place p = find(*at, key_of(doc, key), key);
    struct index *x = index_writable(at, key);
    if (!x->n)
        insert_chunk(x, 0, chunk_new(NULL, 0));
    struct chunk *c = chunk_writable(x, p.chunk, key);
    if (c->n == CHUNK_MAX) {
        split(x, &p, c);
        c = x->chunks[p.chunk];
    }
    memmove(&c->docs[p.at + 1], &c->docs[p.at], (c->n - p.at) * sizeof(struct doc *));
    c->docs[p.at] = doc;
    c->n++;
    x->count++;
}

/* Small neighbours become one, so that deleting most of many documents leaves few chunks. */
static void merge_with_next(struct index *x, size_t at, enum key key)
{
    if (at + 1 >= x->n || x->chunks[at]->n + x->chunks[at + 1]->n > CHUNK_MAX / 2)
        return;
    struct chunk *c = chunk_writable(x, at, key), *next = chunk_writable(x, at + 1, key);
    memcpy(&c->docs[c->n], next->docs, next->n * sizeof(struct doc *));
    c->n += next->n;
    next->n = 0; /* its references moved */
    chunk_unref(next, key);
    remove_chunk(x, at + 1);
}

static void index_remove(struct index **at, enum key key, struct place p)
{
    struct index *x = index_writable(at, key);
    struct chunk *c = chunk_writable(x, p.chunk, key);
    c->n--;
    memmove(&c->docs[p.at], &c->docs[p.at + 1], (c->n - p.at) * sizeof(struct doc *));
    x->count--;
    if (!c->n) {
        chunk_unref(c, key);
        remove_chunk(x, p.chunk);
    } else {
        merge_with_next(x, p.chunk, key);
    }
}

enum insert_result snapshot_insert(struct snapshot *s, struct doc *doc)
{
    if (lookup(s, doc->kind, BY_UUID, doc->uuid))
        return INSERT_UUID_TAKEN;
    if (lookup(s, doc->kind, BY_NAME, doc->name))
        return INSERT_NAME_TAKEN;
    index_insert(&s->index[doc->kind][BY_NAME], BY_NAME, doc_ref(doc));
    index_insert(&s->index[doc->kind][BY_UUID], BY_UUID, doc);
    return INSERT_OK;
}

bool snapshot_remove(struct snapshot *s, struct doc *doc)
{
    struct index **name = &s->index[doc->kind][BY_NAME], **uuid = &s->index[doc->kind][BY_UUID];
    struct place at_name = find(*name, doc->name, BY_NAME), at_uuid = find(*uuid, doc->uuid, BY_UUID);
    if (!at_name.found || !at_uuid.found || (*name)->chunks[at_name.chunk]->docs[at_name.at] != doc)
        return false;
    index_remove(uuid, BY_UUID, at_uuid);
    index_remove(name, BY_NAME, at_name);
    doc_unref(doc);
    return true;
}

/* ---- life ---- */

struct snapshot *snapshot_new(void)
{
    struct snapshot *s = mem_new(struct snapshot, 1);
    atomic_init(&s->refs, 1);
    return s;
}

struct snapshot *snapshot_edit(struct snapshot *base, uint64_t revision)
{
    struct snapshot *s = snapshot_new();
    s->revision = revision;
    memcpy(s->index, base->index, sizeof(s->index));
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        for (size_t key = 0; key < KEY_COUNT; key++)
            if (s->index[kind][key])
                take_ref(&s->index[kind][key]->refs);
    return s;
}

void snapshot_set_revision(struct snapshot *s, uint64_t revision)
{
    s->revision = revision;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    if (s)
        take_ref(&s->refs);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || !drop_ref(&s->refs))
        return;
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        for (size_t key = 0; key < KEY_COUNT; key++)
            index_unref(s->index[kind][key], (enum key)key);
    free(s);
}

/* ---- reading ---- */

uint64_t snapshot_revision(const struct snapshot *s)
{
    return s->revision;
}

size_t snapshot_count(const struct snapshot *s, enum kind kind)
{
    return s->index[kind][BY_NAME] ? s->index[kind][BY_NAME]->count : 0;
}

struct doc *snapshot_by_name(const struct snapshot *s, enum kind kind, const char *name)
{
    return lookup(s, kind, BY_NAME, name);
}

struct doc *snapshot_by_uuid(const struct snapshot *s, enum kind kind, const char *uuid)
{
    return lookup(s, kind, BY_UUID, uuid);
}

void snapshot_iter_init(struct snapshot_iter *it, const struct snapshot *s, enum kind kind, const char *after)
{
    *it = (struct snapshot_iter){.snapshot = s, .kind = kind};
    if (!after)
        return;
    struct place p = find(s->index[kind][BY_NAME], after, BY_NAME);
    it->chunk = p.chunk;
    it->at = p.at + (p.found ? 1 : 0);
}

struct doc *snapshot_iter_next(struct snapshot_iter *it)
{
    const struct index *x = it->snapshot->index[it->kind][BY_NAME];
    while (x && it->chunk < x->n) {
        const struct chunk *c = x->chunks[it->chunk];
        if (it->at < c->n)
            return c->docs[it->at++];
        it->chunk++;
        it->at = 0;
    }
    return NULL;
}

struct doc *snapshot_after(const struct snapshot *s, enum kind kind, const char *after)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, kind, after);
    return snapshot_iter_next(&it);
}
