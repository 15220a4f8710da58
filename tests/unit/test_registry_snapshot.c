/* Snapshots against a plain array: lookups, order, iteration, and old ones that stay as they were. */
#include "tests/unit/registry_util.h"

#include "registry/doc.h"
#include "registry/snapshot.h"

#define UNIVERSE 3000 /* documents that may be there */
#define ROUNDS   60
#define STEP     150 /* changes in a round */

static struct doc *doc_of(unsigned n, unsigned generation)
{
    char uuid[UUID_LEN + 1], name[32];
    /* Another generation has another name: a rename moves it in one index and not in the other. */
    snprintf(name, sizeof(name), "g%u-%u", (n * 7919 + generation * 104729) % 1000003, n);
    struct doc_source source = {.kind = KIND_GUEST,
        .uuid = uuid_of(n, uuid),
        .name = name,
        .revision = generation,
        .spec = "{}",
        .spec_len = 2};
    return doc_make(&source);
}

struct model {
    struct doc *docs[UNIVERSE]; /* by number; NULL: not there */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct doc *const *)a)->name, (*(struct doc *const *)b)->name);
}

static void expect_same(const struct snapshot *s, const struct model *m, bool thorough)
{
    struct doc *sorted[UNIVERSE];
    size_t n = 0, at = 0;
    char uuid[UUID_LEN + 1];
    for (unsigned i = 0; i < UNIVERSE; i++) {
        if (m->docs[i])
            sorted[n++] = m->docs[i];
        if (thorough)
            assert_ptr_equal(snapshot_by_uuid(s, KIND_GUEST, uuid_of(i, uuid)), m->docs[i]);
    }
    assert_int_equal(snapshot_count(s, KIND_GUEST), n);
    if (n)
        qsort(sorted, n, sizeof(*sorted), compare_names);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it)); at++) {
        assert_true(at < n);
        assert_ptr_equal(d, sorted[at]);
    }
    assert_int_equal(at, n);
    for (size_t i = 0; thorough && i < n; i++) {
        assert_ptr_equal(snapshot_by_name(s, KIND_GUEST, sorted[i]->name), sorted[i]);
        assert_ptr_equal(snapshot_after(s, KIND_GUEST, sorted[i]->name), i + 1 < n ? sorted[i + 1] : NULL);
        _cleanup_free_ char *between = mem_printf("%s ", sorted[i]->name);
        assert_ptr_equal(snapshot_after(s, KIND_GUEST, between), i + 1 < n ? sorted[i + 1] : NULL);
    }
    assert_ptr_equal(snapshot_after(s, KIND_GUEST, ""), n ? sorted[0] : NULL);
    assert_null(snapshot_by_name(s, KIND_GUEST, "absent"));
}

static void change_one(
    struct snapshot *s, struct model *m, unsigned generation, unsigned *seed, unsigned bias)
{
    unsigned n = (unsigned)rand_r(seed) % UNIVERSE;
    if (m->docs[n]) {
        assert_true(snapshot_remove(s, m->docs[n]));
        assert_false(snapshot_remove(s, m->docs[n]));
        doc_unref(m->docs[n]);
        m->docs[n] = NULL;
    }
    if ((unsigned)rand_r(seed) % 100 >= bias)
        return;
    struct doc *doc = doc_of(n, generation);
    assert_int_equal(snapshot_insert(s, doc), INSERT_OK);
    assert_int_equal(snapshot_insert(s, doc), INSERT_UUID_TAKEN);
    m->docs[n] = doc;
}

static void copy_model(struct model *to, const struct model *from)
{
    for (unsigned i = 0; i < UNIVERSE; i++)
        to->docs[i] = doc_ref(from->docs[i]);
}

static void clear_model(struct model *m)
{
    for (unsigned i = 0; i < UNIVERSE; i++)
        doc_unref(m->docs[i]);
    *m = (struct model){0};
}

static void they_are_what_was_put_and_stay_so(void **state)
{
    (void)state;
    static struct model m, kept;
    struct snapshot *s = snapshot_new(), *old = NULL;
    unsigned seed = 7;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned bias = round < ROUNDS / 2 ? 95 : 10; /* first it fills, then it empties */
        struct snapshot *next = snapshot_edit(s, round + 1);
        for (unsigned i = 0; i < STEP; i++)
            change_one(next, &m, round, &seed, bias);
        expect_same(next, &m, round % 10 == 9);
        if (old)
            expect_same(old, &kept, round % 10 == 9);
        if (round % 13 == 0) {
            clear_model(&kept);
            copy_model(&kept, &m);
            snapshot_unref(old);
            old = snapshot_ref(next);
        }
        snapshot_unref(s);
        s = next;
    }
    for (unsigned i = 0; i < UNIVERSE; i++)
        if (m.docs[i])
            assert_true(snapshot_remove(s, m.docs[i]));
    clear_model(&m);
    expect_same(s, &m, true);
    expect_same(old, &kept, true);
    snapshot_unref(s);
    snapshot_unref(old);
    clear_model(&kept);
}

static void names_in_order_fill_it_too(void **state)
{
    (void)state;
    _cleanup_snapshot_ struct snapshot *s = snapshot_new();
    for (unsigned n = 0; n < 5000; n++) {
        char uuid[UUID_LEN + 1], name[32];
        snprintf(name, sizeof(name), "guest%05u", n);
        struct doc_source source = {
            .kind = KIND_GUEST, .uuid = uuid_of(n, uuid), .name = name, .spec = "{}", .spec_len = 2};
        _cleanup_doc_ struct doc *doc = doc_make(&source);
        assert_int_equal(snapshot_insert(s, doc), INSERT_OK);
    }
    unsigned n = 0;
    for (struct doc *d = snapshot_after(s, KIND_GUEST, NULL); d;
         d = snapshot_after(s, KIND_GUEST, d->name), n++) {
        char name[32];
        snprintf(name, sizeof(name), "guest%05u", n);
        assert_string_equal(d->name, name);
    }
    assert_int_equal(n, 5000);
}

static void a_taken_name_is_refused_for_another_uuid(void **state)
{
    (void)state;
    _cleanup_snapshot_ struct snapshot *s = snapshot_new();
    char uuid[UUID_LEN + 1];
    struct doc_source source = {
        .kind = KIND_GUEST, .uuid = uuid_of(1, uuid), .name = "a", .spec = "{}", .spec_len = 2};
    _cleanup_doc_ struct doc *first = doc_make(&source);
    uuid_of(2, uuid);
    _cleanup_doc_ struct doc *second = doc_make(&source);
    source.kind = KIND_VOLUME;
    _cleanup_doc_ struct doc *volume = doc_make(&source);
    assert_int_equal(snapshot_insert(s, first), INSERT_OK);
    assert_int_equal(snapshot_insert(s, second), INSERT_NAME_TAKEN);
    assert_int_equal(snapshot_insert(s, volume), INSERT_OK); /* names are unique within a kind */
    assert_int_equal(snapshot_count(s, KIND_GUEST), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_what_was_put_and_stay_so),
        cmocka_unit_test(names_in_order_fill_it_too),
        cmocka_unit_test(a_taken_name_is_refused_for_another_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
