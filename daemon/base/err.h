/* What went wrong, for a machine (code), a person (detail: what and why) and the next step (hint).
 * A function returns 0 or a negative value and fills its trailing `struct err *`; context is added
 * on the way out with err_prefix. One list maps each code to its HTTP status and title, so that
 * they cannot drift. Plain data: copy it by assignment, nothing to free. */
#pragma once

#include "base/mem.h"

/* X(symbol, code in the API, HTTP status, title) */
#define ERR_CODES(X)                                                                                         \
    X(INTERNAL, "internal", 500, "Internal error")                                                           \
    X(INVALID, "invalid", 422, "Invalid input")                                                              \
    X(MALFORMED, "malformed", 400, "Malformed request")                                                      \
    X(UNAUTHENTICATED, "unauthenticated", 401, "Not signed in")                                              \
    X(FORBIDDEN, "forbidden", 403, "Not allowed")                                                            \
    X(NOT_FOUND, "not-found", 404, "Not found")                                                              \
    X(METHOD, "method-not-allowed", 405, "Method not allowed")                                               \
    X(NOT_ACCEPTABLE, "unsupported-media-type", 415, "Unsupported media type")                               \
    X(CONFLICT, "conflict", 409, "Conflict")                                                                 \
    X(EXISTS, "exists", 409, "Already exists")                                                               \
    X(BUSY, "busy", 409, "Busy")                                                                             \
    X(IN_USE, "in-use", 409, "In use")                                                                       \
    X(STATE, "wrong-state", 409, "Not possible in this state")                                               \
    X(GONE, "gone", 410, "No longer available")                                                              \
    X(PRECONDITION, "precondition-failed", 412, "Changed by somebody else")                                  \
    X(TOO_LARGE, "too-large", 413, "Too large")                                                              \
    X(UPGRADE, "upgrade-required", 426, "Upgrade required")                                                  \
    X(KEY_REUSED, "idempotency-key-reused", 422, "Idempotency key used for another request")                 \
    X(TOO_MANY, "too-many-requests", 429, "Too many requests")                                               \
    X(CAPACITY, "capacity", 409, "Not enough capacity")                                                      \
    X(NO_SPACE, "no-space", 507, "No space left")                                                            \
    X(UNSUPPORTED, "unsupported", 422, "Not supported")                                                      \
    X(UNAVAILABLE, "unavailable", 503, "Temporarily unavailable")                                            \
    X(TIMEOUT, "timeout", 504, "Timed out")                                                                  \
    X(CANCELLED, "cancelled", 409, "Cancelled")                                                              \
    X(DAMAGED, "damaged", 500, "Data damaged")

enum err_code {
#define X(symbol, code, status, title) ERR_##symbol,
    ERR_CODES(X)
#undef X
        ERR_CODES_COUNT
};

struct err {
    enum err_code code;
    char detail[768]; /* a sentence: what happened and why; no trailing full stop is required */
    char hint[320];   /* what would make it work; may be empty */
    /* A parameter of the same request that would make it work (a literal), so that each client can offer it
     * in its own way; NULL: none. */
    const char *parameter;
};

const char *err_code_name(enum err_code code);
const char *err_code_title(enum err_code code);
int err_code_status(enum err_code code);
/* The code for an API name such as "not-found"; ERR_INTERNAL when unknown. */
enum err_code err_code_from_name(const char *name);

/* Fill *e (NULL is allowed) and return -1, so that `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* As err_set, from errno: picks the code that fits it (ENOSPC, ENOENT, …) and appends its text. */
int err_errno(struct err *e, int errnum, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* Sets the hint of an error that was just set; returns -1. It is read behind every client, a console and a
 * command line too: it says what to do, not how HTTP spells it. */
int err_hint(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* Names the parameter beside the hint; returns -1. */
int err_parameter(struct err *e, const char *literal);
/* Puts context before the detail: "cannot start guest web1: " + detail; returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);
