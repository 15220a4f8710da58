/* Applying: expectations first, then new documents, then their places in the index. See apply.h. */
#include "registry/apply.h"

#include "registry/doc.h"

void applied_clear(struct applied *a)
{
    for (size_t i = 0; i < a->n_changes; i++) {
        doc_unref(a->changes[i].before);
        doc_unref(a->changes[i].after);
    }
    free(a->changes);
    snapshot_unref(a->after);
    *a = (struct applied){0};
}

static int check_expected(const struct op *op, const struct doc *old, struct err *e)
{
    const char *kind = kind_singular(op->put.kind);
    const char *name = old ? old->name : op->put.name ? op->put.name : op->put.uuid;
    if (op->expected == REVISION_NONE && old)
        return err_set(e, ERR_PRECONDITION, "%s %s exists already", kind, name);
    bool must_exist = op->type == OP_PUT ? op->put.created_ms == 0 : op->expected != REVISION_NONE;
    must_exist |= op->expected != REVISION_ANY && op->expected != REVISION_NONE;
    if (must_exist && !old)
        return err_set(e, ERR_NOT_FOUND, "%s %s does not exist any more", kind, name);
    if (old && op->expected != REVISION_ANY && op->expected != old->revision) {
        err_set(e, ERR_PRECONDITION,
            "%s %s was changed in the meantime: it has revision %llu, the change was made for %llu", kind,
            name, (unsigned long long)old->revision, (unsigned long long)op->expected);
        return err_hint(e, "Read it again and repeat the change.");
    }
    return 0;
}

static int check_unchanged(const struct snapshot *base, uint64_t revision, struct err *e)
{
    if (snapshot_revision(base) == revision)
        return 0;
    err_set(e, ERR_PRECONDITION, "something was changed in the meantime");
    return err_hint(e, "Repeat the change.");
}

static int make_doc(
    const struct op *op, const struct doc *old, uint64_t revision, struct doc **ret, struct err *e)
{
    const struct put *p = &op->put;
    _cleanup_label_set_ struct label_set labels = {0};
    bool keep = op->keep_metadata && old;
    if (!keep && label_set_parse(p->labels, &labels, e) < 0)
        return -1;
    struct doc_source source = {.kind = p->kind,
        .uuid = p->uuid,
        .name = keep ? old->name : p->name,
        .revision = revision,
        .created_ms = p->created_ms || !old ? p->created_ms : old->created_ms,
        .modified_ms = p->modified_ms,
        .labels = keep ? old->labels : labels.items,
        .n_labels = keep ? old->n_labels : labels.n,
        .description = keep ? old->description : p->description,
        .spec = p->spec ? p->spec
                : old   ? old->spec
                        : "{}",
        .spec_len = p->spec ? strlen(p->spec)
                    : old   ? old->spec_len
                            : 2,
        .private = p->private ? p->private
                   : old      ? old->private
                              : NULL};
    struct doc *doc = doc_make(&source);
    size_t size = doc->fragment_len + strlen(doc->private);
    if (size > DOC_MAX_BYTES + 4096) { /* the rest is what the server adds */
        doc_unref(doc);
        return err_set(e, ERR_TOO_LARGE, "%s %s would have %zu KiB; a document may have %d KiB",
            kind_singular(p->kind), p->name, size / 1024, DOC_MAX_BYTES / 1024);
    }
    doc_set_row(doc, old ? doc_row(old) : 0);
    *ret = doc;
    return 0;
}

static int twice(const struct doc *doc, struct err *e)
{
    return err_set(
        e, ERR_INVALID, "the transaction changes %s %s twice", kind_singular(doc->kind), doc->name);
}

/* All old documents leave before the new ones come, so that two may swap their names. */
static int replace_all(struct snapshot *s, const struct applied *a, struct err *e)
{
    for (size_t i = 0; i < a->n_changes; i++)
        if (a->changes[i].before && !snapshot_remove(s, a->changes[i].before))
            return twice(a->changes[i].before, e);
    for (size_t i = 0; i < a->n_changes; i++) {
        struct doc *doc = a->changes[i].after;
        enum insert_result result = doc ? snapshot_insert(s, doc) : INSERT_OK;
        if (result == INSERT_UUID_TAKEN)
            return twice(doc, e);
        if (result == INSERT_NAME_TAKEN)
            return err_set(
                e, ERR_EXISTS, "a %s named %s exists already", kind_singular(doc->kind), doc->name);
    }
    return 0;
}

static int collect(
    struct snapshot *base, struct txn_reader *txn, uint64_t revision, struct applied *a, struct err *e)
{
    struct op op;
    size_t cap = 0;
    int more;
    while ((more = txn_next(txn, &op, e)) > 0) {
        if (op.type == OP_UNCHANGED) {
            if (check_unchanged(base, op.expected, e) < 0)
                return -1;
            continue;
        }
        struct doc *old = snapshot_by_uuid(base, op.put.kind, op.put.uuid), *new = NULL;
        if (check_expected(&op, old, e) < 0)
            return -1;
        if (op.type == OP_REQUIRE || (op.type == OP_DELETE && !old))
            continue;
        if (op.type == OP_PUT && make_doc(&op, old, revision, &new, e) < 0)
            return -1;
        if (a->n_changes == cap) {
            cap = cap ? cap * 2 : 4;
            a->changes = mem_resize(a->changes, cap, sizeof(*a->changes));
        }
        a->changes[a->n_changes++] = (struct change){.before = doc_ref(old), .after = new};
    }
    return more;
}

int apply_txn(
    struct snapshot *base, struct txn_reader *txn, uint64_t revision, struct applied *ret, struct err *e)
{
    struct applied a = {0};
    if (collect(base, txn, revision, &a, e) < 0)
        goto refused;
    if (a.n_changes) {
        a.after = snapshot_edit(base, revision);
        if (replace_all(a.after, &a, e) < 0)
            goto refused;
    }
    *ret = a;
    return 0;
refused:
    applied_clear(&a);
    return -1;
}
