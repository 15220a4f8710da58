/* Documents: kinds by name, labels, and the one allocation that holds a document with the text that
 * answers are made of. Nothing here knows where documents are kept. */
#include "registry/doc.h"

#include <stdatomic.h>

static const struct view_hook *views[KIND_COUNT];

struct doc_box {
    struct doc doc; /* first: a struct doc pointer is a pointer to its box */
    atomic_uint refs;
    int64_t row;
    struct label labels[]; /* then all the strings */
};

void registry_set_view(enum kind kind, const struct view_hook *hook)
{
    views[kind] = hook;
}

/* ---- labels ---- */

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

int label_set_parse(const char *text, struct label_set *ret, struct err *e)
{
    *ret = (struct label_set){0};
    if (!text || streq(text, "{}"))
        return 0;
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(text, strlen(text), "labels", &json, e) < 0)
        return -1;
    if (!json_is_object(json))
        return err_set(e, ERR_INVALID, "labels must be an object");
    _cleanup_free_ struct label *items = mem_new(struct label, json_object_size(json));
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach (json, key, value) {
        if (!json_is_string(value))
            return err_set(e, ERR_INVALID, "label %s must be a string", key);
        items[n++] = (struct label){.key = key, .value = json_string_value(value)};
    }
    if (n)
        qsort(items, n, sizeof(*items), compare_labels);
    *ret = (struct label_set){.json = TAKE_PTR(json), .items = TAKE_PTR(items), .n = n};
    return 0;
}

void label_set_clear(struct label_set *set)
{
    json_decref(set->json);
    free(set->items);
    *set = (struct label_set){0};
}

void labels_render(struct buf *out, const struct label *labels, size_t n)
{
    buf_add(out, "{", 1);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add(out, ",", 1);
        buf_json(out, labels[i].key);
        buf_add(out, ":", 1);
        buf_json(out, labels[i].value);
    }
    buf_add(out, "}", 1);
}

/* ---- the document ---- */

static void render_time(struct buf *out, const char *key, uint64_t unix_ms)
{
    char text[TIME_LEN + 1];
    time_format(unix_ms, text);
    buf_str(out, key);
    buf_add(out, text, TIME_LEN);
}

/* {"metadata":{…},"spec":{…} : the closing brace is left to who adds a status. */
static void render(struct buf *out, const struct doc_source *s)
{
    buf_str(out, "{\"metadata\":{\"name\":");
    buf_json(out, s->name);
    buf_str(out, ",\"uuid\":\"");
    buf_str(out, s->uuid);
    buf_str(out, "\",\"revision\":");
    buf_u64(out, s->revision);
    render_time(out, ",\"created\":\"", s->created_ms);
    render_time(out, "\",\"modified\":\"", s->modified_ms);
    buf_str(out, "\",\"labels\":");
    labels_render(out, s->labels, s->n_labels);
    if (s->description) {
        buf_str(out, ",\"description\":");
        buf_json(out, s->description);
    }
    buf_str(out, "},\"spec\":");
    buf_add(out, s->spec, s->spec_len);
}

/* Copies a string with its NUL to *at and moves *at behind it. */
static const char *place(char **at, const char *s, size_t len)
{
    char *copy = *at;
    memcpy(copy, s, len);
    copy[len] = '\0';
    *at += len + 1;
    return copy;
}

static size_t strings_size(const struct doc_source *s, size_t fragment_len)
{
    size_t size = fragment_len + 1 + strlen(s->name) + 1;
    for (size_t i = 0; i < s->n_labels; i++)
        size += strlen(s->labels[i].key) + strlen(s->labels[i].value) + 2;
    size += s->description ? strlen(s->description) + 1 : 0;
    return size + (s->private ? strlen(s->private) + 1 : 0);
}

struct doc *doc_make(const struct doc_source *s)
{
    _cleanup_buf_ struct buf text = {0};
    buf_reserve(&text, 512 + s->spec_len);
    render(&text, s);
    size_t fixed = sizeof(struct doc_box) + s->n_labels * sizeof(struct label);
    struct doc_box *box = mem_alloc(fixed + strings_size(s, text.len));
    char *at = (char *)box + fixed;
    box->doc = (struct doc){.kind = s->kind,
        .revision = s->revision,
        .created_ms = s->created_ms,
        .modified_ms = s->modified_ms,
        .labels = box->labels,
        .n_labels = s->n_labels,
        .fragment_len = text.len,
        .spec_len = s->spec_len,
        .private = "{}"};
    memcpy(box->doc.uuid, s->uuid, UUID_LEN + 1);
    box->row = 0;
    atomic_init(&box->refs, 1);
    box->doc.name = place(&at, s->name, strlen(s->name));
    for (size_t i = 0; i < s->n_labels; i++) {
        box->labels[i].key = place(&at, s->labels[i].key, strlen(s->labels[i].key));
        box->labels[i].value = place(&at, s->labels[i].value, strlen(s->labels[i].value));
    }
    if (s->description)
        box->doc.description = place(&at, s->description, strlen(s->description));
    box->doc.fragment = place(&at, text.data, text.len);
    box->doc.spec = box->doc.fragment + (text.len - s->spec_len);
    if (s->private && !streq(s->private, "{}"))
        box->doc.private = place(&at, s->private, strlen(s->private));
    const struct view_hook *hook = views[s->kind];
    box->doc.view = hook && hook->build ? hook->build(&box->doc) : NULL;
    return &box->doc;
}

struct doc *doc_ref(struct doc *doc)
{
    if (doc)
        atomic_fetch_add_explicit(&((struct doc_box *)doc)->refs, 1, memory_order_relaxed);
    return doc;
}

void doc_unref(struct doc *doc)
{
    struct doc_box *box = (struct doc_box *)doc;
    if (!doc || atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (doc->view && views[doc->kind] && views[doc->kind]->free)
        views[doc->kind]->free(doc->view);
    free(box);
}

int64_t doc_row(const struct doc *doc)
{
    return ((const struct doc_box *)doc)->row;
}

void doc_set_row(struct doc *doc, int64_t row)
{
    ((struct doc_box *)doc)->row = row;
}
