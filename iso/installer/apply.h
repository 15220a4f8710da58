/* Does what a plan says, step by step, and undoes what must not stay: mounts, active volume groups, running
 * arrays. After a failure the machine is as it was but for the disks' content, so that it can be tried again.
 */
#pragma once

#include "iso/installer/plan.h"

#define APPLY_LOG "/run/lodge-installer.log"

struct apply {
    const struct plan *plan;
    unsigned skip_phases; /* bit per plan_phase: left out, and said so */
    const char *log_path; /* appended to */
    /* Told before each step that has a title and while it goes on; `percent` is of the whole. */
    void (*progress)(void *arg, const char *title, unsigned percent);
    void *arg;
};

/* On failure `e` says which step and why; the log has what its program printed. */
int apply_run(const struct apply *a, struct err *e);
/* Ends what an attempt that was killed left mounted or active below work_dir. Silent when there is nothing.
 */
void apply_clean(const char *work_dir);
