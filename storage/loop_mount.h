/* A file system in a file: attached by a loop device that vanishes with its last user, and mounted. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Mounts the ext4 in the file at `path` (a directory that exists); is safe to repeat. A loop device that
 * still holds the same file is used again: two of them on one file would damage it. */
int loop_mount(int file_fd, const char *path, bool read_only, struct err *e);
/* Absent is success. */
int loop_unmount(const char *path, struct err *e);
bool loop_is_mounted(const char *path);
/* Lets the mounted file system grow to the size that its file has now. */
int loop_grow(int file_fd, const char *path, struct err *e);
