/* API tokens: documents of KIND_TOKEN, found by the hash of their secret. A watch keeps the table, so
 * that a revocation holds from the next request on. Loop thread only. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "registry/registry.h"

#define TOKEN_PREFIX   "lodge_"
#define TOKEN_HASH_KEY "hash" /* in the document's private part: SHA-256 of the secret, in hex */

#define TOKEN_USER_KEY "user" /* there too: the uuid of the user it acts as, when it has one */

/* A new secret, owned, to be shown once: "lodge_" and 43 characters. *ret_private (owned) is the
 * private part of its document. The user is kept by uuid (NULL: none, the token stands for itself), so
 * that a later user of the same name does not inherit the token. */
char *token_secret_new(const char *user_uuid, char **ret_private);

/* Spec: expires (RFC 3339; absent: never). */
struct token {
    struct doc *doc;
    uint64_t expires_ms; /* 0: never */
};

struct tokens;
struct tokens *tokens_open(struct registry *registry, const struct clock *clock);
void tokens_close(struct tokens *t);
DEFINE_CLEANUP(struct tokens *, tokens_close)

/* NULL when it is unknown, or over. Borrowed until the next turn of the loop. Whose it is and whether
 * that user may act is not asked here: see access_token. */
const struct token *tokens_find(const struct tokens *t, const char *secret);
