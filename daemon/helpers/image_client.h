/* What the daemon asks of lodge-image. Blocks: for workers. Descriptors are borrowed; formats are "raw",
 * "qcow2" and "tar". */
#pragma once

#include "base/crypto.h"
#include "base/text.h"
#include "helpers/helper_run.h"

struct image_info {
    uint64_t virtual_bytes; /* of a disk made from it; of all files in an archive together */
    uint64_t entries;       /* of an archive */
    char init[64];          /* of an archive: its init, "" when it has only a shell */
    char sha256[SHA256_HEX_LEN + 1];
};

struct image_job {
    const char *helper_dir;
    const _Atomic bool *cancel;   /* may be NULL */
    helper_progress_fn *progress; /* may be NULL */
    void *progress_arg;
};

/* Whether the file is what `format` says, safe, and whole; it is read once, from the beginning. What it is
 * not is ERR_INVALID. */
int image_probe(
    const struct image_job *job, int fd, const char *format, struct image_info *ret, struct err *e);
/* Unpacks an archive into the directory, which is the root of a file system of its own; owners are stored
 * as they are in the archive. */
int image_unpack(
    const struct image_job *job, int fd, int root_fd, unsigned id_base, unsigned id_count, struct err *e);
/* Copies an image into an existing disk file that is empty and at least as large. */
int image_convert(
    const struct image_job *job, int fd, const char *format, int to_fd, const char *to_format, struct err *e);
/* Writes a stream (pipe or file) into an empty file; gives size and hash of what was written. */
int image_import(const struct image_job *job, int fd, int to_fd, uint64_t max_bytes, uint64_t *ret_bytes,
    char ret_sha256[static SHA256_HEX_LEN + 1], struct err *e);

/* As core's table of drivers wants them. `format` counts as the API's enumeration: qcow2, raw, tar. */
int image_client_probe(const char *helper_dir, int fd, int format, uint64_t *ret_virtual_size,
    const _Atomic bool *cancel, struct err *e);
int image_client_fetch(const char *helper_dir, const char *url, int fd, helper_progress_fn *progress,
    void *progress_arg, const _Atomic bool *cancel, struct err *e);
