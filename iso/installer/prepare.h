/* From an answer and a target to a plan: what the plan needs besides (hashes, ids, seeds, the first-boot
 * script) is made or fetched here, before anything is written. */
#pragma once

#include "iso/installer/plan.h"

#define WORK_DIR "/run/lodge-installer"

struct prepared {
    struct plan_input input; /* points into this structure */
    struct medium medium;
    struct plan plan;
    char *root_hash, *admin_hash, *first_boot; /* owned */
    char machine_id[33], installation_id[INSTALLATION_ID_LEN + 1];
    uint8_t seed[PLAN_SEED_BYTES];
    char now[TIME_LEN + 1];
};

struct prepare {
    const struct answer *answer;
    const struct inventory *inventory;
    const struct target *target;
    const char *medium_dir;      /* NULL: looked for */
    const char *first_boot_file; /* text that stood beside the answer; NULL: none */
};

/* `ret` must stay where it is; prepared_free wipes the secrets. */
int prepare_plan(const struct prepare *in, struct prepared *ret, struct err *e);
void prepared_free(struct prepared *p);
