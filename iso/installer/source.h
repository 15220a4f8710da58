/* Where an unattended installation finds its answer: by the kernel's command line, on a volume, on the
 * medium. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "iso/installer/patience.h"

struct source {
    char *name; /* for messages: "https://…", "answer.toml on /dev/sdb1 (LODGE-ANSWER)"; owned */
    char *text; /* owned */
    size_t len;
    char *first_boot; /* the file first-boot beside it; owned, NULL: none */
};
void source_free(struct source *s);

/* 1: found; 0: there is none anywhere; -1: there is one, and it cannot be read. With `volumes` those are
 * looked for, and have 10 seconds to show up.
 */
int source_find(
    const char *medium_dir, bool volumes, const struct patience *p, struct source *ret, struct err *e);
/* A file named by hand, with the first-boot file beside it. */
int source_file(const char *path, struct source *ret, struct err *e);
/* The value of `key=…`, "" for the bare word; NULL: not there. Owned. */
char *cmdline_value(const char *cmdline, const char *key);
/* Of the running kernel. */
char *cmdline_running_value(const char *key);
