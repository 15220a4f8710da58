/* Databases that cannot be used are refused with a sentence, and left as they are; a full disk fails
 * a change and nothing else; migrations run in order and as far as they may. */
#include "tests/unit/fault_vfs.h"
#include "tests/unit/registry_util.h"

#include <sys/stat.h>

#include "registry/sql.h"

static int open_with(struct fixture *f, const char *vfs, struct err *e)
{
    struct registry_options options = {.loop = f->loop, .path = f->path, .sqlite_vfs = vfs};
    return registry_open(&options, &f->registry, e);
}

static int put(struct fixture *f, unsigned n, const char *name, const char *spec, struct err *e)
{
    struct txn *t = txn_new();
    _cleanup_free_ char *id = mem_printf("put %s", name);
    txn_set_id(t, id); /* what failed must not be taken for done when it is tried again */
    put_guest(t, n, name, REVISION_ANY, spec);
    return registry_commit(f->registry, t, NULL, e);
}

static void fill(struct fixture *f, unsigned n)
{
    struct err e;
    fixture_open(f);
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "guest%u", i);
        assert_int_equal(put(f, i, name, "{\"text\":\"needle in the document\"}", &e), 0);
    }
    fixture_close(f);
}

static char *read_whole(const char *path, size_t *ret_len)
{
    char *text;
    assert_int_equal(fs_read(AT_FDCWD, path, 1U << 26, &text, ret_len, NULL), 0);
    return text;
}

static void write_whole(const char *path, const char *text, size_t len)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(fs_write_all(fd, text, len, NULL), 0);
}

/* Refused with that code and a hint, and the file is the same afterwards. */
static void expect_refusal(struct fixture *f, enum err_code code, const char *says)
{
    size_t before_len, after_len;
    struct err e = {0};
    _cleanup_free_ char *before = read_whole(f->path, &before_len);
    assert_int_equal(open_with(f, NULL, &e), -1);
    _cleanup_free_ char *after = read_whole(f->path, &after_len);
    if (e.code != code || !strstr(e.detail, says) || !strstr(e.detail, f->path) || !e.hint[0])
        fail_msg("%s: %s / %s", err_code_name(e.code), e.detail, e.hint);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    write_whole(f.path,
        "This is not a database, and longer than a header would be: 0123456789"
        "0123456789012345678901234567890123456789012345678901234567890",
        130);
    expect_refusal(&f, ERR_DAMAGED, "damaged");
    fixture_free(&f);
}

static void a_foreign_database_is_refused(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect_refusal(&f, ERR_DAMAGED, "not one of Lodge");
    fixture_free(&f);
}

static void a_newer_database_is_refused_and_a_compatible_one_is_not(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct err e;
    fill(&f, 3);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                         "PRAGMA user_version=9; ALTER TABLE docs ADD COLUMN later TEXT;"
                         "CREATE TABLE later(a); INSERT INTO docs(kind,uuid,name,revision,created,modified,"
                         "spec) VALUES('hologram','x','y',1,1,1,'{}');",
                         NULL, NULL, NULL),
        SQLITE_OK);
    fixture_open(&f); /* what a newer release added does not disturb, and is not touched */
    assert_int_equal(put(&f, 50, "more", "{}", &e), 0);
    fixture_close(&f);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE meta SET value=2 WHERE key='min_reader'", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect_refusal(&f, ERR_UNSUPPORTED, "newer release");
    fixture_free(&f);
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    size_t len;
    fill(&f, 300);
    _cleanup_free_ char *text = read_whole(f.path, &len);
    assert_true(len > 30000);
    write_whole(f.path, text, 20000);
    expect_refusal(&f, ERR_DAMAGED, "damaged");
    fixture_free(&f);
}

static void overwritten_pages_are_refused(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    size_t len;
    fill(&f, 300);
    _cleanup_free_ char *text = read_whole(f.path, &len);
    memset(text + 20000, 0xa5, 9000);
    write_whole(f.path, text, len);
    expect_refusal(&f, ERR_DAMAGED, "damaged");
    fixture_free(&f);
}

/* The structure is whole, one letter of one document is not. */
static void a_flipped_letter_is_refused(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct err e = {0};
    size_t len;
    fill(&f, 3);
    _cleanup_free_ char *text = read_whole(f.path, &len);
    char *needle = memmem(text, len, "needle in", 9);
    assert_non_null(needle);
    needle[0] ^= 1;
    write_whole(f.path, text, len);
    assert_int_equal(open_with(&f, NULL, &e), -1);
    assert_int_equal(e.code, ERR_DAMAGED);
    assert_non_null(strstr(e.detail, "guest"));
    assert_non_null(strstr(e.detail, "checksum"));
    assert_true(e.hint[0]);
    fixture_free(&f);
}

static void only_its_owner_can_read_it(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct stat st;
    fill(&f, 1);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    fixture_free(&f);
}

/* ---- a full disk ---- */

static void a_full_disk_fails_the_change_and_nothing_else(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct err e;
    fault_vfs_arm(0, 0);
    assert_int_equal(open_with(&f, FAULT_VFS, &e), 0);
    assert_int_equal(put(&f, 1, "a", "{}", &e), 0);
    fault_vfs_set_full(true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(&f, 2, "b", "{}", &e), -1);
        assert_int_equal(e.code, ERR_NO_SPACE);
        assert_true(e.hint[0]);
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f.registry);
        assert_int_equal(snapshot_count(s, KIND_GUEST), 1);
        assert_int_equal(snapshot_revision(s), 1);
    }
    registry_local_put(f.registry, "t", "lost", "x");
    fault_vfs_set_full(false);
    assert_int_equal(put(&f, 2, "b", "{}", &e), 0);
    fixture_close(&f);
    assert_int_equal(open_with(&f, FAULT_VFS, &e), 0);
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f.registry);
    assert_int_equal(snapshot_count(s, KIND_GUEST), 2);
    assert_int_equal(snapshot_revision(s), 2);
    fixture_free(&f);
}

static off_t reserve_bytes(const struct fixture *f)
{
    struct stat st;
    _cleanup_free_ char *path = mem_printf("%s.reserve", f->path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void what_is_kept_back_goes_to_what_frees_room_and_comes_back(void **state)
{
    (void)state;
    enum { RESERVE = 2 << 20 };
    struct fixture f = fixture_new();
    struct err e;
    char uuid[UUID_LEN + 1];
    fault_vfs_arm(0, 0);
    struct registry_options options = {
        .loop = f.loop, .path = f.path, .sqlite_vfs = FAULT_VFS, .reserve_bytes = RESERVE};
    assert_int_equal(registry_open(&options, &f.registry, &e), 0);
    assert_int_equal(put(&f, 1, "a", "{}", &e), 0);
    assert_int_equal(reserve_bytes(&f), RESERVE);
    fault_vfs_set_full(true);
    assert_int_equal(put(&f, 2, "b", "{}", &e), -1);
    assert_int_equal(e.code, ERR_NO_SPACE);
    assert_int_equal(reserve_bytes(&f), RESERVE); /* not for what only takes room */
    struct txn *txn = txn_new();
    txn_delete(txn, KIND_GUEST, uuid_of(1, uuid), REVISION_ANY);
    txn_frees_room(txn);
    assert_int_equal(registry_commit(f.registry, txn, NULL, &e), -1);
    assert_int_equal(e.code, ERR_NO_SPACE);
    assert_int_equal(reserve_bytes(&f), 0);
    fault_vfs_set_full(false);
    assert_int_equal(put(&f, 2, "b", "{}", &e), 0);
    assert_int_equal(reserve_bytes(&f), RESERVE);
    fixture_free(&f);
}

/* ---- migrations ---- */

#define META "CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL)"
static const struct sql_step steps[] = {
    {.version = 1, .min_reader = 1, .sql = META},
    {.version = 2, .min_reader = 1, .sql = "CREATE TABLE two(a)"},
    {.version = 3, .min_reader = 3, .sql = "CREATE TABLE three(a)"},
    {.version = 4, .min_reader = 3, .sql = "CREATE TABLE four(a)"},
};
static const struct sql_step failing[] = {
    {.version = 1, .min_reader = 1, .sql = META},
    {.version = 2, .min_reader = 1, .sql = "CREATE TABLE two(a); CREATE TABLE two(a)"},
};

static int open_version(const char *path, const struct sql_step *s, size_t n, bool on_trial, struct err *e)
{
    const struct sql_schema schema = {
        .what = "the test database", .application = 77, .steps = s, .n_steps = n, .when_damaged = "Weep."};
    const struct sql_options options = {.path = path, .on_trial = on_trial};
    _cleanup_sql_ sqlite3 *db = NULL;
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    if (sql_open(&options, &schema, &db, e) < 0)
        return -1;
    assert_int_equal(sql_prepare(db, "PRAGMA user_version", &stmt, e), 0);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    return sqlite3_column_int(stmt, 0);
}

static void migrations_run_as_far_as_the_release_before_can_read(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct err e;
    assert_int_equal(open_version(f.path, steps, 1, false, &e), 1);
    assert_int_equal(open_version(f.path, steps, 4, true, &e), 2);  /* on trial: not the third */
    assert_int_equal(open_version(f.path, steps, 1, false, &e), 2); /* the release before reads on */
    assert_int_equal(open_version(f.path, steps, 4, false, &e), 4); /* confirmed */
    assert_int_equal(open_version(f.path, steps, 2, false, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(open_version(f.path, steps, 3, false, &e), 4);
    unlink(f.path);
    assert_int_equal(open_version(f.path, steps, 4, true, &e), 4); /* a new one has no release before */
    fixture_free(&f);
}

static void a_migration_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct fixture f = fixture_new();
    struct err e;
    assert_int_equal(open_version(f.path, failing, 1, false, &e), 1);
    assert_int_equal(open_version(f.path, failing, 2, false, &e), -1);
    assert_non_null(strstr(e.detail, "format 2"));
    assert_int_equal(open_version(f.path, steps, 2, false, &e), 2);
    fixture_free(&f);
}

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_no_database_is_refused),
        cmocka_unit_test(a_foreign_database_is_refused),
        cmocka_unit_test(a_newer_database_is_refused_and_a_compatible_one_is_not),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(overwritten_pages_are_refused),
        cmocka_unit_test(a_flipped_letter_is_refused),
        cmocka_unit_test(only_its_owner_can_read_it),
        cmocka_unit_test(a_full_disk_fails_the_change_and_nothing_else),
        cmocka_unit_test(what_is_kept_back_goes_to_what_frees_room_and_comes_back),
        cmocka_unit_test(migrations_run_as_far_as_the_release_before_can_read),
        cmocka_unit_test(a_migration_that_fails_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
