/* The registry's tables. A commit touches few pages: documents and transactions are appended by row
 * number, and there is no index in the database (uuid and name are looked up in the snapshot, which
 * is loaded whole at the start and refuses duplicates), so that a new document costs two pages. */
#include "registry/store.h"

#include "registry/doc.h"
#include "registry/sql.h"

/* Pages in the write-ahead log (4 KiB each) before they are moved: when idle, and at the latest. A log
 * that starts over is written in place; one that grows makes the file system commit its new size, which
 * was measured to double the time of a commit. */
#define WAL_PAGES_IDLE 200
#define WAL_PAGES_MAX  1000
#define PRUNE_EVERY    1000 /* transactions */

static const struct sql_step steps[] = {
    {.version = 1,
        .min_reader = 1,
        .sql = "CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
               "CREATE TABLE docs(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, uuid TEXT NOT NULL,"
               " name TEXT NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL,"
               " modified INTEGER NOT NULL, labels TEXT, description TEXT, spec TEXT NOT NULL,"
               " private TEXT, sum INTEGER);"
               "CREATE TABLE txns(revision INTEGER PRIMARY KEY, term INTEGER NOT NULL,"
               " position INTEGER NOT NULL, id TEXT);"
               "CREATE TABLE local(area TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY(area, key))"
               " WITHOUT ROWID;"},
};

static const struct sql_schema schema = {
    .what = "the configuration database",
    .application = 0x4c6f6467, /* "Lodg" */
    .steps = steps,
    .n_steps = ARRAY_SIZE(steps),
    .when_damaged = "Restore registry.db from a backup. To start with an empty configuration instead, move "
                    "registry.db, registry.db-wal and registry.db-shm away; the disks of guests stay.",
};

enum { PUT, DELETE, TXN, PRUNE, LOCAL_PUT, LOCAL_DELETE, BEGIN, COMMIT, ROLLBACK, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    [PUT] = ("INSERT OR REPLACE INTO docs(id,kind,uuid,name,revision,created,modified,labels,description,"
             "spec,private,sum) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"),
    [DELETE] = "DELETE FROM docs WHERE id=?1",
    [TXN] = "INSERT INTO txns(revision,term,position,id) VALUES(?1,?2,?3,?4)",
    [PRUNE] = "DELETE FROM txns WHERE revision<=?1",
    [LOCAL_PUT] = "INSERT OR REPLACE INTO local(area,key,value) VALUES(?1,?2,?3)",
    [LOCAL_DELETE] = "DELETE FROM local WHERE area=?1 AND key=?2",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
    int64_t last_row; /* of docs; one that a rollback left unused is never missed */
    int wal_pages;
    bool open; /* a transaction */
};

static const char doing[] = "cannot write the configuration";

/* ---- opening ---- */

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *s = arg;
    (void)db;
    (void)name;
    s->wal_pages = pages;
    return SQLITE_OK;
}

static void sql_options_from(const struct registry_options *options, struct sql_options *ret)
{
    *ret = (struct sql_options){.path = options->path,
        .vfs = options->sqlite_vfs,
        .synchronous_off = options->synchronous_off,
        .on_trial = options->on_trial};
}

int store_open(const struct registry_options *options, struct store **ret, struct err *e)
{
    struct sql_options sql_options;
    sql_options_from(options, &sql_options);
    _cleanup_(store_close) struct store *s = mem_new(struct store, 1);
    if (sql_open(&sql_options, &schema, &s->db, e) < 0)
        return -1;
    sqlite3_wal_hook(s->db, on_commit, s);
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sql_prepare(s->db, texts[i], &s->stmt[i], e) < 0)
            return err_prefix(e, "%s (%s)", schema.what, options->path);
    *ret = TAKE_PTR(s);
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->stmt[i]);
    sql_close(s->db);
    free(s);
}

/* ---- loading ---- */

/* FNV-1a, 64 bits: SQLite's own check does not see a flipped bit inside a text. */
static uint64_t sum_bytes(uint64_t sum, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    return (sum ^ 0xff) * UINT64_C(0x100000001b3); /* a byte that UTF-8 never has: between the fields */
}

static uint64_t sum_str(uint64_t sum, const char *s)
{
    return sum_bytes(sum, s ? s : "", s ? strlen(s) : 0);
}

static uint64_t sum_of(const struct doc_source *d, const char *labels)
{
    char numbers[80];
    int n = snprintf(numbers, sizeof(numbers), "%llu %llu %llu", (unsigned long long)d->revision,
        (unsigned long long)d->created_ms, (unsigned long long)d->modified_ms);
    uint64_t sum = sum_bytes(UINT64_C(0xcbf29ce484222325), numbers, (size_t)n);
    sum = sum_str(sum_str(sum_str(sum, kind_singular(d->kind)), d->uuid), d->name);
    sum = sum_str(sum_str(sum, labels), d->description);
    return sum_str(sum_bytes(sum, d->spec, d->spec_len), d->private);
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

static int damaged(const char *what, const char *why, struct err *e)
{
    err_set(e, ERR_DAMAGED, "%s is damaged: %s %s. It was left as it is", schema.what, what, why);
    return err_hint(e, "%s", schema.when_damaged);
}

static int load_doc(sqlite3_stmt *stmt, enum kind kind, struct snapshot *into, struct err *e)
{
    _cleanup_label_set_ struct label_set labels = {0};
    const char *label_text = text_at(stmt, 7);
    struct doc_source source = {.kind = kind,
        .uuid = text_at(stmt, 2),
        .name = text_at(stmt, 3),
        .revision = (uint64_t)sqlite3_column_int64(stmt, 4),
        .created_ms = (uint64_t)sqlite3_column_int64(stmt, 5),
        .modified_ms = (uint64_t)sqlite3_column_int64(stmt, 6),
        .description = text_at(stmt, 8),
        .spec = text_at(stmt, 9),
        .private = text_at(stmt, 10)};
    if (!source.uuid || !uuid_valid(source.uuid) || !source.name || !source.spec)
        return damaged("a document", "has no identity", e);
    source.spec_len = strlen(source.spec);
    bool has_sum = sqlite3_column_type(stmt, 11) != SQLITE_NULL; /* set to NULL after a repair by hand */
    if (has_sum && (uint64_t)sqlite3_column_int64(stmt, 11) != sum_of(&source, label_text))
        return damaged(source.name, "does not match its checksum", e);
    if (label_set_parse(label_text, &labels, e) < 0)
        return damaged(source.name, "has labels that cannot be read", e);
    source.labels = labels.items;
    source.n_labels = labels.n;
    _cleanup_doc_ struct doc *doc = doc_make(&source);
    doc_set_row(doc, sqlite3_column_int64(stmt, 0));
    if (snapshot_insert(into, doc) != INSERT_OK)
        return damaged(source.name, "is there twice", e);
    return 0;
}

/* Rows of kinds that only a newer release knows stay where they are, unread. */
static int load_docs(struct store *s, struct snapshot *into, struct err *e)
{
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    if (sql_prepare(s->db,
            "SELECT id,kind,uuid,name,revision,created,modified,labels,description,spec,private,sum FROM "
            "docs ORDER BY id",
            &stmt, e) < 0)
        return -1;
    int result;
    while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *kind_name = text_at(stmt, 1);
        enum kind kind;
        s->last_row = sqlite3_column_int64(stmt, 0);
        if (kind_name && kind_parse(kind_name, &kind) && load_doc(stmt, kind, into, e) < 0)
            return -1;
    }
    return result == SQLITE_DONE ? 0 : sql_error(s->db, e, "cannot read the configuration");
}

static int load_txns(
    struct store *s, struct dedup *ids, uint64_t *ret_revision, struct position *ret_applied, struct err *e)
{
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    uint64_t revision = 0;
    struct position applied = {0};
    if (sql_prepare(s->db, "SELECT revision,term,position,id FROM txns ORDER BY revision", &stmt, e) < 0)
        return -1;
    int result;
    while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *id = text_at(stmt, 3);
        revision = (uint64_t)sqlite3_column_int64(stmt, 0);
        applied.term = (uint64_t)sqlite3_column_int64(stmt, 1);
        applied.index = (uint64_t)sqlite3_column_int64(stmt, 2);
        if (id)
            dedup_add(ids, id, revision);
    }
    if (result != SQLITE_DONE)
        return sql_error(s->db, e, "cannot read the configuration");
    dedup_prune(ids, revision);
    *ret_revision = revision;
    *ret_applied = applied;
    return 0;
}

int store_load(
    struct store *s, struct snapshot *into, struct dedup *ids, struct position *ret_applied, struct err *e)
{
    uint64_t revision = 0;
    if (load_docs(s, into, e) < 0 || load_txns(s, ids, &revision, ret_applied, e) < 0)
        return -1;
    snapshot_set_revision(into, revision);
    return 0;
}

/* ---- writing ---- */

int store_begin(struct store *s, struct err *e)
{
    if (sql_run(s->stmt[BEGIN], e, doing) < 0)
        return -1;
    s->open = true;
    return 0;
}

static int write_doc(struct store *s, struct doc *doc, struct err *e)
{
    _cleanup_buf_ struct buf labels = {0};
    if (doc->n_labels)
        labels_render(&labels, doc->labels, doc->n_labels);
    struct doc_source source = {.kind = doc->kind,
        .uuid = doc->uuid,
        .name = doc->name,
        .revision = doc->revision,
        .created_ms = doc->created_ms,
        .modified_ms = doc->modified_ms,
        .description = doc->description,
        .spec = doc->spec,
        .spec_len = doc->spec_len,
        .private = streq(doc->private, "{}") ? NULL : doc->private};
    if (!doc_row(doc))
        doc_set_row(doc, ++s->last_row);
    sqlite3_stmt *stmt = s->stmt[PUT];
    sqlite3_bind_int64(stmt, 1, doc_row(doc));
    sql_bind_text(stmt, 2, kind_singular(doc->kind));
    sql_bind_text(stmt, 3, doc->uuid);
    sql_bind_text(stmt, 4, doc->name);
    sql_bind_u64(stmt, 5, doc->revision);
    sql_bind_u64(stmt, 6, doc->created_ms);
    sql_bind_u64(stmt, 7, doc->modified_ms);
    sql_bind_text(stmt, 8, labels.data);
    sql_bind_text(stmt, 9, source.description);
    sqlite3_bind_text(stmt, 10, source.spec, (int)source.spec_len, SQLITE_STATIC);
    sql_bind_text(stmt, 11, source.private);
    sql_bind_u64(stmt, 12, sum_of(&source, labels.data));
    return sql_run(stmt, e, doing);
}

static int delete_doc(struct store *s, const struct doc *doc, struct err *e)
{
    sqlite3_bind_int64(s->stmt[DELETE], 1, doc_row(doc));
    return sql_run(s->stmt[DELETE], e, doing);
}

static int prune(struct store *s, uint64_t revision, struct err *e)
{
    if (revision % PRUNE_EVERY || revision <= DEDUP_KEEP)
        return 0;
    sql_bind_u64(s->stmt[PRUNE], 1, revision - DEDUP_KEEP);
    return sql_run(s->stmt[PRUNE], e, doing);
}

int store_write(struct store *s, uint64_t revision, struct position position, const char *id,
    const struct change *changes, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct change *c = &changes[i];
        if ((c->after ? write_doc(s, c->after, e) : delete_doc(s, c->before, e)) < 0)
            return -1;
    }
    sqlite3_stmt *stmt = s->stmt[TXN];
    sql_bind_u64(stmt, 1, revision);
    sql_bind_u64(stmt, 2, position.term);
    sql_bind_u64(stmt, 3, position.index);
    sql_bind_text(stmt, 4, id);
    return sql_run(stmt, e, doing) < 0 ? -1 : prune(s, revision, e);
}

int store_write_local(struct store *s, const char *table, const char *key, const char *value, struct err *e)
{
    sqlite3_stmt *stmt = s->stmt[value ? LOCAL_PUT : LOCAL_DELETE];
    sql_bind_text(stmt, 1, table);
    sql_bind_text(stmt, 2, key);
    if (value)
        sql_bind_text(stmt, 3, value);
    return sql_run(stmt, e, doing);
}

int store_commit(struct store *s, struct err *e)
{
    if (sql_run(s->stmt[COMMIT], e, doing) < 0)
        return -1;
    s->open = false;
    return 0;
}

void store_rollback(struct store *s)
{
    if (s->open && !sqlite3_get_autocommit(s->db)) /* a full disk may have ended it already */
        sql_run(s->stmt[ROLLBACK], NULL, doing);
    s->open = false;
}

void store_tidy(struct store *s, bool idle)
{
    if (s->wal_pages < (idle ? WAL_PAGES_IDLE : WAL_PAGES_MAX))
        return;
    /* What fails here (a full disk, a reader) is tried again after the next commit. */
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    s->wal_pages = 0;
}

int store_local_each(
    const struct registry_options *options, const char *table, local_fn *fn, void *arg, struct err *e)
{
    _cleanup_sql_ sqlite3 *db = NULL;
    _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
    if (sqlite3_open_v2(options->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
            options->sqlite_vfs) != SQLITE_OK)
        return sql_error(db, e, "cannot open the configuration database");
    sqlite3_busy_timeout(db, 5000);
    if (sql_prepare(db, "SELECT key,value FROM local WHERE area=?1 ORDER BY key", &stmt, e) < 0)
        return -1;
    sql_bind_text(stmt, 1, table);
    int result;
    while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
        fn(arg, text_at(stmt, 0), text_at(stmt, 1));
    return result == SQLITE_DONE ? 0 : sql_error(db, e, "cannot read the configuration database");
}
