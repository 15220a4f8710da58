/* A network that is tried: the configuration before stands beside host.json until somebody keeps the new one.
 * Whoever finds it there and nobody who waits for an answer, puts it back: this screen, another one, or the
 * next start. */
#pragma once

#include "iso/console/host_file.h"

#define TRIAL_SECONDS 60

struct trial {
    int fd; /* of the kept configuration, locked as long as somebody decides */
};

/* Writes and applies it. On an error all is as it was. */
int trial_begin(const struct network *n, struct trial *ret, struct err *e);
int trial_keep(struct trial *t, struct err *e);
int trial_revert(struct trial *t, struct err *e);
/* 1: a trial that nobody attends to was taken back; 0: there was none. */
int trial_clean_up(struct err *e);
