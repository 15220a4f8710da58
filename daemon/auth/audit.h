/* The audit log: who did what, when, from where, with which outcome. A chain: each record carries the
 * SHA-256 of the one before, so that changing or removing one breaks it, and a small file beside the
 * database holds the head, so that a cut tail is seen. It shows tampering by who cannot also rewrite
 * everything after it and the head. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/loop.h"
#include "base/text.h"

struct audit_record {
    const char *who;     /* "user:alice", "token:ci", "root", "system" */
    const char *address; /* of the client; NULL: local */
    const char *action;  /* "POST /api/v1/guests/web1/actions/start" */
    const char *object;  /* "/guests/web1"; NULL: none */
    const char *outcome; /* "ok" or an error code such as "forbidden" */
    const char *detail;  /* a sentence; NULL: none. Never anything secret. */
    /* Filled when it is read: */
    uint64_t seq; /* 1, 2, … without a gap */
    uint64_t time_ms;
    char hash[SHA256_HEX_LEN + 1];
};

struct audit;
struct audit_options {
    struct loop *loop;
    const struct clock *clock;
    const char *path; /* of audit.db; the head stands in the file `path`.head */
};

/* Opens or creates. A damaged or newer database is refused. A head that does not fit the records is no
 * reason to refuse: audit_broken says it, new records go on behind what is there, and audit_verify
 * names the place. */
int audit_open(const struct audit_options *options, struct audit **ret, struct err *e);
/* Writes what was appended, tells who waits, then closes. When the loop runs no more. */
void audit_close(struct audit *a);
DEFINE_CLEANUP(struct audit *, audit_close)
/* A sentence to log as an error when the head did not fit at the start; NULL when all is well. */
const char *audit_broken(const struct audit *a);

/* seq is 0 and error is set when it could not be written. */
typedef void audit_fn(void *arg, uint64_t seq, const struct err *error);
/* Thread-safe; everything is copied. fn (may be NULL: then it is durable a moment later) is called on the
 * loop's thread when it is durable. */
void audit_append(struct audit *a, const struct audit_record *record, audit_fn *fn, void *arg);
/* Returns when all that was appended before is written, or lost. Blocking: workers. */
void audit_flush(struct audit *a);

struct audit_filter {
    uint64_t before_seq; /* 0: from the newest */
    uint64_t after_seq;  /* only newer than this */
    const char *who;     /* NULL: any */
    const char *object;  /* NULL: any; else this object and what is below it */
    size_t limit;
};
typedef void audit_record_fn(void *arg, const struct audit_record *record);
/* Newest first, with all that was appended before. Blocking: workers. */
int audit_list(
    struct audit *a, const struct audit_filter *filter, audit_record_fn *fn, void *arg, struct err *e);

struct audit_verdict {
    bool ok;
    uint64_t records; /* that were checked and are in order */
    uint64_t seq;     /* of the first broken link, when not ok */
    char reason[256]; /* what is wrong with it */
    char head[SHA256_HEX_LEN + 1];
};
/* Walks the whole chain. Blocking: workers. Returns -1 only when it cannot be read. */
int audit_verify(struct audit *a, struct audit_verdict *ret, struct err *e);
/* The same for a file that no daemon has open. */
int audit_verify_file(const char *path, struct audit_verdict *ret, struct err *e);
