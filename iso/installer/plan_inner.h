/* Inner header of the plan: adding steps, and the names of devices. */
#pragma once

#include "iso/installer/plan.h"

enum partition { PART_BIOS = 1, PART_ESP, PART_SLOT_A, PART_SLOT_B, PART_STATE, PART_LVM };

struct planning {
    const struct plan_input *in;
    struct plan *plan;
    enum plan_phase phase;
};

/* Each returns the new step; its texts are copied into the plan's arena. `words` ends with NULL. */
struct step *plan_run_words(struct planning *p, const char *title, const char *const *words);
void plan_undo_words(struct planning *p, struct step *s, const char *const *words);
#define plan_run(p, title, ...) plan_run_words((p), (title), (const char *const[]){__VA_ARGS__, NULL})
#define plan_undo(p, s, ...)    plan_undo_words((p), (s), (const char *const[]){__VA_ARGS__, NULL})
struct step *plan_step(struct planning *p, enum step_action action, const char *title);
void plan_dir(struct planning *p, const char *path, unsigned mode);
struct step *plan_write(struct planning *p, const char *path, const char *text, size_t len, unsigned mode);
void plan_mount(struct planning *p, const char *device, const char *path);
const char *plan_text(struct planning *p, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* "/dev/sda2", "/dev/nvme0n1p2". */
const char *plan_partition(struct planning *p, const char *disk, unsigned number);
/* "lodge-1a2b3c4d-state": the name of a partition, and of the array of two. */
const char *plan_name(struct planning *p, enum partition part);
/* "lodge_1a2b3c4d": without a hyphen, which device mapper and systemd would write differently. */
const char *plan_group(struct planning *p);
/* Where a file system of the layout stands: a partition, or the array of two. */
const char *plan_device(struct planning *p, enum partition part);
const char *plan_state_dir(struct planning *p);
const char *plan_esp_dir(struct planning *p, size_t disk);

void plan_disks(struct planning *p);
void plan_lvm(struct planning *p);
void plan_host(struct planning *p);
void plan_boot(struct planning *p);
void plan_finish(struct planning *p);
/* Size of the state file system. */
uint64_t plan_state_bytes(const struct plan_input *in);
