/* Files: reading whole, writing atomically, and resolving untrusted paths beneath a descriptor.
 * A path that came from outside is opened once, beneath its root, and that descriptor is used. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS); O_CLOEXEC is added. */
int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e);
/* Opens a directory that is ours (O_PATH is not used), making it with `mode` when missing. */
int fs_open_dir(const char *path, mode_t mode, int *ret_fd, struct err *e);
int fs_mkdir_all(const char *path, mode_t mode, struct err *e);
/* Whole file, owned and NUL-terminated; more than `max` bytes is ERR_TOO_LARGE. */
int fs_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
/* Temporary file, fsync, rename, fsync of the directory: the old content or the new, never less. */
int fs_write_atomic(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct err *e);
/* Removes a tree beneath dirfd without following links or crossing mounts; absent is success. */
int fs_remove_tree(int dirfd, const char *name, struct err *e);
int fs_write_all(int fd, const void *data, size_t n, struct err *e);
