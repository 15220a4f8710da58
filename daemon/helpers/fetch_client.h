/* What the daemon asks of lodge-fetch. Blocks: for workers. */
#pragma once

#include "base/crypto.h"
#include "base/text.h"
#include "helpers/helper_run.h"

struct fetch_job {
    const char *helper_dir;
    const char *url;    /* http or https */
    uint64_t max_bytes; /* more is ERR_TOO_LARGE */
    const _Atomic bool *cancel;
    helper_progress_fn *progress;
    void *progress_arg;
};

/* Downloads into the file (borrowed, empty); gives size and hash of what was written. */
int fetch_file(const struct fetch_job *job, int to_fd, uint64_t *ret_bytes,
    char ret_sha256[static SHA256_HEX_LEN + 1], struct err *e);
