/* Tokens in a map by the hash of their secret. The secret has 256 random bits, so that a plain
 * SHA-256 is enough: there is nothing to guess. */
#include "auth/tokens.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/map.h"

#define SECRET_LEN (sizeof(TOKEN_PREFIX) - 1 + 43)

struct tokens {
    const struct clock *clock;
    struct registry_watch *watch;
    struct map by_hash; /* struct token */
};

char *token_secret_new(const char *user_uuid, char **ret_private)
{
    char hash[SHA256_HEX_LEN + 1];
    char *random = random_token(32);
    char *secret = mem_printf(TOKEN_PREFIX "%s", random);
    explicit_bzero(random, strlen(random));
    free(random);
    sha256_hex(secret, strlen(secret), hash);
    *ret_private = user_uuid ? mem_printf("{\"" TOKEN_HASH_KEY "\":\"%s\",\"" TOKEN_USER_KEY "\":\"%s\"}",
                                   hash, user_uuid)
                             : mem_printf("{\"" TOKEN_HASH_KEY "\":\"%s\"}", hash);
    return secret;
}

static void token_free(struct token *token)
{
    if (!token)
        return;
    doc_unref(token->doc);
    free(token);
}

/* Owned; NULL when the document has none. */
static char *hash_of(const struct doc *doc)
{
    _cleanup_json_ json_t *private = NULL;
    if (json_parse(doc->private, strlen(doc->private), "token", &private, NULL) < 0)
        return NULL;
    return mem_strdup(json_get_str(private, TOKEN_HASH_KEY, NULL));
}

static void forget(struct tokens *t, const struct doc *doc)
{
    _cleanup_free_ char *hash = hash_of(doc);
    if (hash)
        token_free(map_remove(&t->by_hash, hash));
}

/* One whose expiry cannot be read is left out: it must not live for ever. */
static void learn(struct tokens *t, struct doc *doc)
{
    _cleanup_free_ char *hash = hash_of(doc);
    _cleanup_json_ json_t *spec = NULL;
    if (!hash || json_parse(doc->spec, doc->spec_len, "token", &spec, NULL) < 0)
        return;
    uint64_t expires = 0;
    const json_t *text = json_object_get(spec, "expires");
    if (text && !json_is_null(text) &&
        (!json_is_string(text) || !time_parse(json_string_value(text), &expires)))
        return;
    struct token *token = mem_new(struct token, 1);
    *token = (struct token){.doc = doc_ref(doc), .expires_ms = expires};
    token_free(map_set(&t->by_hash, hash, token));
}

static void on_commit(void *arg, const struct commit *commit)
{
    for (size_t i = 0; i < commit->n_changes; i++) {
        const struct change *c = &commit->changes[i];
        if (c->before && c->before->kind == KIND_TOKEN)
            forget(arg, c->before);
        if (c->after && c->after->kind == KIND_TOKEN)
            learn(arg, c->after);
    }
}

struct tokens *tokens_open(struct registry *registry, const struct clock *clock)
{
    struct tokens *t = mem_new(struct tokens, 1);
    t->clock = clock;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(registry);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_TOKEN, NULL);
    for (struct doc *doc; (doc = snapshot_iter_next(&it));)
        learn(t, doc);
    t->watch = registry_watch(registry, on_commit, t);
    return t;
}

void tokens_close(struct tokens *t)
{
    if (!t)
        return;
    registry_watch_free(t->watch);
    MAP_FOREACH (&t->by_hash, e)
        token_free(e->value);
    map_clear(&t->by_hash);
    free(t);
}

const struct token *tokens_find(const struct tokens *t, const char *secret)
{
    char hash[SHA256_HEX_LEN + 1];
    if (strnlen(secret, SECRET_LEN + 1) != SECRET_LEN || !text_starts(secret, TOKEN_PREFIX))
        return NULL;
    sha256_hex(secret, SECRET_LEN, hash);
    const struct token *token = map_get(&t->by_hash, hash);
    if (!token || (token->expires_ms && clock_unix_ms(t->clock) >= token->expires_ms))
        return NULL;
    return token;
}
