/* The links of the audit chain and its head: inside of auth. */
#pragma once

#include "auth/audit.h"
#include "base/crypto.h"

/* The end of a chain; seq 0 and a hash of zeros for an empty one. */
struct audit_link {
    uint64_t seq;
    char hash[SHA256_HEX_LEN + 1];
};
void audit_link_zero(struct audit_link *link);

/* SHA-256 over the record's canonical text, which ends with the hash of the one before. */
void audit_hash(const struct audit_record *r, const char *previous, char out[static SHA256_HEX_LEN + 1]);

/* The head file beside the database: found is false when it is missing or unreadable as one. */
int audit_head_read(const char *db_path, struct audit_link *ret, bool *ret_found, struct err *e);
/* Opens it for audit_head_write, which rewrites it in place: it may lag behind the database after a power
 * cut, never be ahead of it. */
int audit_head_open(const char *db_path, int *ret_fd, struct err *e);
int audit_head_write(int fd, const struct audit_link *link, struct err *e);
