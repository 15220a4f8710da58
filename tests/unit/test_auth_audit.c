/* The audit log: what was appended is there in order, and each way to tamper with it is found and named. */
#include "base/crypto.h"
#include "tests/unit/auth_util.h"

#include <sqlite3.h>

#include "auth/audit.h"

static struct audit *open_audit(struct fixture *f)
{
    struct err e;
    struct audit *a;
    _cleanup_free_ char *path = mem_printf("%s/audit.db", f->dir);
    struct audit_options options = {.loop = f->loop, .clock = &test_clock, .path = path};
    if (audit_open(&options, &a, &e) < 0)
        fail_msg("%s", e.detail);
    return a;
}

static void append(struct audit *a, const char *who, const char *object, audit_fn *fn, void *arg)
{
    struct audit_record record = {.who = who,
        .address = "192.0.2.1",
        .action = "POST /api/v1/guests/\"web1\"",
        .object = object,
        .outcome = "ok"};
    audit_append(a, &record, fn, arg);
}

/* A log of `n` records, closed. */
static void fill(struct fixture *f, unsigned n)
{
    struct audit *a = open_audit(f);
    assert_null(audit_broken(a));
    for (unsigned i = 0; i < n; i++)
        append(a, i % 2 ? "user:alice" : "user:bob", "/guests/web1", NULL, NULL);
    audit_close(a);
}

/* ---- appending and listing ---- */

struct told {
    struct loop *loop;
    uint64_t last;
    unsigned n, until;
};

static void on_written(void *arg, uint64_t seq, const struct err *error)
{
    struct told *t = arg;
    assert_null(error);
    assert_int_equal(seq, t->last + 1);
    t->last = seq;
    if (++t->n == t->until && t->loop)
        loop_stop(t->loop, 0);
}

static void collect(void *arg, const struct audit_record *r)
{
    buf_printf(arg, "%llu:%s:%s ", (unsigned long long)r->seq, r->who, r->object ? r->object : "-");
}

static void expect_list(struct audit *a, struct audit_filter filter, const char *expected)
{
    struct err e;
    _cleanup_buf_ struct buf got = {0};
    if (!filter.limit)
        filter.limit = 100;
    assert_int_equal(audit_list(a, &filter, collect, &got, &e), 0);
    assert_string_equal(got.data ? got.data : "", expected);
}

static void records_are_numbered_durable_and_listed(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f);
    struct told told = {.loop = f->loop, .until = 5};
    append(a, "user:a", "/guests/w", on_written, &told);
    append(a, "user:b", "/guests/web", on_written, &told);
    append(a, "user:a", "/guests/web/x", on_written, &told);
    append(a, "user:a", NULL, on_written, &told);
    append(a, "root", "/guests/web", on_written, &told);
    loop_run(f->loop);
    expect_list(a, (struct audit_filter){0},
        "5:root:/guests/web 4:user:a:- 3:user:a:/guests/web/x 2:user:b:/guests/web 1:user:a:/guests/w ");
    expect_list(a, (struct audit_filter){.limit = 2}, "5:root:/guests/web 4:user:a:- ");
    expect_list(a, (struct audit_filter){.before_seq = 3}, "2:user:b:/guests/web 1:user:a:/guests/w ");
    expect_list(a, (struct audit_filter){.after_seq = 4}, "5:root:/guests/web ");
    expect_list(a, (struct audit_filter){.who = "user:b"}, "2:user:b:/guests/web ");
    expect_list(a, (struct audit_filter){.object = "/guests/web"},
        "5:root:/guests/web 3:user:a:/guests/web/x 2:user:b:/guests/web ");
    audit_close(a);
    a = open_audit(f);
    assert_null(audit_broken(a));
    told = (struct told){.last = 5};
    append(a, "user:c", NULL, on_written, &told);
    audit_close(a); /* tells before it ends */
    assert_int_equal(told.n, 1);
}

/* ---- verifying ---- */

static struct audit_verdict verify(struct fixture *f)
{
    struct err e;
    struct audit_verdict verdict;
    _cleanup_free_ char *path = mem_printf("%s/audit.db", f->dir);
    if (audit_verify_file(path, &verdict, &e) < 0)
        fail_msg("%s", e.detail);
    return verdict;
}

static void sql(struct fixture *f, const char *text)
{
    sqlite3 *db;
    _cleanup_free_ char *path = mem_printf("%s/audit.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void write_head(struct fixture *f, const char *text)
{
    _cleanup_free_ char *path = mem_printf("%s/audit.db.head", f->dir);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(fs_write_all(fd, text, strlen(text), NULL), 0);
}

static void an_untouched_log_is_in_order(void **state)
{
    struct fixture *f = *state;
    fill(f, 0);
    struct audit_verdict v = verify(f);
    assert_true(v.ok);
    assert_int_equal(v.records, 0);
    fill(f, 20);
    fill(f, 5);
    v = verify(f);
    if (!v.ok)
        fail_msg("%s", v.reason);
    assert_int_equal(v.records, 25);
    assert_int_equal(strlen(v.head), SHA256_HEX_LEN);
}

/* Whoever has the database can write a record whose own hash is right. */
#define FORGE                                                                                                \
    "UPDATE records SET outcome='forbidden', hash=(SELECT hash FROM records WHERE seq=1) WHERE seq=7"

static void each_way_to_tamper_is_named(void **state)
{
    static const struct {
        const char *sql, *head;
        uint64_t seq;
        const char *says;
    } rows[] = {
        {"UPDATE records SET who='user:eve' WHERE seq=7", NULL, 7, "record 7 was changed"},
        {"UPDATE records SET time=time+1 WHERE seq=1", NULL, 1, "record 1 was changed"},
        {"UPDATE records SET detail='' WHERE seq=20", NULL, 20, "record 20 was changed"},
        {"UPDATE records SET previous=hash WHERE seq=7", NULL, 7, "record 7 was changed"},
        {FORGE, NULL, 7, "record 7 was changed"},
        {"DELETE FROM records WHERE seq=7", NULL, 7, "record 7 is missing"},
        {"DELETE FROM records WHERE seq BETWEEN 1 AND 3", NULL, 1, "records 1 to 3 are missing"},
        {"DELETE FROM records WHERE seq>17", NULL, 18, "records 18 to 20 are missing at the end"},
        {"DELETE FROM records", NULL, 1, "records 1 to 20 are missing at the end"},
        {"DELETE FROM records WHERE seq=20; UPDATE records SET seq=20 WHERE seq=19", NULL, 19,
            "record 19 is missing"},
        {"SELECT 1", "nonsense", 20, "head file is missing or unreadable"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fixture f = fixture_new();
        fill(&f, 20);
        sql(&f, rows[i].sql);
        if (rows[i].head)
            write_head(&f, rows[i].head);
        struct audit_verdict v = verify(&f);
        if (v.ok || v.seq != rows[i].seq || !strstr(v.reason, rows[i].says))
            fail_msg("row %zu: %llu, %s", i, (unsigned long long)v.seq, v.reason);
        fixture_free(&f);
    }
}

/* The last record again from the beginning, with the hash that fits: only the next one, or the head,
 * tells. Made by a second log with other content. */
static void a_replaced_record_with_a_fitting_hash_is_named(void **state)
{
    (void)state;
    struct fixture f = fixture_new(), other = fixture_new();
    fill(&f, 3);
    struct audit *a = open_audit(&other);
    for (unsigned i = 0; i < 3; i++)
        append(a, "user:eve", NULL, NULL, NULL);
    audit_close(a);
    for (unsigned seq = 1; seq <= 3; seq += 2) {
        _cleanup_free_ char *text = mem_printf(
            "ATTACH '%s/audit.db' AS o; INSERT OR REPLACE INTO records SELECT * FROM o.records WHERE seq=%u",
            other.dir, seq);
        struct fixture copy = fixture_new();
        fill(&copy, 3);
        sql(&copy, text);
        struct audit_verdict v = verify(&copy);
        assert_false(v.ok);
        if (seq == 1) { /* it begins a chain: the second does not follow it */
            assert_int_equal(v.seq, 1);
            assert_non_null(strstr(v.reason, "record 1 was replaced"));
        } else {
            assert_int_equal(v.seq, 2); /* either of the two may be the wrong one */
        }
        fixture_free(&copy);
    }
    fixture_free(&f);
    fixture_free(&other);
}

static void damage_is_said_recorded_and_stays_visible(void **state)
{
    static const struct {
        const char *sql;
        uint64_t seq;
    } rows[] = {
        {"DELETE FROM records WHERE seq>17", 18},
        {"DELETE FROM records", 1},
        {"UPDATE records SET hash=lower(hex(randomblob(32))) WHERE seq=20", 20},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fixture f = fixture_new();
        struct err e;
        fill(&f, 20);
        sql(&f, rows[i].sql);
        struct audit *a = open_audit(&f);
        assert_non_null(audit_broken(a));
        append(a, "user:a", NULL, NULL, NULL);
        audit_close(a);
        fill(&f, 3); /* head and records fit again: no complaint at the start, … */
        struct audit_verdict v = verify(&f);
        if (v.ok || v.seq != rows[i].seq) /* … but the chain shows it for ever */
            fail_msg("row %zu: %llu %s", i, (unsigned long long)v.seq, v.reason);
        a = open_audit(&f);
        _cleanup_buf_ struct buf got = {0};
        struct audit_filter filter = {.who = "system", .limit = 10};
        assert_int_equal(audit_list(a, &filter, collect, &got, &e), 0);
        assert_string_equal(got.data, "21:system:- ");
        audit_close(a);
        fixture_free(&f);
    }
}

/* After a power cut the head may be older than the records: that is no damage. */
static void a_head_that_lags_is_no_damage(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *path = mem_printf("%s/audit.db.head", f->dir), *old = NULL;
    fill(f, 10);
    assert_int_equal(fs_read(AT_FDCWD, path, 1000, &old, NULL, NULL), 0);
    fill(f, 10);
    write_head(f, old);
    struct audit_verdict v = verify(f);
    assert_true(v.ok);
    fill(f, 1);
    v = verify(f);
    assert_true(v.ok);
    assert_int_equal(v.records, 21);
}

static void a_damaged_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct audit *a;
    fill(f, 10);
    _cleanup_free_ char *path = mem_printf("%s/audit.db", f->dir);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "garbage", 7, 0), 7);
    struct audit_options options = {.loop = f->loop, .clock = &test_clock, .path = path};
    assert_int_equal(audit_open(&options, &a, &e), -1);
    assert_int_equal(e.code, ERR_DAMAGED);
    assert_non_null(strstr(e.hint, "audit.db.head"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(records_are_numbered_durable_and_listed),
        WITH_REGISTRY(an_untouched_log_is_in_order),
        cmocka_unit_test(each_way_to_tamper_is_named),
        cmocka_unit_test(a_replaced_record_with_a_fitting_hash_is_named),
        cmocka_unit_test(damage_is_said_recorded_and_stays_visible),
        WITH_REGISTRY(a_head_that_lags_is_no_damage),
        WITH_REGISTRY(a_damaged_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
