/* Networks: what guests and tasks need of them. */
#pragma once

#include "core/plan.h"
#include "core/task.h"

/* Brings the network up or repairs it; blocking, safe to repeat. */
int network_ensure(struct core *core, const struct doc *network, struct err *e);
/* Starts its address server again when that has ended. A job of tasks_settle. */
void network_repair(struct core *core, const char *uuid);
/* Whether a task is about to delete it: nothing new may rest on it. Loop thread. */
bool network_is_leaving(struct core *core, struct snapshot *s, const struct doc *network);
int network_step_remove(struct step_context *c, struct err *e);
void network_finish_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void network_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
/* The record of a new network: its bridge, the host's address and the range that guests get. */
int network_record_make(struct core *core, const struct intent *c, struct network_record *ret,
    struct arena *a, struct violations *v, struct err *e);
