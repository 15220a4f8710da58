/* Images: files beneath LODGE_STATE/images, named by uuid, checked before anything is made from them. */
#pragma once

#include "core/plan.h"
#include "core/task.h"

/* Opens the image's file for reading. */
int image_open(struct core *core, const struct doc *image, int *ret_fd, struct err *e);

int image_step_import(struct step_context *c, struct err *e);
int image_step_delete(struct step_context *c, struct err *e);
void image_finish_import(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
void image_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t);
