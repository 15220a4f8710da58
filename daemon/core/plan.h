/* A change as data: what somebody wants (intent) becomes what would be done (plan): a transaction,
 * and for what takes longer a task with its steps. Planning reads snapshots and decides; it acts on
 * nothing, so that a dry run is the same code. Loop thread. */
#pragma once

#include "auth/access.h"
#include "base/json.h"
#include "base/violations.h"
#include "core/core.h"
#include "core/views.h"

struct intent {
    struct snapshot *snapshot; /* borrowed: what the plan is made from */
    enum kind kind;
    struct doc *before;      /* borrowed; NULL: it is new */
    char uuid[UUID_LEN + 1]; /* of before, or a fresh one */
    const char *name;        /* wanted */
    const char *labels;      /* JSON object, wanted */
    const char *description;
    json_t *spec_json;               /* wanted, normalised; owned by its maker */
    const void *spec;                /* the same, typed; struct of the kind */
    const char *user;                /* who asks; NULL: the host itself */
    uint64_t now_ms;                 /* unix time */
    bool start;                      /* guest: start it once it is there */
    bool purge;                      /* volume, guest: past the trash */
    bool force;                      /* guest: stop it first when it runs */
    const struct power_input *power; /* actions */
    const char *password_hash; /* user: made on a worker from the new password; NULL: keeps the old one */
    const char *login;         /* image: what its URL had before the host; NULL: nothing */
    struct access *access;     /* identities: what the one who asks may hand on */
    struct principal *by;      /* borrowed; NULL: the host itself */
};

struct plan {
    struct txn *txn;
    char task[UUID_LEN + 1]; /* "" when the commit is all */
    json_t *steps;           /* of the task: step records */
    json_t *effects;         /* [{pointer, before, after, effect}] of a change of something that exists */
    bool needs_restart;
    char *secret; /* shown once with the answer: a new token; owned */
};

void plan_init(struct plan *plan);
void plan_clear(struct plan *plan);

/* The main document of the change, with this private record (JSON text). */
void plan_put(struct plan *plan, const struct intent *c, const char *private);
/* A task on the object of the intent; steps come from plan_step, then plan_task_end puts the document. */
void plan_step(struct plan *plan, const char *step, const char *object, const char *arg, const char *text,
    ...) ATTR_PRINTF(5, 6);
void plan_task_end(struct plan *plan, const struct intent *c, const char *action);

/* What each kind does with a change. */
struct kind_ops {
    const char *help;
    /* Creates or replaces. What is wrong with fields goes into v; what cannot be done at all into e. */
    int (*put)(
        struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e);
    int (*remove)(struct core *core, const struct intent *c, struct plan *plan, struct err *e);
    /* Appends the members of the status object ("a":1,"b":2), `detail` for a single resource. */
    void (*status)(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out);
};
const struct kind_ops *kind_ops_of(enum kind kind); /* NULL members: not offered */

/* Named actions on a resource: "start", "undelete". */
int plan_action(
    struct core *core, const struct intent *c, const char *action, struct plan *plan, struct err *e);

/* Encodes a record for plan_put: owned text. */
char *record_text(enum object_id id, const void *record);

extern const struct kind_ops guest_kind, volume_kind, pool_kind, network_kind, image_kind, node_kind,
    task_kind, setting_kind, user_kind, role_kind, binding_kind, token_kind;
int guest_plan_action(
    struct core *core, const struct intent *c, const char *action, struct plan *plan, struct err *e);
int volume_plan_action(
    struct core *core, const struct intent *c, const char *action, struct plan *plan, struct err *e);
