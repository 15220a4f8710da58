/* The registry as its users see it: transactions, expectations, unique names, watches, restart. */
#include "tests/unit/registry_util.h"

#include "base/json.h"

static int commit(struct fixture *f, struct txn *t, uint64_t *ret_revision, struct err *e)
{
    e->code = ERR_INTERNAL;
    e->detail[0] = '\0';
    return registry_commit(f->registry, t, ret_revision, e);
}

/* Puts and expects success; the revision. */
static uint64_t put_ok(struct fixture *f, unsigned n, const char *name, uint64_t expected, const char *spec)
{
    struct err e;
    uint64_t revision = 0;
    struct txn *t = txn_new();
    put_guest(t, n, name, expected, spec);
    if (commit(f, t, &revision, &e) < 0)
        fail_msg("%s", e.detail);
    return revision;
}

static void *open_fixture(void **state)
{
    struct fixture *f = mem_new(struct fixture, 1);
    *f = fixture_new();
    fixture_open(f);
    *state = f;
    return f;
}

static int setup(void **state)
{
    open_fixture(state);
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    free(*state);
    return 0;
}

/* ---- documents ---- */

static void a_document_reads_the_same_after_a_restart(void **state)
{
    struct fixture *f = *state;
    char uuid[UUID_LEN + 1];
    struct txn *t = txn_new();
    struct put put = {.kind = KIND_GUEST,
        .uuid = uuid_of(1, uuid),
        .name = "web1",
        .created_ms = 1700000000000,
        .modified_ms = 1700000001000,
        .labels = "{\"team\":\"a\",\"env\":\"prod\"}",
        .description = "the \"first\"",
        .spec = "{\"cores\":2}",
        .private = "{\"desired\":\"running\"}"};
    txn_put(t, &put);
    uint64_t revision = 0;
    struct err e;
    assert_int_equal(commit(f, t, &revision, &e), 0);
    assert_int_equal(revision, 1);
    for (int round = 0; round < 2; round++) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
        assert_int_equal(snapshot_revision(s), 1);
        assert_int_equal(snapshot_count(s, KIND_GUEST), 1);
        struct doc *d = snapshot_by_name(s, KIND_GUEST, "web1");
        assert_non_null(d);
        assert_ptr_equal(d, snapshot_by_uuid(s, KIND_GUEST, uuid));
        assert_null(snapshot_by_name(s, KIND_VOLUME, "web1"));
        assert_string_equal(d->fragment,
            "{\"metadata\":{\"name\":\"web1\",\"uuid\":\"9e3779b1-0000-4000-8000-000000000001\",\"revision\":"
            "1,"
            "\"created\":\"2023-11-14T22:13:20.000Z\",\"modified\":\"2023-11-14T22:13:21.000Z\","
            "\"labels\":{\"env\":\"prod\",\"team\":\"a\"},\"description\":\"the \\\"first\\\"\"},"
            "\"spec\":{\"cores\":2}");
        assert_int_equal(d->fragment_len, strlen(d->fragment));
        assert_int_equal(d->spec_len, 11);
        assert_memory_equal(d->spec, "{\"cores\":2}", 11);
        assert_string_equal(d->private, "{\"desired\":\"running\"}");
        assert_string_equal(d->description, "the \"first\"");
        assert_int_equal(d->n_labels, 2);
        assert_string_equal(d->labels[1].key, "team");
        assert_string_equal(d->labels[1].value, "a");
        fixture_close(f);
        fixture_open(f);
    }
}

static void a_put_keeps_what_it_leaves_out(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char uuid[UUID_LEN + 1];
    struct put put = {.kind = KIND_GUEST,
        .uuid = uuid_of(1, uuid),
        .name = "web1",
        .created_ms = 1700000000000,
        .modified_ms = 1700000000000,
        .labels = "{\"a\":\"b\"}",
        .description = "d",
        .spec = "{\"x\":1}",
        .private = "{\"y\":2}"};
    struct txn *t = txn_new();
    txn_put(t, &put);
    assert_int_equal(commit(f, t, NULL, &e), 0);
    _cleanup_snapshot_ struct snapshot *first = registry_snapshot(f->registry);
    struct doc *old = snapshot_by_uuid(first, KIND_GUEST, uuid);

    t = txn_new();
    txn_put_private(t, old, "{\"y\":3}", 1700000005000);
    assert_int_equal(commit(f, t, NULL, &e), 0);
    _cleanup_snapshot_ struct snapshot *second = registry_snapshot(f->registry);
    struct doc *new = snapshot_by_uuid(second, KIND_GUEST, uuid);
    assert_string_equal(new->private, "{\"y\":3}");
    assert_int_equal(new->n_labels, 1);
    assert_string_equal(new->description, "d");
    assert_memory_equal(new->spec, "{\"x\":1}", 7);
    assert_int_equal(new->created_ms, 1700000000000);
    assert_int_equal(new->modified_ms, 1700000005000);
    assert_int_equal(new->revision, 2);
    assert_string_equal(old->private, "{\"y\":2}");

    t = txn_new(); /* made for a state that is gone */
    txn_put_private(t, old, "{\"y\":4}", 1700000006000);
    assert_int_equal(commit(f, t, NULL, &e), -1);
    assert_int_equal(e.code, ERR_PRECONDITION);

    t = txn_new();
    put = (struct put){
        .kind = KIND_GUEST, .uuid = uuid, .name = "web2", .expected = 2, .modified_ms = 1700000007000};
    txn_put(t, &put);
    assert_int_equal(commit(f, t, NULL, &e), 0);
    _cleanup_snapshot_ struct snapshot *third = registry_snapshot(f->registry);
    new = snapshot_by_name(third, KIND_GUEST, "web2");
    assert_string_equal(new->private, "{\"y\":3}");
    assert_memory_equal(new->spec, "{\"x\":1}", 7);
    assert_int_equal(new->n_labels, 0); /* labels and description are the caller's: left out is none */
    assert_null(new->description);
    assert_null(snapshot_by_name(third, KIND_GUEST, "web1"));
}

static void what_is_no_document_is_refused(void **state)
{
    struct fixture *f = *state;
    char long_name[DOC_NAME_MAX + 2], uuid[UUID_LEN + 1];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    _cleanup_free_ char *padding = mem_zero(DOC_MAX_BYTES + 1, 1);
    memset(padding, 'x', DOC_MAX_BYTES);
    _cleanup_free_ char *big = mem_printf("{\"a\":\"%s\"}", padding);
    const struct {
        struct put put;
        enum err_code code;
    } rows[] = {
        {{.uuid = "nonsense", .name = "a", .spec = "{}"}, ERR_INTERNAL},
        {{.uuid = uuid, .name = "", .spec = "{}"}, ERR_INVALID},
        {{.uuid = uuid, .name = long_name, .spec = "{}"}, ERR_INVALID},
        {{.uuid = uuid, .name = "\xff", .spec = "{}"}, ERR_INVALID},
        {{.uuid = uuid, .name = "a", .spec = "{"}, ERR_MALFORMED},
        {{.uuid = uuid, .name = "a", .spec = "[]"}, ERR_INVALID},
        {{.uuid = uuid, .name = "a", .spec = "{\"a\":1,\"a\":2}"}, ERR_MALFORMED},
        {{.uuid = uuid, .name = "a", .spec = "{}", .private = "1"}, ERR_MALFORMED},
        {{.uuid = uuid, .name = "a", .spec = "{}", .labels = "{\"a\":1}"}, ERR_INVALID},
        {{.uuid = uuid, .name = "a", .spec = "{}", .labels = "[]"}, ERR_INVALID},
        {{.uuid = uuid, .name = "a", .spec = "{}", .description = "\xc0\x80"}, ERR_INVALID},
        {{.uuid = uuid, .name = "a", .spec = big}, ERR_TOO_LARGE},
    };
    uuid_of(1, uuid);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e;
        struct put put = rows[i].put;
        struct txn *t = txn_new();
        put.kind = KIND_GUEST;
        put.created_ms = put.modified_ms = 1;
        put.expected = REVISION_NONE;
        txn_put(t, &put);
        assert_int_equal(commit(f, t, NULL, &e), -1);
        if (e.code != rows[i].code)
            fail_msg("row %zu: %s (%s)", i, err_code_name(e.code), e.detail);
    }
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
    assert_int_equal(snapshot_count(s, KIND_GUEST), 0);
}

/* ---- expectations ---- */

static void expected_revisions_decide(void **state)
{
    struct fixture *f = *state;
    enum { PUT, DELETE, REQUIRE };
    put_ok(f, 1, "there", REVISION_NONE, "{}"); /* revision 1 */
    const struct {
        int what;
        unsigned guest; /* 1 exists at revision 1, 2 does not */
        uint64_t expected;
        int code; /* -1: allowed */
    } rows[] = {
        {PUT, 1, REVISION_NONE, ERR_PRECONDITION},
        {PUT, 1, 7, ERR_PRECONDITION},
        {PUT, 2, 7, ERR_NOT_FOUND},
        {DELETE, 1, 7, ERR_PRECONDITION},
        {DELETE, 2, 7, ERR_NOT_FOUND},
        {DELETE, 2, REVISION_ANY, ERR_NOT_FOUND},
        {REQUIRE, 1, 7, ERR_PRECONDITION},
        {REQUIRE, 1, REVISION_NONE, ERR_PRECONDITION},
        {REQUIRE, 2, 7, ERR_NOT_FOUND},
        {REQUIRE, 2, REVISION_ANY, ERR_NOT_FOUND},
        {REQUIRE, 1, 1, -1},
        {REQUIRE, 1, REVISION_ANY, -1},
        {REQUIRE, 2, REVISION_NONE, -1},
        {PUT, 1, 1, -1}, /* revision 2 */
        {PUT, 1, REVISION_ANY, -1},
        {PUT, 2, REVISION_ANY, -1},
        {DELETE, 1, 3, -1},
        {DELETE, 2, REVISION_ANY, -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e;
        char uuid[UUID_LEN + 1];
        struct txn *t = txn_new();
        uuid_of(rows[i].guest, uuid);
        if (rows[i].what == PUT)
            put_guest(t, rows[i].guest, rows[i].guest == 1 ? "there" : "new", rows[i].expected, "{}");
        else if (rows[i].what == DELETE)
            txn_delete(t, KIND_GUEST, uuid, rows[i].expected);
        else
            txn_require(t, KIND_GUEST, uuid, rows[i].expected);
        int r = commit(f, t, NULL, &e), code = r < 0 ? (int)e.code : -1;
        if (code != rows[i].code)
            fail_msg("row %zu: %d (%s)", i, code, e.detail);
    }
}

static void a_transaction_can_ask_that_nothing_was_changed_at_all(void **state)
{
    struct fixture *f = *state;
    struct err e;
    put_ok(f, 1, "a", REVISION_NONE, "{}");
    put_ok(f, 2, "b", REVISION_NONE, "{}");
    for (uint64_t revision = 1; revision <= 2; revision++) {
        struct txn *t = txn_new();
        put_guest(t, 3, "c", REVISION_NONE, "{}");
        txn_require_unchanged(t, revision);
        assert_int_equal(commit(f, t, NULL, &e), revision == 2 ? 0 : -1);
        assert_true(revision == 2 || e.code == ERR_PRECONDITION);
    }
}

static void names_are_unique_and_can_be_swapped(void **state)
{
    struct fixture *f = *state;
    struct err e;
    put_ok(f, 1, "a", REVISION_NONE, "{}");
    put_ok(f, 2, "b", REVISION_NONE, "{}");

    struct txn *t = txn_new();
    put_guest(t, 3, "a", REVISION_NONE, "{}");
    assert_int_equal(commit(f, t, NULL, &e), -1);
    assert_int_equal(e.code, ERR_EXISTS);
    assert_non_null(strstr(e.detail, "guest named a exists"));

    t = txn_new();
    put_guest(t, 1, "b", 1, "{}");
    assert_int_equal(commit(f, t, NULL, &e), -1);
    assert_int_equal(e.code, ERR_EXISTS);

    t = txn_new();
    put_guest(t, 1, "b", 1, "{}");
    put_guest(t, 2, "a", 2, "{}");
    assert_int_equal(commit(f, t, NULL, &e), 0);

    t = txn_new(); /* a name becomes free and is taken in the same transaction */
    char uuid[UUID_LEN + 1];
    txn_delete(t, KIND_GUEST, uuid_of(1, uuid), REVISION_ANY);
    put_guest(t, 3, "b", REVISION_NONE, "{}");
    assert_int_equal(commit(f, t, NULL, &e), 0);

    t = txn_new(); /* two new ones of one name */
    put_guest(t, 4, "c", REVISION_NONE, "{}");
    put_guest(t, 5, "c", REVISION_NONE, "{}");
    assert_int_equal(commit(f, t, NULL, &e), -1);
    assert_int_equal(e.code, ERR_EXISTS);

    t = txn_new(); /* the same document twice */
    put_guest(t, 4, "c", REVISION_ANY, "{}");
    put_guest(t, 4, "d", REVISION_ANY, "{}");
    assert_int_equal(commit(f, t, NULL, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);

    for (int round = 0; round < 2; round++) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
        assert_int_equal(snapshot_count(s, KIND_GUEST), 2);
        assert_string_equal(snapshot_by_name(s, KIND_GUEST, "a")->uuid, uuid_of(2, uuid));
        assert_string_equal(snapshot_by_name(s, KIND_GUEST, "b")->uuid, uuid_of(3, uuid));
        assert_null(snapshot_by_name(s, KIND_GUEST, "c"));
        fixture_close(f);
        fixture_open(f);
    }
}

static void a_transaction_is_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char uuid[UUID_LEN + 1];
    put_ok(f, 1, "a", REVISION_NONE, "{}");
    struct txn *t = txn_new();
    put_guest(t, 2, "b", REVISION_NONE, "{}");
    put_guest(t, 3, "c", REVISION_NONE, "{}");
    txn_require(t, KIND_GUEST, uuid_of(1, uuid), 99);
    assert_int_equal(commit(f, t, NULL, &e), -1);
    assert_int_equal(e.code, ERR_PRECONDITION);
    for (int round = 0; round < 2; round++) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
        assert_int_equal(snapshot_revision(s), 1);
        assert_int_equal(snapshot_count(s, KIND_GUEST), 1);
        fixture_close(f);
        fixture_open(f);
    }
}

/* ---- retries ---- */

static void a_retry_with_the_same_id_applies_once(void **state)
{
    struct fixture *f = *state;
    struct err e;
    uint64_t revision;
    for (int round = 0; round < 3; round++) {
        struct txn *t = txn_new();
        txn_set_id(t, "client-7/42");
        put_guest(t, 1, "a", REVISION_NONE, "{}");
        assert_int_equal(commit(f, t, &revision, &e), 0);
        assert_int_equal(revision, 1);
        put_ok(f, 10 + (unsigned)round, round == 0 ? "x" : round == 1 ? "y" : "z", REVISION_NONE, "{}");
        fixture_close(f);
        fixture_open(f);
    }
    struct txn *t = txn_new(); /* one that was refused may be tried again */
    txn_set_id(t, "other");
    put_guest(t, 2, "a", REVISION_NONE, "{}");
    assert_int_equal(commit(f, t, &revision, &e), -1);
    t = txn_new();
    txn_set_id(t, "other");
    put_guest(t, 2, "b", REVISION_NONE, "{}");
    assert_int_equal(commit(f, t, &revision, &e), 0);
    assert_int_equal(revision, 5);
}

struct group {
    struct fixture *f;
    unsigned settled, ok, until;
    uint64_t last;
};

static void on_settled(void *arg, const struct commit_result *result)
{
    struct group *g = arg;
    g->settled++;
    if (!result->error) {
        g->ok++;
        assert_true(result->revision >= g->last);
        g->last = result->revision;
    }
    if (g->settled == g->until)
        loop_stop(g->f->loop, 0);
}

/* Many in one group: the second of each pair has the id of the first. */
static void retries_inside_a_group_apply_once(void **state)
{
    struct fixture *f = *state;
    struct group g = {.f = f, .until = 400};
    for (unsigned i = 0; i < 400; i++) {
        char id[32], name[32];
        struct txn *t = txn_new();
        snprintf(id, sizeof(id), "id%u", i / 2);
        snprintf(name, sizeof(name), "g%u", i / 2);
        txn_set_id(t, id);
        put_guest(t, i / 2, name, REVISION_NONE, "{}");
        registry_propose(f->registry, t, on_settled, &g);
    }
    loop_run(f->loop);
    assert_int_equal(g.ok, 400);
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
    assert_int_equal(snapshot_count(s, KIND_GUEST), 200);
    assert_int_equal(snapshot_revision(s), 200);
}

static void only_the_last_ten_thousand_ids_are_remembered(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct group g = {.f = f, .until = 11100};
    for (unsigned i = 1; i <= 11100; i++) {
        struct txn *t = txn_new();
        _cleanup_free_ char *id = mem_printf("id%u", i);
        txn_set_id(t, id);
        put_guest(t, 1, "a", REVISION_ANY, "{}");
        registry_propose(f->registry, t, on_settled, &g);
    }
    loop_run(f->loop);
    assert_int_equal(g.ok, 11100);
    for (int round = 0; round < 2; round++) {
        static const struct {
            const char *id;
            uint64_t revision; /* of the answer; 0: applied again */
        } rows[] = {{"id11100", 11100}, {"id1200", 1200}, {"id1000", 0}};
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            uint64_t revision;
            _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
            struct txn *t = txn_new();
            txn_set_id(t, rows[i].id);
            if (round == 1 && !rows[i].revision)
                txn_set_id(t, "id1001"); /* the other one was remembered anew */
            put_guest(t, 1, "a", REVISION_ANY, "{}");
            assert_int_equal(commit(f, t, &revision, &e), 0);
            assert_int_equal(revision, rows[i].revision ? rows[i].revision : snapshot_revision(s) + 1);
        }
        fixture_close(f);
        fixture_open(f);
    }
}

/* ---- watches ---- */

struct watching {
    struct fixture *f;
    uint64_t revisions[16];
    size_t n;
    struct registry_watch *self;
    bool end_after_first;
    struct watching *begin_another; /* at the first commit */
    size_t settled_at;              /* how much was watched when the proposer was told */
};

static void on_commit(void *arg, const struct commit *commit)
{
    struct watching *w = arg;
    w->revisions[w->n++] = commit->revision;
    assert_int_equal(snapshot_revision(commit->snapshot), commit->revision);
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(w->f->registry);
    assert_ptr_equal(s, commit->snapshot); /* on the loop they are in step */
    for (size_t i = 0; i < commit->n_changes; i++) {
        const struct change *c = &commit->changes[i];
        const struct doc *any = c->after ? c->after : c->before;
        assert_ptr_equal(snapshot_by_uuid(s, any->kind, any->uuid), c->after);
    }
    if (w->begin_another && !w->begin_another->self)
        w->begin_another->self = registry_watch(w->f->registry, on_commit, w->begin_another);
    if (w->end_after_first) {
        registry_watch_free(w->self);
        w->self = NULL;
    }
}

static void stop_after(void *arg, const struct commit_result *result)
{
    struct watching *w = arg;
    assert_null(result->error);
    w->settled_at = w->n;
    loop_stop(w->f->loop, 0);
}

static void watches_see_every_transaction_in_order_before_its_proposer(void **state)
{
    struct fixture *f = *state;
    put_ok(f, 1, "before", REVISION_NONE, "{}");
    struct watching late = {.f = f}, inside = {.f = f}, once = {.f = f, .end_after_first = true},
                    all = {.f = f, .begin_another = &inside};
    all.self = registry_watch(f->registry, on_commit, &all);
    once.self = registry_watch(f->registry, on_commit, &once);
    for (unsigned i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        struct txn *t = txn_new();
        put_guest(t, 100 + i, name, i == 4 ? 77 : REVISION_NONE, "{}"); /* the fifth is refused */
        registry_propose(f->registry, t, i == 9 ? stop_after : NULL, &all);
    }
    loop_run(f->loop);
    assert_int_equal(all.n, 9);
    assert_int_equal(all.settled_at, 9);
    for (size_t i = 0; i < all.n; i++)
        assert_int_equal(all.revisions[i], i + 2);
    assert_int_equal(once.n, 1);
    assert_int_equal(inside.n, 8); /* not the one during which it began: that was in its snapshot */
    assert_int_equal(inside.revisions[0], 3);
    late.self = registry_watch(f->registry, on_commit, &late);
    put_ok(f, 2, "after", REVISION_NONE, "{}");
    assert_int_equal(late.n, 1);
    assert_int_equal(late.revisions[0], 11);
    registry_watch_free(all.self);
    registry_watch_free(inside.self);
    registry_watch_free(late.self);
}

static struct change seen;
static void keep_change(void *arg, const struct commit *commit)
{
    (void)arg;
    assert_int_equal(commit->n_changes, 1);
    doc_unref(seen.before);
    doc_unref(seen.after);
    seen.before = doc_ref(commit->changes[0].before);
    seen.after = doc_ref(commit->changes[0].after);
}

static void a_change_shows_before_and_after(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char uuid[UUID_LEN + 1];
    struct registry_watch *w = registry_watch(f->registry, keep_change, NULL);
    put_ok(f, 1, "a", REVISION_NONE, "{}");
    assert_null(seen.before);
    assert_string_equal(seen.after->name, "a");
    put_ok(f, 1, "b", 1, "{}");
    assert_string_equal(seen.before->name, "a");
    assert_string_equal(seen.after->name, "b");
    struct txn *t = txn_new();
    txn_delete(t, KIND_GUEST, uuid_of(1, uuid), 2);
    assert_int_equal(commit(f, t, NULL, &e), 0);
    assert_string_equal(seen.before->name, "b");
    assert_null(seen.after);
    registry_watch_free(w);
    doc_unref(seen.before);
    seen = (struct change){0};
}

/* ---- closing, local values ---- */

static void count_result(void *arg, const struct commit_result *result)
{
    *(unsigned *)arg += result->error == NULL;
}

static void closing_delivers_what_was_proposed(void **state)
{
    struct fixture *f = *state;
    unsigned ok = 0;
    for (unsigned i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        struct txn *t = txn_new();
        put_guest(t, i, name, REVISION_NONE, "{}");
        registry_propose(f->registry, t, count_result, &ok);
    }
    fixture_close(f);
    assert_int_equal(ok, 50);
    fixture_open(f);
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
    assert_int_equal(snapshot_count(s, KIND_GUEST), 50);
}

static void collect(void *arg, const char *key, const char *value)
{
    buf_printf(arg, "%s=%s ", key, value);
}

static char *local_values(struct fixture *f, const char *table)
{
    struct buf b = {0};
    struct err e;
    assert_int_equal(registry_local_each(f->registry, table, collect, &b, &e), 0);
    return buf_take(&b);
}

static void local_values_are_kept_and_are_no_documents(void **state)
{
    struct fixture *f = *state;
    registry_local_put(f->registry, "t1", "b", "2");
    registry_local_put(f->registry, "t1", "a", "1");
    registry_local_put(f->registry, "t2", "a", "x");
    registry_local_put(f->registry, "t1", "c", "3");
    registry_local_put(f->registry, "t1", "b", NULL);
    registry_local_put(f->registry, "t1", "c", "4");
    for (int round = 0; round < 2; round++) {
        _cleanup_free_ char *t1 = local_values(f, "t1"), *t2 = local_values(f, "t2"),
                            *t3 = local_values(f, "t3");
        assert_string_equal(t1, "a=1 c=4 ");
        assert_string_equal(t2, "a=x ");
        assert_string_equal(t3, "");
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
        assert_int_equal(snapshot_revision(s), 0);
        fixture_close(f);
        fixture_open(f);
    }
}

static void *view_of_name(const struct doc *doc)
{
    return mem_strdup(doc->name);
}

static void a_view_is_built_when_a_document_is_loaded_or_changed(void **state)
{
    struct fixture *f = *state;
    static const struct view_hook hook = {.build = view_of_name, .free = free};
    registry_set_view(KIND_GUEST, &hook);
    put_ok(f, 1, "a", REVISION_NONE, "{}");
    for (int round = 0; round < 2; round++) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
        assert_string_equal(snapshot_by_name(s, KIND_GUEST, "a")->view, "a");
        fixture_close(f);
        fixture_open(f);
    }
    fixture_close(f);
    registry_set_view(KIND_GUEST, NULL);
    fixture_open(f);
}

static void every_kind_has_two_names(void **state)
{
    (void)state;
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        enum kind parsed;
        assert_true(kind_parse(kind_plural(k), &parsed) && parsed == k);
        assert_true(kind_parse(kind_singular(k), &parsed) && parsed == k);
    }
    enum kind none;
    assert_false(kind_parse("gues", &none));
}

#define WITH_REGISTRY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_document_reads_the_same_after_a_restart),
        WITH_REGISTRY(a_put_keeps_what_it_leaves_out),
        WITH_REGISTRY(what_is_no_document_is_refused),
        WITH_REGISTRY(expected_revisions_decide),
        WITH_REGISTRY(a_transaction_can_ask_that_nothing_was_changed_at_all),
        WITH_REGISTRY(names_are_unique_and_can_be_swapped),
        WITH_REGISTRY(a_transaction_is_whole_or_not_at_all),
        WITH_REGISTRY(a_retry_with_the_same_id_applies_once),
        WITH_REGISTRY(retries_inside_a_group_apply_once),
        WITH_REGISTRY(only_the_last_ten_thousand_ids_are_remembered),
        WITH_REGISTRY(watches_see_every_transaction_in_order_before_its_proposer),
        WITH_REGISTRY(a_change_shows_before_and_after),
        WITH_REGISTRY(closing_delivers_what_was_proposed),
        WITH_REGISTRY(local_values_are_kept_and_are_no_documents),
        WITH_REGISTRY(a_view_is_built_when_a_document_is_loaded_or_changed),
        cmocka_unit_test(every_kind_has_two_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
