/* The registry: documents keyed by uuid, (kind, name) unique, changed only by transactions. Readers
 * use an immutable snapshot and never touch the disk. Documents carry what the user set (spec),
 * what people see about it (labels, description) and what only the server knows (private). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/text.h"
#include "schema/kinds.h"

#define DOC_MAX_BYTES (256 * 1024) /* labels + spec + private together */
#define DOC_NAME_MAX  255

struct label {
    const char *key; /* both borrowed from the document */
    const char *value;
};

/* Immutable and shared between threads; hold a reference while you use it. */
struct doc {
    char uuid[UUID_LEN + 1];
    enum kind kind;
    uint64_t revision;    /* of the transaction that wrote it: its ETag */
    uint64_t created_ms;  /* unix time */
    uint64_t modified_ms; /* unix time */
    const char *name;
    const struct label *labels; /* sorted by key */
    size_t n_labels;
    const char *description; /* NULL when there is none */
    /* {"metadata":{…},"spec":{…} without the closing brace, so that a status can follow. */
    const char *fragment;
    size_t fragment_len;
    const char *spec; /* points into the fragment, spec_len bytes, not terminated */
    size_t spec_len;
    const char *private; /* JSON object, NUL-terminated; "{}" when there is none */
    void *view;          /* what the kind's view hook made of it; NULL without one */
};

struct doc *doc_ref(struct doc *doc);
void doc_unref(struct doc *doc);
DEFINE_CLEANUP(struct doc *, doc_unref)
#define _cleanup_doc_ _cleanup_(doc_unref)

/* ---- snapshots ---- */

struct snapshot;
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)
#define _cleanup_snapshot_ _cleanup_(snapshot_unref)

uint64_t snapshot_revision(const struct snapshot *s);
size_t snapshot_count(const struct snapshot *s, enum kind kind);
/* All below are borrowed from the snapshot; NULL when absent. */
struct doc *snapshot_by_name(const struct snapshot *s, enum kind kind, const char *name);
struct doc *snapshot_by_uuid(const struct snapshot *s, enum kind kind, const char *uuid);
/* The first document of that kind whose name is greater than `after` (NULL: the first of all). Walks
 * in byte order of the names: `for (d = snapshot_after(s, k, NULL); d; d = snapshot_after(s, k, d->name))`
 * works, the iterator below is faster. */
struct doc *snapshot_after(const struct snapshot *s, enum kind kind, const char *after);

struct snapshot_iter {
    const struct snapshot *snapshot;
    enum kind kind;
    size_t chunk, at;
};
/* Starts behind `after` (NULL: at the beginning). */
void snapshot_iter_init(
    struct snapshot_iter *it, const struct snapshot *s, enum kind kind, const char *after);
struct doc *snapshot_iter_next(struct snapshot_iter *it); /* NULL at the end */

/* ---- transactions ---- */

#define REVISION_ANY  UINT64_MAX /* no expectation */
#define REVISION_NONE 0          /* must not exist */

struct txn;
struct txn *txn_new(void);
void txn_free(struct txn *t);
DEFINE_CLEANUP(struct txn *, txn_free)
#define _cleanup_txn_ _cleanup_(txn_free)

struct put {
    enum kind kind;
    const char *uuid;
    const char *name;
    uint64_t expected;       /* revision, REVISION_NONE or REVISION_ANY */
    uint64_t created_ms;     /* 0 keeps the stored one (which must then exist) */
    uint64_t modified_ms;    /* required: apply reads no clock */
    const char *labels;      /* JSON object of strings; NULL is {} */
    const char *description; /* plain text; NULL is none */
    const char *spec;        /* JSON object; NULL keeps the stored one */
    const char *private;     /* JSON object; NULL keeps the stored one, or {} */
};
/* Everything is copied. What is wrong with a put (no JSON object, too large, …) is reported when the
 * transaction is proposed. A document may be changed once in a transaction. */
void txn_put(struct txn *t, const struct put *put);
/* Only `private` changes; expects the revision of `old`. For writes that are the server's own. */
void txn_put_private(struct txn *t, const struct doc *old, const char *private, uint64_t modified_ms);
void txn_delete(struct txn *t, enum kind kind, const char *uuid, uint64_t expected);
/* The transaction fails unless this document still has that revision; writes nothing. */
void txn_require(struct txn *t, enum kind kind, const char *uuid, uint64_t expected);
/* Nothing at all was committed after that revision: for what rests on nobody referring to something, which
 * no document's own revision tells. For rare changes only. */
void txn_require_unchanged(struct txn *t, uint64_t revision);
/* A retry with the id of a transaction that was committed answers as that one did (its revision) and
 * applies nothing; one that was refused may be tried again. The last 10,000 transactions are
 * remembered. At most TXN_ID_MAX bytes. */
#define TXN_ID_MAX 64
void txn_set_id(struct txn *t, const char *id);
/* It leads to more room on the disk, or ends what is under way: on a full disk it is written with the room
 * that is kept back for that, while all others are refused. */
void txn_frees_room(struct txn *t);
bool txn_is_empty(const struct txn *t);

/* ---- the registry itself ---- */

struct registry;

struct registry_options {
    struct loop *loop;
    const char *path;       /* of registry.db */
    const char *sqlite_vfs; /* NULL: the default; tests name a fault VFS */
    uint64_t reserve_bytes; /* room kept back beside it for txn_frees_room; 0: none */
    bool synchronous_off;   /* only for the test that must fail with it */
    bool on_trial;          /* this release is not confirmed yet: no migration runs that the release
                               before it could not read */
};

/* Opens or creates, on the loop's thread (it is remembered as that). A damaged or newer database is
 * refused with a sentence that says what to do, and its file is left as it is. */
int registry_open(const struct registry_options *options, struct registry **ret, struct err *e);
/* Waits for what was proposed, delivers it, then closes. Loop thread, not inside a callback of the
 * registry; no worker may use the registry any more. */
void registry_close(struct registry *r);
DEFINE_CLEANUP(struct registry *, registry_close)

/* Called before any document is loaded: `build` makes doc->view (may return NULL); runs on any thread. */
struct view_hook {
    void *(*build)(const struct doc *doc);
    void (*free)(void *view);
};
void registry_set_view(enum kind kind, const struct view_hook *hook);

/* Thread-safe; a reference that the caller drops. On the loop's thread it is in step with the watches:
 * it contains exactly what they have been shown. Other threads get the newest durable state. */
struct snapshot *registry_snapshot(struct registry *r);

struct commit_result {
    uint64_t revision;       /* of the transaction; 0 on error */
    const struct err *error; /* NULL on success. ERR_PRECONDITION: a revision was another; ERR_EXISTS:
                                a name is taken; ERR_NOT_FOUND; ERR_NO_SPACE; … */
};
typedef void commit_fn(void *arg, const struct commit_result *result);

/* Any thread. Durable when `fn` (may be NULL) is called: on the loop thread, after the watches have seen
 * it and the snapshot contains it, never before this returns. The transaction moves to the registry. */
void registry_propose(struct registry *r, struct txn *t, commit_fn *fn, void *arg);
/* Any thread but the loop's (there only at start-up, where it delivers too): waits until durable and visible
 * in registry_snapshot there; does not wait for the loop, which has it before anything that this thread posts
 * afterwards. Moves the txn. */
int registry_commit(struct registry *r, struct txn *t, uint64_t *ret_revision, struct err *e);

/* One changed document of a transaction. before is NULL when created, after is NULL when deleted. */
struct change {
    struct doc *before;
    struct doc *after;
};
struct commit {
    uint64_t revision;
    const struct change *changes;
    size_t n_changes;
    struct snapshot *snapshot; /* borrowed: the state right after it */
};
typedef void watch_fn(void *arg, const struct commit *commit);
struct registry_watch;
/* Loop thread; fn is called there for each transaction in order. */
struct registry_watch *registry_watch(struct registry *r, watch_fn *fn, void *arg);
void registry_watch_free(struct registry_watch *w);

/* ---- local values: not replicated, not in snapshots (sessions, task progress and logs) ---- */

/* Asynchronous: durable with the next group commit, within 20 ms. value NULL deletes. Any thread. A
 * value that cannot be written (full disk) is lost. */
void registry_local_put(struct registry *r, const char *table, const char *key, const char *value);
/* Reads all values of a local table in the order of their keys, including those just put; blocking, for
 * start-up and workers. */
typedef void local_fn(void *arg, const char *key, const char *value);
int registry_local_each(struct registry *r, const char *table, local_fn *fn, void *arg, struct err *e);
