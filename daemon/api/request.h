/* One request from its frame to its answer. A handler answers at once or later (after a commit, from a
 * worker's result); the request lives until then, and an answer nobody waits for any more is dropped. */
#pragma once

#include "api/api.h"
#include "api/routes.h"
#include "base/json.h"
#include "base/map.h"
#include "base/violations.h"
#include "core/core.h"
#include "wire/link.h"
#include "wire/message.h"

struct conn;
struct consoles;
struct events;
struct waits;
struct list_cache;
struct select_cache;

/* How many refused requests of somebody may still be recorded now. */
struct refusals {
    uint64_t room, refilled_ms, left_out;
};

struct api {
    struct core *core;
    struct registry *registry;
    struct audit *audit;
    struct map refusals; /* "user:alice", "" for all who are not signed in → struct refusals */
    struct access *access;
    struct sessions *sessions;
    struct tokens *tokens;
    struct attempts *attempts;
    struct workers *password_workers; /* few: each takes 16 MiB */
    struct events *events;
    struct consoles *consoles;
    struct waits *waits;
    struct list_cache *lists;
    struct select_cache *selections;
    char *socket_path;
    int listen_fd;
    struct loop_watch *listen_watch;
    struct conn *conns;
};

struct request {
    struct api *api;
    struct conn *conn; /* NULL once the peer is gone or does not wait any more */
    uint64_t stream;
    struct request *next, **at; /* in the connection's list */
    json_t *head_json;
    struct request_head head;
    char *body; /* NUL-terminated */
    size_t body_len;
    int body_fd;      /* raw bytes in a memory file; -1: none */
    char *path;       /* decoded, below /api/v1 */
    const char *name; /* of {name} or {ticket}, within path */
    const struct route *route;
    char *query_text;                     /* decoded in place: the values below point into it */
    const char *query[QUERY_INDEX_COUNT]; /* NULL: not given */
    struct principal *principal;
    void (*cancelled)(struct request *r); /* the peer is gone: free what waits; NULL: answer into the void */
    void *state;                          /* of the handler */
};

typedef int handler_fn(struct request *r, struct err *e);

/* ---- answers; each ends and frees the request ---- */

struct reply {
    int status;
    const char *type; /* NULL: application/json */
    const char *body; /* borrowed */
    size_t len;
    const char *etag; /* with quotes */
    const char *location;
    const char *cookie;
    const char *preference;
    const char *allow;
    const char *upload_offset;
    unsigned retry_after_s;
    const char *outcome; /* for the audit log; NULL: from the status */
};
void reply(struct request *r, const struct reply *p);
/* A body that lies in a sealed memfd already (borrowed). */
void reply_fd(struct request *r, int fd, uint64_t bytes, const char *etag);
void reply_error(struct request *r, const struct err *e, const struct violations *v);
void reply_no_content(struct request *r);
/* {"type":…} of RFC 9457. */
void problem_text(const struct err *e, const struct violations *v, struct buf *out);

/* A resource as the API shows it: fragment, status. */
void resource_text(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out);
void reply_resource(
    struct request *r, int status, struct snapshot *s, const struct doc *d, const char *location);
void etag_of(const struct doc *d, char out[static 32]);
/* The resource that {name} names, by name or uuid:…; ERR_NOT_FOUND. */
int find_resource(const struct request *r, struct snapshot *s, struct doc **ret, struct err *e);

/* Whether the caller sees this resource; a task also through what it works on. */
bool may_read(struct snapshot *s, const struct principal *p, const struct doc *d);
int require_read(struct snapshot *s, const struct principal *p, const struct doc *d, struct err *e);

/* The resource that {name} names, when the caller has the route's permission on it. */
int require_item(struct request *r, struct snapshot *s, struct doc **ret, struct err *e);

/* True when ?name=true was given; other values than true and false were refused before. */
bool query_true(const struct request *r, enum query_index i);

/* Decodes the body, from fields without a resource around them: 0; -1 with an error; 1 when it has answered
 * with what is wrong with which field. */
int decode_input(struct request *r, enum object_id object, struct arena *a, void *in, struct err *e);

/* ---- sessions (h_session.c) ---- */
/* Begins a session of this user and answers with its cookie. */
void reply_session(struct request *r, int status, const char *user_uuid, const char *user);
/* The stored hash of a user, owned; NULL when there is none. */
char *stored_hash(const struct doc *user);

/* ---- streams ---- */
/* Takes the connection's stream out of the request: answers with the beginning and frees the request. */
struct stream;
struct stream_ops {
    void (*closed)(void *arg, struct stream *s); /* the peer is gone; frees arg */
};
struct stream *stream_open(struct request *r, const char *type, const struct stream_ops *ops, void *arg);
/* The same with a descriptor (owned) beside it, for a console of this kind. */
struct stream *stream_open_console(
    struct request *r, const char *kind, int fd, const struct stream_ops *ops, void *arg);
void stream_write(struct stream *s, const char *data, size_t n);
size_t stream_queued(const struct stream *s);
/* Bytes that wait on the request's connection, for all its streams. */
size_t request_queued(const struct request *r);
void stream_end(struct stream *s); /* no closed call follows */

/* ---- waiting for tasks (waits.c) ---- */
struct waits *waits_new(struct api *api);
void waits_free(struct waits *w);
/* Answers with the task as soon as it has ended, or after timeout_ms as it is then. `status` is that of
 * the answer when it has not ended. */
void wait_for_task(
    struct request *r, const char *task_uuid, uint64_t timeout_ms, int status, const char *location);
/* "30s", "500ms", "30"; false on anything else; at most five minutes. */
bool wait_parse(const char *text, uint64_t *ret_ms);
/* Milliseconds of "Prefer: wait=30"; 0 without. */
uint64_t prefer_wait(const struct request *r);

/* ---- events (events.c) ---- */
struct events *events_new(struct api *api);
void events_free(struct events *e);
/* A session has ended or rights have changed: ends the streams of who may not read any more. */
void events_check_readers(struct events *e);

/* ---- consoles (h_console.c) ---- */
struct consoles *consoles_new(struct api *api);
void consoles_free(struct consoles *c);
/* A session has ended or rights have changed: ends the consoles of who may not have them any more. */
void consoles_check(struct consoles *c);

/* ---- lists (list.c) ---- */
struct list_cache *list_cache_new(void);
void list_cache_free(struct list_cache *c);
