/* How the registry's own thread makes the next snapshot from one: unchanged chunks are shared. */
#pragma once

#include "registry/registry.h"

struct snapshot *snapshot_new(void);
/* A copy that nobody else has yet; insert and remove are for such a one only. Costs a few dozen
 * reference counts, whatever the number of documents. */
struct snapshot *snapshot_edit(struct snapshot *base, uint64_t revision);
void snapshot_set_revision(struct snapshot *s, uint64_t revision);

enum insert_result { INSERT_OK, INSERT_NAME_TAKEN, INSERT_UUID_TAKEN };
/* Takes a reference of its own when it succeeds. */
enum insert_result snapshot_insert(struct snapshot *s, struct doc *doc);
/* False when exactly this document is not in it. */
bool snapshot_remove(struct snapshot *s, struct doc *doc);
