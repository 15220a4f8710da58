/* Whether a qcow2 header is one that we accept: no backing file, no external data, no encryption, sizes
 * within reason. Pure, on the first bytes of the file, and far stricter than QEMU: what it does not know it
 * refuses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define QCOW2_HEAD_BYTES 65536                /* how much of the file's beginning is looked at */
#define DISK_SIZE_MAX    (UINT64_C(64) << 40) /* of a disk: beyond what any of our pools could hold */

/* `head` holds the first n bytes of a file of file_bytes. */
int qcow2_check(
    const uint8_t *head, size_t n, uint64_t file_bytes, uint64_t *ret_virtual_bytes, struct err *e);
