/* Guests: planning (guest.c, guest_check.c, guest_power.c, guest_pending.c), the steps that act
 * (guest_steps.c), and what follows when a guest's state changes by itself (guest_watch.c). */
#pragma once

#include "core/inventory.h"
#include "core/plan.h"
#include "core/task.h"
#include "core/volume.h"

/* ---- guest_check.c ---- */
/* Adds what makes the intent's spec impossible, with pointers into it. */
void guest_check(struct core *core, const struct intent *c, struct violations *v);
/* NULL: it has none of that name, or `r` is NULL. */
const struct disk_record *guest_record_disk(const struct guest_record *r, const char *name);
/* enum volume_content of its first disk. */
int guest_content_of(const struct guest_spec *spec);

/* ---- guest_power.c ---- */
/* Whether it may be started here, and the steps that do: ERR_CAPACITY when the host cannot promise its
 * memory on top of what runs, ERR_STATE in maintenance. The guest is that of the intent; spec and record may
 * be those that it is about to get. */
int guest_plan_start(struct core *core, const struct intent *c, const struct guest_spec *spec,
    const struct guest_record *record, struct plan *plan, struct err *e);
/* Adds the steps that let go of a stopped one. */
void guest_plan_release_steps(struct plan *plan, const struct doc *guest);
/* The record with another wanted state, as text for txn_put_private. */
char *guest_record_wanting(const struct doc *guest, enum power wanted, enum power_cause cause);
/* Proposes a start that nobody asked for just now (host boot, policy). Loop thread. */
/* ERR_UNAVAILABLE as long as nobody has said whether the guest runs: after a start of Lodge, until its
 * hypervisor has answered once, and while that is away. */
int guest_require_known(struct core *core, const struct doc *guest, struct err *e);
int guest_start_by_itself(struct core *core, const struct doc *guest, enum power_cause cause, struct err *e);

/* ---- guest_pending.c ---- */
/* Before a change to `spec` is put: record->launched becomes what the guest runs with when that will be
 * another, NULL otherwise. The record has its new cards already; what it points at lies in `a` or in
 * `before`. */
void guest_keep_launched(struct core *core, const struct doc *before, const struct guest_spec *spec,
    struct guest_record *record, struct arena *a);
/* Appends ,"pending_restart":[…] when something waits. */
void guest_status_pending(const struct guest_spec *spec, const struct guest_record *record,
    enum guest_state state, struct buf *out);

/* ---- guest_watch.c ---- */
void guest_watch_open(struct core *core);
void guest_watch_close(struct core *core);
/* Compares what is wanted with what is and acts. Loop thread. */
void guest_reconcile(struct core *core, const char *uuid);
/* From now on the host is going down: nothing is restarted, no stop becomes the user's wish. */
void guest_watch_host_stopping(struct core *core);

/* ---- guest_steps.c ---- */
int guest_step_ensure_network(struct step_context *c, struct err *e);
int guest_step_attach(struct step_context *c, struct err *e);
int guest_step_detach(struct step_context *c, struct err *e);
int guest_step_launch(struct step_context *c, struct err *e);
int guest_step_kill(struct step_context *c, struct err *e);
int guest_step_ask(struct step_context *c, struct err *e);
int guest_step_await(struct step_context *c, struct err *e);
int guest_step_reset(struct step_context *c, struct err *e);
int guest_step_pause(struct step_context *c, struct err *e);
int guest_step_resume(struct step_context *c, struct err *e);
int guest_step_forget(struct step_context *c, struct err *e);
int guest_step_erase(struct step_context *c, struct err *e);
int guest_step_stop_all(struct step_context *c, struct err *e);
/* Lets go of a guest that has stopped: disks and the driver's traces. Worker thread. */
void guest_settle(struct core *core, const char *uuid);

/* ---- guest_finish.c ---- */
void guest_finish_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void guest_finish_update(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void guest_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void guest_finish_start(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void guest_finish_stop(struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void guest_after_create(struct core *core, const struct doc *task, bool ok);
void guest_after(struct core *core, const struct doc *task, bool ok);
