/* Documents, transaction ids and local values in SQLite. One thread at a time. */
#pragma once

#include "registry/dedup.h"
#include "registry/replica_ops.h"
#include "registry/snapshot.h"

struct store;
int store_open(const struct registry_options *options, struct store **ret, struct err *e);
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close)

/* Everything into an empty snapshot and an empty dedup; sets the snapshot's revision. */
int store_load(
    struct store *s, struct snapshot *into, struct dedup *ids, struct position *ret_applied, struct err *e);

/* Begin, any number of writes, then commit (durable when it returns 0) or rollback. */
int store_begin(struct store *s, struct err *e);
int store_write(struct store *s, uint64_t revision, struct position position, const char *id,
    const struct change *changes, size_t n, struct err *e);
int store_write_local(struct store *s, const char *table, const char *key, const char *value, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);

/* Moves the write-ahead log into the database when it is time; more eagerly when nobody waits. */
void store_tidy(struct store *s, bool idle);

/* Over a connection of its own: any thread. */
int store_local_each(
    const struct registry_options *options, const char *table, local_fn *fn, void *arg, struct err *e);
