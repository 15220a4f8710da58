/* What the installation medium carries below /lodge, and its checksums. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum medium_file { MEDIUM_IMAGE, MEDIUM_KERNEL, MEDIUM_INITRD, MEDIUM_FILE_COUNT };

struct medium {
    char dir[256]; /* that holds lodge.squashfs */
    struct {
        char path[320];
        char sha256[65];
        uint64_t size_bytes;
    } files[MEDIUM_FILE_COUNT];
};

/* `dir` NULL: looked for where the live system has it. Reads names, sizes and sha256sums, not the files. */
int medium_open(const char *dir, struct medium *ret, struct err *e);
/* One of sha256sums' lines for that name; false when there is none. */
bool sums_find(const char *sums, const char *name, char out[static 65]);
