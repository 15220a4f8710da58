/* Where things are on the host, and how its programs are called. LODGE_HOST_ROOT puts another folder before
 * all paths, for tests. */
#pragma once

#include <stdint.h>

#include "base/err.h"

#define HOST_FOLDER "/var/lib/lodge-host"
#define HOST_FILE   "host.json"

/* The path below the root; owned. */
char *place(const char *path);
/* Whole file below the root, at most 1 MiB. */
int place_read(const char *path, char **ret, size_t *ret_len, struct err *e);
/* Programs of this folder and of PATH, in an environment of our own. */
int place_call(const char *const *argv, uint64_t timeout_ms, struct err *e);
/* The same, for what it writes; owned. */
int place_ask(const char *const *argv, uint64_t timeout_ms, char **ret, struct err *e);
