/* Volumes: what guests and tasks need of them. */
#pragma once

#include "core/inventory.h"
#include "core/plan.h"
#include "core/task.h"

/* Adds what keeps this image (NULL: absent) from filling such a volume; size 0: the image's. */
void volume_check_image(const struct doc *image, const char *name, int content, uint64_t size,
    const char *pointer, struct violations *v);
/* ERR_STATE while the guest runs, ERR_BUSY while a task works on it. */
int volume_check_idle(struct core *core, const struct doc *guest, struct err *e);

/* Writes record, name and spec (NULL: as it is); labels, description and time of creation stay. */
void volume_txn_put(struct txn *txn, const struct doc *d, const struct volume_record *record,
    const char *name, const char *spec, uint64_t now_ms);
/* Into the trash: nobody's any more, under a name that leaves its own one free. */
void volume_txn_trash(struct txn *txn, const struct doc *d, uint64_t now_ms);

/* Blocking; safe to repeat. A volume that is gone is detached. */
int volume_attach(struct core *core, struct snapshot *s, const char *uuid, bool read_only,
    struct attachment *ret, struct err *e);
int volume_detach(struct core *core, struct snapshot *s, const char *uuid, struct err *e);

int volume_step_create(struct step_context *c, struct err *e);
int volume_step_delete(struct step_context *c, struct err *e);
int volume_step_resize(struct step_context *c, struct err *e);
void volume_finish_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void volume_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);

/* Deletes what has been in the trash for longer than its pool keeps it. Loop thread. */
void volumes_purge_expired(struct core *core);
