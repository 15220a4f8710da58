/* See registry_model.h. */
#include "tests/unit/registry_model.h"

/* Transaction r deletes its slot instead when it is one of these; otherwise it writes it. */
static bool deletes(uint64_t r)
{
    return r % 5 == 0 && r > MODEL_SLOTS;
}

/* Some documents need many pages, so that a commit is many writes. */
static size_t padding(uint64_t r)
{
    return r % 4 == 0 ? 40000 : r % 3 == 0 ? 5000 : 30;
}

static char *model_spec(uint64_t r)
{
    struct buf b = {0};
    buf_printf(&b, "{\"n\":%llu,\"pad\":\"", (unsigned long long)r);
    for (size_t i = 0; i < padding(r); i++)
        buf_add(&b, &"abcdefghijklmnopqrstuvwxyz"[(i + r) % 26], 1);
    buf_str(&b, "\"}");
    return buf_take(&b);
}

/* The transaction that wrote the slot as it is after `revision`; 0 when there is nothing. */
static uint64_t writer_of(unsigned slot, uint64_t revision)
{
    for (uint64_t r = revision; r > 0; r--)
        if (r % MODEL_SLOTS == slot)
            return deletes(r) ? 0 : r;
    return 0;
}

struct txn *model_txn(uint64_t revision)
{
    static const enum kind kinds[] = {KIND_GUEST, KIND_VOLUME};
    unsigned slot = (unsigned)(revision % MODEL_SLOTS);
    bool exists = writer_of(slot, revision - 1) != 0;
    struct txn *t = txn_new();
    _cleanup_free_ char *spec = model_spec(revision), *id = mem_printf("t%llu", (unsigned long long)revision);
    txn_set_id(t, id);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char name[32], uuid[UUID_LEN + 1];
        uuid_of(slot, uuid);
        if (deletes(revision) && exists) {
            txn_delete(t, kinds[i], uuid, REVISION_ANY);
            continue;
        }
        snprintf(name, sizeof(name), "slot%u-%llu", slot, (unsigned long long)revision);
        struct put put = {.kind = kinds[i],
            .uuid = uuid,
            .name = name,
            .expected = exists ? REVISION_ANY : REVISION_NONE,
            .created_ms = exists ? 0 : revision,
            .modified_ms = revision,
            .spec = spec};
        txn_put(t, &put);
    }
    return t;
}

static char *slot_difference(const struct snapshot *s, enum kind kind, unsigned slot, uint64_t revision)
{
    char uuid[UUID_LEN + 1];
    uint64_t writer = writer_of(slot, revision);
    const struct doc *d = snapshot_by_uuid(s, kind, uuid_of(slot, uuid));
    if (!writer || !d)
        return !writer && !d ? NULL
                             : mem_printf("%s in slot %u is %s at revision %llu", kind_singular(kind), slot,
                                   d ? "there" : "missing", (unsigned long long)revision);
    _cleanup_free_ char *spec = model_spec(writer);
    if (d->revision != writer || d->spec_len != strlen(spec) || memcmp(d->spec, spec, d->spec_len) != 0)
        return mem_printf("%s in slot %u is of revision %llu, not %llu", kind_singular(kind), slot,
            (unsigned long long)d->revision, (unsigned long long)writer);
    return NULL;
}

char *model_difference(struct registry *r, uint64_t revision)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r);
    char *difference = NULL;
    for (unsigned slot = 0; slot < MODEL_SLOTS && !difference; slot++) {
        difference = slot_difference(s, KIND_GUEST, slot, revision);
        if (!difference)
            difference = slot_difference(s, KIND_VOLUME, slot, revision);
    }
    return difference;
}

char *model_check(struct registry *r, uint64_t acknowledged, uint64_t proposed)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r);
    uint64_t revision = snapshot_revision(s);
    if (revision < acknowledged || revision > proposed)
        return mem_printf("revision %llu, but %llu were acknowledged and %llu proposed",
            (unsigned long long)revision, (unsigned long long)acknowledged, (unsigned long long)proposed);
    char *difference = model_difference(r, revision);
    if (difference || proposed == 0)
        return difference;
    /* A client that retries what it is not sure of ends with it applied once. */
    uint64_t retried = acknowledged < proposed ? acknowledged + 1 : proposed, got = 0;
    struct err e;
    if (registry_commit(r, model_txn(retried), &got, &e) < 0)
        return mem_printf("the retry of transaction %llu failed: %s", (unsigned long long)retried, e.detail);
    if (got != retried)
        return mem_printf("the retry of transaction %llu became revision %llu", (unsigned long long)retried,
            (unsigned long long)got);
    return model_difference(r, MAX_OF(retried, revision));
}
