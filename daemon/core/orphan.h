/* What an undo could not remove: kept locally, tried again every minute, shown with the node until
 * it is gone. */
#pragma once

#include "core/core.h"

/* Any thread. */
void orphan_add(
    struct core *core, const char *task_uuid, const struct step_record *step, const struct err *why);
/* Tries all again; blocks: for workers. */
void orphans_retry(struct core *core);
/* A guest is about to be started: what an earlier start left of it and its disks is taken over by this one,
 * and must not be removed under it. Blocks: for workers. */
void orphans_take_over(struct core *core, const struct doc *guest);
/* A JSON array, owned, of {task, step, text, error}; blocks: for workers. */
char *orphans_text(struct core *core);
