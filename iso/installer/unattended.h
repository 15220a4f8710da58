/* An installation by answer file, without questions; and what `validate` and --dry-run share with it. */
#pragma once

#include "iso/installer/prepare.h"
#include "iso/installer/source.h"

struct run_options {
    const char *answer_path;    /* NULL: looked for */
    const char *inventory_path; /* NULL: the machine's own */
    const char *medium_dir;     /* NULL: looked for */
    bool unattended, dry_run;
    unsigned skip_phases; /* bit per plan_phase */
};

/* Prints every complaint; 0 when the file can be used. */
int validate_file(const char *path);
/* 0: installed (or the plan was printed); 1: refused or failed, all of it said; 2: the person wants the
 * screens. */
int run_unattended(const struct run_options *o);
/* The machine's inventory or the file's. */
int run_inventory(const struct run_options *o, struct inventory *ret, struct err *e);
/* "cannot …: why" and what to do, on standard error. */
void tell_error(const struct err *e);
/* Takes the right to write to disks; false when another console has it. Held until end_turn. */
bool take_turn(void);
void end_turn(void);
/* A shell on this console, until it ends. */
void run_shell(void);
/* What follows a finished installation: "reboot" or "power-off". 0: the machine goes down. */
int leave_system(const char *how, struct err *e);
/* Until systemd ends this program with the machine. It keeps its turn: nobody begins anew meanwhile. */
_Noreturn void wait_for_the_end(void);
