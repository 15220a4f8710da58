/* Documents as the registry makes them: rendered once, in one allocation, shared by reference count. */
#pragma once

#include "base/json.h"
#include "registry/registry.h"

/* Labels as a sorted array over parsed JSON, or over another document's. */
struct label_set {
    json_t *json; /* owner of the strings; NULL when they are borrowed elsewhere */
    struct label *items;
    size_t n;
};
/* `text` is a JSON object of strings or NULL. */
int label_set_parse(const char *text, struct label_set *ret, struct err *e);
void label_set_clear(struct label_set *set);
#define _cleanup_label_set_ __attribute__((cleanup(label_set_clear)))
/* {"key":"value",…} */
void labels_render(struct buf *out, const struct label *labels, size_t n);

/* What a document is made of; everything is copied. */
struct doc_source {
    enum kind kind;
    const char *uuid;
    const char *name;
    uint64_t revision;
    uint64_t created_ms;
    uint64_t modified_ms;
    const struct label *labels;
    size_t n_labels;
    const char *description; /* NULL: none */
    const char *spec;
    size_t spec_len;
    const char *private; /* NULL: {} */
};
struct doc *doc_make(const struct doc_source *source);

/* The row in the database that holds it: 0 until it was written. Only the registry's own thread uses
 * it, before the document is shared. */
int64_t doc_row(const struct doc *doc);
void doc_set_row(struct doc *doc, int64_t row);
