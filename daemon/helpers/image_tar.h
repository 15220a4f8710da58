/* Reads a tar archive (plain, or compressed by gzip, xz or zstd) once, from its first byte to its last:
 * checks each entry against the policy and, when asked, unpacks it into the working directory. */
#pragma once

#include "base/crypto.h"
#include "base/text.h"
#include "helpers/tar_policy.h"

struct tar_result {
    uint64_t entries;
    uint64_t unpacked_bytes;
    const char *init;                /* static; NULL: it has only a shell */
    char sha256[SHA256_HEX_LEN + 1]; /* of the archive file */
};

/* Works in the cell. fd stands at the beginning. Reports its progress. */
int tar_read(int fd, const struct tar_limits *limits, bool unpack, struct tar_result *ret, struct err *e);
