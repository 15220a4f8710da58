/* The registry's own thread: takes all that is committed or put meanwhile, decides each transaction
 * on the newest state, and makes the group durable with one commit of the database. */
#pragma once

#include "registry/apply.h"
#include "registry/reserve.h"
#include "registry/store.h"

/* What became of one entry. */
struct outcome {
    struct outcome *next;
    struct entry *entry;
    struct applied applied; /* `after` is NULL when nothing changed */
    uint64_t revision;
    struct err *error; /* owned; NULL on success */
};
void outcome_free(struct outcome *o);
struct outcome *outcome_refused(struct entry *entry, const struct err *e);

/* On the writer's thread, after each group: the list moves to the callee, `newest` is borrowed. */
typedef void settled_fn(void *arg, struct outcome *list, struct snapshot *newest);

struct writer;
/* Borrows the store until writer_stop; `start` is the loaded state, its reference, the ids and the reserve
 * move. */
struct writer *writer_start(struct store *store, struct reserve *reserve, struct snapshot *start,
    struct dedup ids, settled_fn *fn, void *arg);
/* Works off what is queued, ends the thread and frees. */
void writer_stop(struct writer *w);

/* Thread-safe, at once. */
void writer_entry(struct writer *w, struct entry *entry, struct position position);
void writer_local(struct writer *w, const char *table, const char *key, const char *value);
/* Waits until what was queued before is done. Not on the writer's thread. */
void writer_flush(struct writer *w);
