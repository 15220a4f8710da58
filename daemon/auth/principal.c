/* Asking what a caller may do. */
#include "auth/principal.h"

#include "base/text.h"

struct principal_box *principal_new(
    enum principal_type type, const char *who, const char *user, const char *user_uuid)
{
    struct principal_box *p = mem_new(struct principal_box, 1);
    atomic_init(&p->refs, 1);
    p->principal = (struct principal){
        .type = type, .who = mem_strdup(who), .user = mem_strdup(user), .user_uuid = mem_strdup(user_uuid)};
    return p;
}

struct principal *principal_ref(struct principal *p)
{
    if (p)
        atomic_fetch_add_explicit(&((struct principal_box *)p)->refs, 1, memory_order_relaxed);
    return p;
}

void principal_unref(struct principal *principal)
{
    struct principal_box *p = (struct principal_box *)principal;
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    policy_unref(p->policy);
    free((char *)(uintptr_t)principal->who);
    free((char *)(uintptr_t)principal->user);
    free((char *)(uintptr_t)principal->user_uuid);
    free(p->held);
    free(p);
}

char *principal_key(const struct principal *p)
{
    return mem_printf("%s %s", p->who, p->user_uuid ? p->user_uuid : "");
}

void principal_add(struct principal_box *p, const struct grant *grant, const struct permission_set *limit)
{
    struct permission_set set = grant->set, *into = grant_is_unconditional(grant) ? &p->all : &p->some;
    for (size_t c = 0; c < ACCESS_COLLECTION_COUNT; c++) {
        set.verbs[c] &= limit ? limit->verbs[c] : UINT16_MAX;
        into->verbs[c] |= set.verbs[c];
    }
    if (into == &p->all)
        return;
    p->held = mem_resize(p->held, p->n_held + 1, sizeof(*p->held));
    p->held[p->n_held++] = (struct held){.grant = grant, .set = set};
}

enum access_scope access_scope(const struct principal *principal, permission_id permission)
{
    const struct principal_box *p = (const struct principal_box *)principal;
    if (permission_set_has(&p->all, permission))
        return ACCESS_ALL;
    return permission_set_has(&p->some, permission) ? ACCESS_SOME : ACCESS_NONE;
}

bool access_allowed(const struct principal *principal, permission_id permission, const char *name,
    const struct label *labels, size_t n_labels)
{
    const struct principal_box *p = (const struct principal_box *)principal;
    enum access_scope scope = access_scope(principal, permission);
    for (size_t i = 0; scope == ACCESS_SOME && i < p->n_held; i++)
        if (permission_set_has(&p->held[i].set, permission) &&
            grant_matches(p->held[i].grant, name, labels, n_labels))
            return true;
    return scope == ACCESS_ALL;
}

bool access_allowed_doc(const struct principal *p, permission_id permission, const struct doc *doc)
{
    return access_allowed(p, permission, doc->name, doc->labels, doc->n_labels);
}

int access_require(const struct principal *p, permission_id permission, const char *name,
    const struct label *labels, size_t n_labels, struct err *e)
{
    char text[PERMISSION_TEXT_MAX];
    if (access_allowed(p, permission, name, labels, n_labels))
        return 0;
    permission_text(permission, text);
    int collection = (int)strcspn(text, ".");
    if (name)
        err_set(
            e, ERR_FORBIDDEN, "%s lacks the permission %s on /%.*s/%s", p->who, text, collection, text, name);
    else
        err_set(e, ERR_FORBIDDEN, "%s lacks the permission %s", p->who, text);
    return err_hint(e, "An administrator can bind a role that has it to %s.", p->who);
}

int access_require_all(const struct principal *principal, const struct permission_set *set, struct err *e)
{
    const struct principal_box *p = (const struct principal_box *)principal;
    char text[PERMISSION_TEXT_MAX];
    for (unsigned c = 0; c < ACCESS_COLLECTION_COUNT; c++) {
        unsigned missing = set->verbs[c] & ~(unsigned)p->all.verbs[c];
        if (!missing)
            continue;
        permission_text((permission_id)(c << 8 | (unsigned)__builtin_ctz(missing)), text);
        err_set(e, ERR_FORBIDDEN, "%s cannot hand on the permission %s without having it everywhere",
            principal->who, text);
        return err_hint(e, "Leave it out, or let somebody do this who has it on all resources.");
    }
    return 0;
}
