/* What an installation does, as a list of steps: pure, from answer, target and medium. apply.h does them. */
#pragma once

#include "iso/installer/choose.h"
#include "iso/installer/medium.h"

/* Phases follow each other; each can be left out by name (where a kernel lacks what it needs). */
enum plan_phase {
    PHASE_DISK,
    PHASE_MIRROR,
    PHASE_STATE,
    PHASE_IMAGE,
    PHASE_LVM,
    PHASE_HOST,
    PHASE_BOOT,
    PHASE_FINISH,
    PHASE_COUNT
};

enum step_action {
    STEP_RUN,   /* argv */
    STEP_WAIT,  /* until the paths in argv are block devices */
    STEP_DIR,   /* path, mode */
    STEP_WRITE, /* path, text, mode */
    STEP_COPY,  /* from, path, sha256: a file or a block device, written, synced and read back */
};

#define STEP_ARGS_MAX 48

struct step {
    enum plan_phase phase;
    enum step_action action;
    const char *title; /* "Copying the system": shown; NULL: as the step before */
    const char *argv[STEP_ARGS_MAX];
    const char
        *undo[6]; /* run when the installation ends, in reverse order, whatever its end; [0] NULL: nothing */
    const char *path, *from, *sha256, *text;
    size_t text_len;
    uint64_t size_bytes; /* of STEP_COPY */
    unsigned mode;
    bool secret;   /* the text is not shown */
    bool optional; /* its failure stops nothing */
    unsigned weight;
};

struct plan {
    struct arena arena;
    struct step *steps;
    size_t n;
};

/* What of an installation is decided outside of the answer, so that tests own it. */
struct plan_input {
    const struct answer *answer;
    const struct inventory *inventory;
    const struct target *target;
    const struct medium *medium;
    const char *root_hash, *admin_hash; /* NULL: none */
    const char *first_boot;             /* the script's text; NULL: none */
    const char *machine_id;             /* 32 hexadecimal digits */
    const char *installation_id;        /* INSTALLATION_ID_LEN of them: what tells its parts from others' */
    const uint8_t *random_seed;         /* PLAN_SEED_BYTES */
    const char *now;                    /* RFC 3339 */
    const char *image_version;
    const char *log_path; /* of the installation, for the new system */
    const char *work_dir; /* where file systems are mounted meanwhile: /run/lodge-installer */
};
#define PLAN_SEED_BYTES 512

int plan_make(const struct plan_input *in, struct plan *ret, struct err *e);
void plan_free(struct plan *p);
#define _cleanup_plan_ __attribute__((cleanup(plan_free)))

const char *plan_phase_name(enum plan_phase phase);
/* -1: there is none of that name. */
int plan_phase_named(const char *name);
/* A line or two for each step, for --dry-run and the log. Secrets are left out. */
void plan_print(const struct plan *p, struct buf *out);
void plan_print_step(const struct step *s, struct buf *out);
/* What a person must know before agreeing: one line each of what will be written where. */
void plan_summary(const struct plan_input *in, struct buf *out);

/* /var/lib/lodge-host/host.json, which `lodge-host` renders at each start. Owned. */
char *host_json(const struct plan_input *in);
