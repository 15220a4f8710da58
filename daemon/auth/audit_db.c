/* The audit database and its end. After damage the chain goes on from what the head says, not from what
 * is left: so the gap stays visible for ever. */
#include "auth/audit_db.h"

#include <errno.h>

#define WAL_PAGES 500

static const struct sql_step steps[] = {
    {.version = 1,
        .min_reader = 1,
        .sql = "CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
               "CREATE TABLE records(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL,"
               " address TEXT, action TEXT NOT NULL, object TEXT, outcome TEXT NOT NULL, detail TEXT,"
               " previous TEXT NOT NULL, hash TEXT NOT NULL);"},
};

static const struct sql_schema schema = {
    .what = "the audit log",
    .application = 0x4c6f6741, /* "LogA" */
    .steps = steps,
    .n_steps = ARRAY_SIZE(steps),
    .when_damaged = "Keep it for examination: move audit.db, audit.db-wal, audit.db-shm and audit.db.head "
                    "away, or restore them from a backup. A new log begins at the next start.",
};

enum { ADD, BEGIN, COMMIT, ROLLBACK, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    [ADD] = ("INSERT INTO records(seq,time,who,address,action,object,outcome,detail,previous,hash)"
             " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"),
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};

struct audit_db {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
    int head_fd;
    struct audit_link end;       /* of what was added */
    struct audit_link committed; /* of what is durable */
    int wal_pages;
};

static const char writing[] = "cannot write the audit log";

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct audit_db *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* The record with that number, or the last one (seq 0); a zero link when there is none. */
static int read_link(struct audit_db *db, uint64_t seq, struct audit_link *ret, struct err *e)
{
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    audit_link_zero(ret);
    if (sql_prepare(db->db, "SELECT seq,hash FROM records WHERE ?1=0 OR seq=?1 ORDER BY seq DESC LIMIT 1",
            &stmt, e) < 0)
        return -1;
    sql_bind_u64(stmt, 1, seq);
    int result = sqlite3_step(stmt);
    if (result == SQLITE_DONE)
        return 0;
    if (result != SQLITE_ROW)
        return sql_error(db->db, e, "cannot read the audit log");
    const char *hash = (const char *)sqlite3_column_text(stmt, 1);
    ret->seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    snprintf(ret->hash, sizeof(ret->hash), "%s", hash ? hash : "");
    return 0;
}

/* Where the chain goes on, and what does not fit. */
static int find_end(struct audit_db *db, const char *path, char **ret_trouble, struct err *e)
{
    struct audit_link last, head, at_head;
    bool found;
    if (read_link(db, 0, &last, e) < 0 || audit_head_read(path, &head, &found, e) < 0)
        return -1;
    db->end = last;
    if (!found && last.seq == 0)
        return 0; /* a new log */
    if (!found) {
        *ret_trouble = mem_printf("the head file of the audit log is missing or unreadable; the log has %llu "
                                  "records, and whether more were cut off cannot be told",
            (unsigned long long)last.seq);
        return 0;
    }
    if (head.seq > last.seq) {
        db->end = head;
        *ret_trouble = mem_printf("the audit log was cut: it ends with record %llu, but there were %llu",
            (unsigned long long)last.seq, (unsigned long long)head.seq);
        return 0;
    }
    if (head.seq == 0)
        return 0;
    if (read_link(db, head.seq, &at_head, e) < 0)
        return -1;
    if (!streq(at_head.hash, head.hash)) {
        if (head.seq == last.seq)
            db->end = head;
        *ret_trouble = mem_printf("record %llu of the audit log was replaced or removed: the head file names "
                                  "another one",
            (unsigned long long)head.seq);
    }
    return 0;
}

int audit_db_open(const char *path, struct audit_db **ret, char **ret_trouble, struct err *e)
{
    _cleanup_(audit_db_close) struct audit_db *db = mem_new(struct audit_db, 1);
    const struct sql_options options = {.path = path, .skip_check = true};
    _cleanup_free_ char *trouble = NULL;
    db->head_fd = -1;
    if (sql_open(&options, &schema, &db->db, e) < 0)
        return -1;
    sqlite3_wal_hook(db->db, on_commit, db);
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sql_prepare(db->db, texts[i], &db->stmt[i], e) < 0)
            return err_prefix(e, "%s", path);
    if (find_end(db, path, &trouble, e) < 0 || audit_head_open(path, &db->head_fd, e) < 0)
        return -1;
    db->committed = db->end;
    if (!trouble && audit_head_write(db->head_fd, &db->end, e) < 0)
        return -1;
    *ret_trouble = TAKE_PTR(trouble);
    *ret = TAKE_PTR(db);
    return 0;
}

void audit_db_close(struct audit_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(db->stmt[i]);
    sql_close(db->db);
    if (db->head_fd >= 0) {
        fdatasync(db->head_fd);
        close(db->head_fd);
    }
    free(db);
}

int audit_db_begin(struct audit_db *db, struct err *e)
{
    return sql_run(db->stmt[BEGIN], e, writing);
}

int audit_db_add(struct audit_db *db, struct audit_record *r, struct err *e)
{
    sqlite3_stmt *stmt = db->stmt[ADD];
    r->seq = db->end.seq + 1;
    audit_hash(r, db->end.hash, r->hash);
    sql_bind_u64(stmt, 1, r->seq);
    sql_bind_u64(stmt, 2, r->time_ms);
    sql_bind_text(stmt, 3, r->who);
    sql_bind_text(stmt, 4, r->address);
    sql_bind_text(stmt, 5, r->action);
    sql_bind_text(stmt, 6, r->object);
    sql_bind_text(stmt, 7, r->outcome);
    sql_bind_text(stmt, 8, r->detail);
    sql_bind_text(stmt, 9, db->end.hash);
    sql_bind_text(stmt, 10, r->hash);
    if (sql_run(stmt, e, writing) < 0)
        return -1;
    db->end.seq = r->seq;
    memcpy(db->end.hash, r->hash, sizeof(db->end.hash));
    return 0;
}

/* A head that cannot be written lags: the next commit moves it. */
int audit_db_commit(struct audit_db *db, struct err *e)
{
    if (sql_run(db->stmt[COMMIT], e, writing) < 0)
        return -1;
    db->committed = db->end;
    audit_head_write(db->head_fd, &db->end, NULL);
    return 0;
}

void audit_db_rollback(struct audit_db *db)
{
    if (!sqlite3_get_autocommit(db->db))
        sql_run(db->stmt[ROLLBACK], NULL, writing);
    db->end = db->committed;
}

void audit_db_tidy(struct audit_db *db)
{
    if (db->wal_pages < WAL_PAGES)
        return;
    sqlite3_wal_checkpoint_v2(db->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    db->wal_pages = 0;
}
