/* Whether a disk on which no program finds anything holds something all the same: a member of a hardware RAID
 * set, an encrypted disk without a header, two file systems that contradict each other, a table for sectors
 * of another size. Its beginning and its end are looked at; only an empty partition table may stand there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At either end. What RAID controllers, file systems and tables write to be known by lies within (util-linux,
 * libblkid/src/superblocks). */
#define SURFACE_BYTES (2 * 1024 * 1024)

struct surface {
    int error; /* errno of reading it; 0: it was read */
    bool data;
    bool unfinished; /* nothing but a table that an installation of Lodge was writing when it was cut short */
};

struct surface_bytes {
    const uint8_t *head, *tail; /* the first and the last SURFACE_BYTES of the disk */
    size_t sector_bytes;
    uint64_t size_bytes;
};
struct surface surface_judge(const struct surface_bytes *b);
/* Reads a disk, and changes nothing. One that is smaller than SURFACE_BYTES is an error. */
struct surface surface_read(const char *path, uint64_t size_bytes);
