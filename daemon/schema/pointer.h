/* JSON pointers (RFC 6901) as they grow while a document is walked. */
#pragma once

#include <stddef.h>

#define POINTER_MAX 192

/* pointer + "/" + name, with "~" and "/" in the name escaped; cut where it would be too long. */
void pointer_join(char out[static POINTER_MAX], const char *pointer, const char *name);
void pointer_index(char out[static POINTER_MAX], const char *pointer, size_t index);
