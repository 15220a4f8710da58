/* Sessions of the console: local to the node, kept over restarts, gone at once when their user is
 * deleted or disabled or gets another password. Loop thread only. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "registry/registry.h"

#define SESSION_IDLE_MS     (UINT64_C(8) * 3600 * 1000)      /* without a request */
#define SESSION_ABSOLUTE_MS (UINT64_C(7) * 24 * 3600 * 1000) /* whatever happens */
#define SESSION_PER_USER    32 /* beyond, the one that was unused longest ends */
#define SESSION_ADDRESS_MAX 64

struct session {
    char user[UUID_LEN + 1];
    char csrf[44]; /* base64url of 32 bytes */
    char address[SESSION_ADDRESS_MAX];
    uint64_t created_ms; /* unix time, as all here */
    uint64_t last_use_ms;
};

struct sessions;
/* Loads those that were there. The registry must outlive it. */
int sessions_open(struct registry *registry, const struct clock *clock, struct sessions **ret, struct err *e);
void sessions_close(struct sessions *s);
DEFINE_CLEANUP(struct sessions *, sessions_close)

/* Starts one; *ret_secret (owned) is the cookie's value and is kept nowhere. */
const struct session *sessions_create(
    struct sessions *s, const char *user_uuid, const char *address, char **ret_secret);
/* The session of a cookie, and counts as its use; NULL when it is unknown or over. Borrowed until the
 * next call or the next turn of the loop. */
const struct session *sessions_find(struct sessions *s, const char *secret);
/* The same, but no use of it: for what asks again and again by itself. */
const struct session *sessions_peek(struct sessions *s, const char *secret);
/* When it would end without a further request. */
uint64_t session_expires_ms(const struct session *session);
/* In constant time; NULL is no token. */
bool session_csrf_ok(const struct session *session, const char *csrf);
void sessions_delete(struct sessions *s, const char *secret);
void sessions_delete_user(struct sessions *s, const char *user_uuid);
size_t sessions_count(const struct sessions *s);
