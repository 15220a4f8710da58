/* Reading the audit log over connections of its own: lists, and the walk that verifies the chain. */
#include "auth/audit_db.h"
#include "base/crypto.h"

#include <stdarg.h>

#define COLUMNS "seq,time,who,address,action,object,outcome,detail,previous,hash"

static const char reading[] = "cannot read the audit log";

static int open_reader(const char *path, sqlite3 **ret, struct err *e)
{
    _cleanup_sql_ sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return sql_error(db, e, reading);
    sqlite3_busy_timeout(db, 5000);
    *ret = TAKE_PTR(db);
    return 0;
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

/* Borrowed until the next step. */
static void record_at(sqlite3_stmt *stmt, struct audit_record *r)
{
    const char *hash = text_at(stmt, 9);
    *r = (struct audit_record){.seq = (uint64_t)sqlite3_column_int64(stmt, 0),
        .time_ms = (uint64_t)sqlite3_column_int64(stmt, 1),
        .who = text_at(stmt, 2),
        .address = text_at(stmt, 3),
        .action = text_at(stmt, 4),
        .object = text_at(stmt, 5),
        .outcome = text_at(stmt, 6),
        .detail = text_at(stmt, 7)};
    snprintf(r->hash, sizeof(r->hash), "%s", hash ? hash : "");
}

/* ---- lists ---- */

static void bind_filter(sqlite3_stmt *stmt, const struct audit_filter *filter)
{
    sql_bind_u64(stmt, 1, filter->before_seq ? filter->before_seq : INT64_MAX);
    sql_bind_u64(stmt, 2, filter->after_seq);
    sql_bind_text(stmt, 3, filter->who);
    sql_bind_text(stmt, 4, filter->object);
    sql_bind_u64(stmt, 5, filter->limit);
}

int audit_list(
    struct audit *a, const struct audit_filter *filter, audit_record_fn *fn, void *arg, struct err *e)
{
    _cleanup_sql_ sqlite3 *db = NULL;
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    audit_flush(a);
    if (open_reader(audit_path(a), &db, e) < 0 ||
        sql_prepare(db,
            "SELECT " COLUMNS " FROM records WHERE seq<?1 AND seq>?2 AND (?3 IS NULL OR who=?3) AND "
            "(?4 IS NULL OR object=?4 OR substr(object,1,length(?4)+1)=?4||'/') ORDER BY seq DESC LIMIT ?5",
            &stmt, e) < 0)
        return -1;
    bind_filter(stmt, filter);
    int result;
    while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct audit_record record;
        record_at(stmt, &record);
        fn(arg, &record);
    }
    return result == SQLITE_DONE ? 0 : sql_error(db, e, reading);
}

/* ---- verifying ---- */

struct walk {
    struct audit_link last; /* the record before */
    struct audit_link head;
    bool head_found;
    bool head_passed; /* the record that the head names was seen, and was it */
    struct audit_verdict verdict;
};

static int broken(struct walk *w, uint64_t seq, const char *fmt, ...) ATTR_PRINTF(3, 4);
static int broken(struct walk *w, uint64_t seq, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->verdict.reason, sizeof(w->verdict.reason), fmt, args);
    va_end(args);
    w->verdict.seq = seq;
    return -1;
}

static int missing(struct walk *w, uint64_t from, uint64_t to, const char *where)
{
    if (from == to)
        return broken(w, from, "record %llu is missing%s", (unsigned long long)from, where);
    return broken(w, from, "records %llu to %llu are missing%s", (unsigned long long)from,
        (unsigned long long)to, where);
}

/* 0 when this record follows the one before. */
static int check_record(struct walk *w, const struct audit_record *r, const char *previous)
{
    char hash[SHA256_HEX_LEN + 1];
    unsigned long long seq = r->seq;
    if (r->seq != w->last.seq + 1)
        return missing(w, w->last.seq + 1, r->seq - 1, "");
    audit_hash(r, previous, hash);
    if (!streq(hash, r->hash))
        return broken(w, r->seq, "record %llu was changed: it does not match its hash", seq);
    if (!streq(previous, w->last.hash)) {
        if (r->seq == 1)
            return broken(w, 1, "record 1 was changed: it does not begin the chain");
        return broken(
            w, r->seq - 1, "record %llu was replaced: record %llu follows another one", seq - 1, seq);
    }
    if (w->head_found && r->seq == w->head.seq && !streq(r->hash, w->head.hash))
        return broken(w, r->seq, "record %llu was replaced: the head file names another one", seq);
    w->last.seq = r->seq;
    memcpy(w->last.hash, hash, sizeof(hash));
    w->verdict.records++;
    return 0;
}

static int check_end(struct walk *w)
{
    if (!w->head_found && w->last.seq)
        return broken(w, w->last.seq,
            "the head file is missing or unreadable: whether records after %llu were cut off cannot be told",
            (unsigned long long)w->last.seq);
    if (w->head_found && w->head.seq > w->last.seq)
        return missing(w, w->last.seq + 1, w->head.seq, " at the end");
    return 0;
}

static int walk_records(struct walk *w, sqlite3_stmt *stmt, struct err *e)
{
    int result;
    while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct audit_record record;
        record_at(stmt, &record);
        const char *previous = text_at(stmt, 8);
        if (check_record(w, &record, previous ? previous : "") < 0)
            return 0;
    }
    if (result != SQLITE_DONE)
        return sql_error(sqlite3_db_handle(stmt), e, reading);
    w->verdict.ok = check_end(w) == 0;
    return 0;
}

int audit_verify_file(const char *path, struct audit_verdict *ret, struct err *e)
{
    _cleanup_sql_ sqlite3 *db = NULL;
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    struct walk w = {0};
    audit_link_zero(&w.last);
    /* The head first: a record that is written meanwhile is then behind it, not missing. */
    if (audit_head_read(path, &w.head, &w.head_found, e) < 0 || open_reader(path, &db, e) < 0 ||
        sql_prepare(db, "SELECT " COLUMNS " FROM records ORDER BY seq", &stmt, e) < 0 ||
        walk_records(&w, stmt, e) < 0)
        return -1;
    memcpy(w.verdict.head, w.last.hash, sizeof(w.verdict.head));
    *ret = w.verdict;
    return 0;
}

int audit_verify(struct audit *a, struct audit_verdict *ret, struct err *e)
{
    audit_flush(a);
    return audit_verify_file(audit_path(a), ret, e);
}
