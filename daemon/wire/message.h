/* The heads of requests and answers, as rows: encoded and decoded from one list on both sides. All
 * strings are UTF-8 and may be absent (NULL). */
#pragma once

#include "base/json.h"
#include "base/text.h"
#include "wire/frame.h"

/* X(member, what it carries) */
#define REQUEST_HEAD_FIELDS(X)                                                                               \
    X(method, "GET, PUT, …")                                                                                 \
    X(path, "percent-decoded by the receiver, without the query")                                            \
    X(query, "as it came, without the question mark")                                                        \
    X(type, "media type of the body")                                                                        \
    X(session, "value of the session cookie")                                                                \
    X(csrf, "X-Lodge-CSRF")                                                                                  \
    X(bearer, "API token")                                                                                   \
    X(address, "of the client, for the audit log and slowed attempts; believed from the gate only")          \
    X(if_match, "If-Match")                                                                                  \
    X(if_none_match, "If-None-Match")                                                                        \
    X(idempotency_key, "Idempotency-Key")                                                                    \
    X(prefer, "Prefer")                                                                                      \
    X(last_event_id, "Last-Event-ID")                                                                        \
    X(upload_offset, "Upload-Offset")

struct request_head {
#define X(member, help) const char *member;
    REQUEST_HEAD_FIELDS(X)
#undef X
};

#define RESPONSE_HEAD_FIELDS(X)                                                                              \
    X(type, "media type of the body")                                                                        \
    X(etag, "with its quotes")                                                                               \
    X(location, "Location")                                                                                  \
    X(cookie, "Set-Cookie")                                                                                  \
    X(allow, "Allow, with 405")                                                                              \
    X(retry_after, "Retry-After, seconds")                                                                   \
    X(preference_applied, "Preference-Applied")                                                              \
    X(disposition, "Content-Disposition")                                                                    \
    X(upload_offset, "Upload-Offset")                                                                        \
    X(console, "the descriptor beside it is a console of this kind (wire/console.h)")

struct response_head {
    int status;
    bool stream;       /* more follows as DATA, then END */
    uint64_t fd_bytes; /* with a descriptor: how many bytes of it are the body */
#define X(member, help) const char *member;
    RESPONSE_HEAD_FIELDS(X)
#undef X
};

void request_head_encode(const struct request_head *head, struct buf *out);
void response_head_encode(const struct response_head *head, struct buf *out);

/* The strings are borrowed from *ret_json, which the caller owns. */
int request_head_decode(
    const char *text, size_t n, struct request_head *ret, json_t **ret_json, struct err *e);
int response_head_decode(
    const char *text, size_t n, struct response_head *ret, json_t **ret_json, struct err *e);
