/* What qemu-img does in the cell: a second opinion on a qcow2 image, and conversion. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* Runs qemu-img info and check on it. */
int image_qemu_check(const char *path, uint64_t virtual_bytes, struct err *e);
/* Copies an image into a disk that exists, reporting; returns the exit code. */
int image_convert_here(const char *from_format, const char *from, const char *to_format, const char *to);
