#include "api/credential.h"

#include "base/crypto.h"

struct credential credential_of(const struct request *r)
{
    return (struct credential){
        .session = r->head.bearer ? NULL : mem_strdup(r->head.session), .bearer = mem_strdup(r->head.bearer)};
}

static void forget_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void credential_clear(struct credential *c)
{
    forget_secret(c->session);
    forget_secret(c->bearer);
    *c = (struct credential){0};
}

static bool same(const char *a, const char *b)
{
    if (!a || !b)
        return !a && !b;
    return strlen(a) == strlen(b) && secret_equal(a, b, strlen(a));
}

bool credential_same(const struct credential *a, const struct credential *b)
{
    return same(a->session, b->session) && same(a->bearer, b->bearer);
}

int credential_principal(
    struct api *api, const struct credential *c, bool use, struct principal **ret, struct err *e)
{
    if (c->bearer) {
        const struct token *token = tokens_find(api->tokens, c->bearer);
        return token ? access_token(api->access, token->doc->uuid, ret, e)
                     : err_set(e, ERR_UNAUTHENTICATED, "the API token has ended");
    }
    if (c->session) {
        const struct session *session =
            use ? sessions_find(api->sessions, c->session) : sessions_peek(api->sessions, c->session);
        return session ? access_user(api->access, session->user, ret, e)
                       : err_set(e, ERR_UNAUTHENTICATED, "the session has ended");
    }
    *ret = access_root(api->access);
    return 0;
}

bool commit_touches_access(const struct commit *c)
{
    for (size_t i = 0; i < c->n_changes; i++) {
        const struct doc *d = c->changes[i].after ? c->changes[i].after : c->changes[i].before;
        if (d->kind == KIND_USER || d->kind == KIND_ROLE || d->kind == KIND_BINDING || d->kind == KIND_TOKEN)
            return true;
    }
    return false;
}
