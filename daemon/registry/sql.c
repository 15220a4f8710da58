/* Opening our SQLite databases: who may read what, migrations, damage. No table is known here. */
#include "registry/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BUSY_MS 5000

void sql_close(sqlite3 *db)
{
    sqlite3_close_v2(db);
}

static enum err_code code_of(sqlite3 *db)
{
    int code = sqlite3_errcode(db) & 0xff; /* extended codes are on */
    if (code == SQLITE_FULL || (code == SQLITE_IOERR && sqlite3_system_errno(db) == ENOSPC))
        return ERR_NO_SPACE;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return ERR_DAMAGED;
    return code == SQLITE_BUSY || code == SQLITE_LOCKED ? ERR_BUSY : ERR_INTERNAL;
}

int sql_error(sqlite3 *db, struct err *e, const char *doing)
{
    enum err_code code = code_of(db);
    if (code == ERR_NO_SPACE) {
        err_set(e, code, "%s: the disk that holds it is full", doing);
        return err_hint(e, "Free space on the file system of Lodge's state directory and try again.");
    }
    int errnum = sqlite3_system_errno(db);
    char text[128];
    if ((sqlite3_errcode(db) & 0xff) == SQLITE_IOERR && errnum)
        return err_set(
            e, code, "%s: %s (%s)", doing, sqlite3_errmsg(db), strerror_r(errnum, text, sizeof(text)));
    return err_set(e, code, "%s: %s", doing, sqlite3_errmsg(db));
}

int sql_exec(sqlite3 *db, const char *text, struct err *e)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(db, e, "cannot write the database");
    return 0;
}

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret, struct err *e)
{
    if (sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
        return sql_error(db, e, "cannot read the database");
    return 0;
}

int sql_run(sqlite3_stmt *stmt, struct err *e, const char *doing)
{
    int result = sqlite3_step(stmt), r = 0;
    if (result != SQLITE_DONE && result != SQLITE_ROW)
        r = sql_error(sqlite3_db_handle(stmt), e, doing);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return r;
}

void sql_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(stmt, at);
}

void sql_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
    sqlite3_bind_int64(stmt, at, (sqlite3_int64)value);
}

/* ---- opening ---- */

struct opening {
    const struct sql_options *options;
    const struct sql_schema *schema;
    sqlite3 *db;
};

static int query_int(const struct opening *o, const char *text, int *ret, struct err *e)
{
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    if (sql_prepare(o->db, text, &stmt, e) < 0)
        return -1;
    int result = sqlite3_step(stmt);
    if (result == SQLITE_ROW)
        *ret = sqlite3_column_int(stmt, 0);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0
                                                         : sql_error(o->db, e, "cannot read the database");
}

/* Says what is damaged, and that nothing was done to it. */
static int damaged(const struct opening *o, const char *why, struct err *e)
{
    err_set(e, ERR_DAMAGED, "%s (%s) is damaged: %s. It was left as it is", o->schema->what, o->options->path,
        why);
    return err_hint(e, "%s", o->schema->when_damaged);
}

static int refuse(const struct opening *o, struct err *e)
{
    struct err cause = *e;
    if (cause.code == ERR_DAMAGED)
        return damaged(o, sqlite3_errmsg(o->db), e);
    if (cause.code == ERR_BUSY) {
        err_set(e, ERR_BUSY, "%s (%s) is in use by another process", o->schema->what, o->options->path);
        return err_hint(e, "Is Lodge running already? Only one lodged may use a state directory.");
    }
    return err_prefix(e, "cannot open %s (%s)", o->schema->what, o->options->path);
}

static int newest(const struct sql_schema *schema)
{
    return schema->steps[schema->n_steps - 1].version;
}

/* Reads only: whose database this is and whether this release may use it. */
static int check_version(const struct opening *o, int *ret_version, struct err *e)
{
    int version = 0, application = 0, tables = 0, min_reader = 0;
    if (query_int(o, "PRAGMA user_version", &version, e) < 0 ||
        query_int(o, "PRAGMA application_id", &application, e) < 0 ||
        query_int(o, "SELECT count(*) FROM sqlite_master", &tables, e) < 0)
        return refuse(o, e);
    *ret_version = version;
    if (!tables && !version)
        return 0;
    if (application != o->schema->application || !version)
        return damaged(o, "it is a SQLite database, but not one of Lodge", e);
    if (query_int(o, "SELECT value FROM meta WHERE key='min_reader'", &min_reader, e) < 0)
        return damaged(o, "it does not say who may read it", e);
    if (min_reader <= newest(o->schema))
        return 0;
    err_set(e, ERR_UNSUPPORTED,
        "%s (%s) was written by a newer release of Lodge: it has format %d and needs a release that knows "
        "format %d; this release knows format %d. It was left as it is",
        o->schema->what, o->options->path, version, min_reader, newest(o->schema));
    return err_hint(e, "Start the newer release again, or restore a backup that was made before the update.");
}

static int quick_check(const struct opening *o, struct err *e)
{
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    if (sql_prepare(o->db, "PRAGMA quick_check(1)", &stmt, e) < 0)
        return refuse(o, e);
    int result = sqlite3_step(stmt);
    if (result != SQLITE_ROW) {
        sql_error(o->db, e, "cannot read the database");
        return refuse(o, e);
    }
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    return text && streq(text, "ok") ? 0 : damaged(o, text ? text : "unreadable", e);
}

static int run_step(const struct opening *o, const struct sql_step *step, struct err *e)
{
    _cleanup_free_ char *text =
        mem_printf("BEGIN IMMEDIATE; %s; INSERT OR REPLACE INTO meta(key, value) VALUES('min_reader', %d);"
                   "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
            step->sql, step->min_reader, o->schema->application, step->version);
    if (sql_exec(o->db, text, e) == 0)
        return 0;
    sqlite3_exec(o->db, "ROLLBACK", NULL, NULL, NULL);
    err_prefix(e, "cannot bring it to format %d", step->version);
    return refuse(o, e);
}

/* A release on trial stops before the first step that its predecessor could not read. A database that
 * is empty has no predecessor. */
static int migrate(const struct opening *o, int version, struct err *e)
{
    bool fresh = version == 0;
    int readable_by = version;
    for (size_t i = 0; i < o->schema->n_steps; i++) {
        const struct sql_step *step = &o->schema->steps[i];
        if (step->version <= version)
            continue;
        if (o->options->on_trial && !fresh && step->min_reader > readable_by)
            break;
        if (run_step(o, step, e) < 0)
            return -1;
    }
    return 0;
}

static int configure(const struct opening *o, struct err *e)
{
    _cleanup_free_ char *text =
        mem_printf("PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA wal_autocheckpoint=0;"
                   "PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;",
            o->options->synchronous_off ? "OFF" : "FULL");
    return sql_exec(o->db, text, e) < 0 ? refuse(o, e) : 0;
}

/* SQLite would create it readable for everybody. */
static int create_private(const char *path, struct err *e)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? err_errno(e, errno, "cannot open %s", path) : 0;
}

int sql_open(const struct sql_options *options, const struct sql_schema *schema, sqlite3 **ret, struct err *e)
{
    _cleanup_sql_ sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int version = 0;
    if (create_private(options->path, e) < 0)
        return -1;
    int result = sqlite3_open_v2(options->path, &db, flags, options->vfs);
    struct opening o = {.options = options, .schema = schema, .db = db};
    if (result != SQLITE_OK) {
        sql_error(db, e, "cannot open the database");
        return refuse(&o, e);
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    /* Closing must not write into a file that was refused. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (check_version(&o, &version, e) < 0)
        return -1;
    if (version && !options->skip_check && quick_check(&o, e) < 0)
        return -1;
    if (configure(&o, e) < 0 || migrate(&o, version, e) < 0)
        return -1;
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    *ret = TAKE_PTR(db);
    return 0;
}
