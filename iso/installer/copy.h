/* Copies a file to a file or a block device, and compares the SHA-256 of what stands there afterwards, read
 * back from the disk itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct copy {
    const char *from, *to;
    const char *sha256;  /* 64 hexadecimal digits */
    uint64_t size_bytes; /* of `from` */
    unsigned mode;       /* of a file that is made; 0: `to` is a block device and must be one */
    void (*progress)(void *arg, unsigned percent);
    void *arg;
    const volatile bool *cancel; /* may be NULL */
};
int copy_verified(const struct copy *c, struct err *e);
/* SHA-256 of the first `size_bytes` of a file. */
int file_sha256(const char *path, uint64_t size_bytes, char out[static 65], struct err *e);
