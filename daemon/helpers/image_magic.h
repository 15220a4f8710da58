/* What a file begins with tells what it is not: a raw disk that starts as a VMDK was mislabelled. */
#pragma once

#include <stddef.h>

/* The name of the format that these first bytes belong to ("a VMDK disk"), or NULL. */
const char *image_magic_name(const void *head, size_t n);
