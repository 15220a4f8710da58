/* SQLite as Lodge uses it for its own databases: WAL, synchronous=FULL, a table of migrations, and
 * refusals that say what to do. Shared by the registry and the audit log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sqlite3.h>

#include "base/err.h"

static inline void sql_finalize(sqlite3_stmt *stmt)
{
    sqlite3_finalize(stmt);
}
DEFINE_CLEANUP(sqlite3_stmt *, sql_finalize)
#define _cleanup_stmt_ _cleanup_(sql_finalize)

void sql_close(sqlite3 *db);
DEFINE_CLEANUP(sqlite3 *, sql_close)
#define _cleanup_sql_ _cleanup_(sql_close)

/* One migration, run in a transaction of its own. */
struct sql_step {
    int version;    /* what the schema is called afterwards: 1, 2, … without a gap */
    int min_reader; /* the oldest schema version whose code can still read and write it afterwards */
    const char *sql;
};

struct sql_schema {
    const char *what;    /* in sentences: "the configuration database" */
    int32_t application; /* PRAGMA application_id */
    const struct sql_step *steps;
    size_t n_steps;
    const char *when_damaged; /* the hint */
};

struct sql_options {
    const char *path;
    const char *vfs; /* NULL: the default */
    bool synchronous_off;
    bool on_trial;   /* migrations that the release before could not read are left for later */
    bool skip_check; /* no walk over the whole file: for what can be large and checks itself */
};

/* Opens or creates (mode 0600), checks and migrates. A refused file is left as it is. */
int sql_open(
    const struct sql_options *options, const struct sql_schema *schema, sqlite3 **ret, struct err *e);

/* What SQLite says went wrong, as an error of ours; returns -1. */
int sql_error(sqlite3 *db, struct err *e, const char *doing);
int sql_exec(sqlite3 *db, const char *text, struct err *e);
int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret, struct err *e);
/* Runs a statement that returns no rows and resets it, bindings included. */
int sql_run(sqlite3_stmt *stmt, struct err *e, const char *doing);
/* NULL binds NULL; the text must live until the statement is reset. */
void sql_bind_text(sqlite3_stmt *stmt, int at, const char *text);
void sql_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value);
