/* Roles and bindings of one state, compiled together. A binding to a role that is not there, or that
 * cannot be read (written by a newer release), gives nothing. */
#include "auth/principal.h"

#include "base/map.h"

struct given {
    struct given *next;
    struct grant *grant;
};

struct policy {
    atomic_uint refs;
    struct map roles;    /* name → struct permission_set; own ones */
    struct map subjects; /* "user:alice" → list of struct given */
};

struct policy *policy_ref(struct policy *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void policy_unref(struct policy *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    MAP_FOREACH (&p->roles, e)
        free(e->value);
    MAP_FOREACH (&p->subjects, e)
        for (struct given *g = e->value, *next; g; g = next) {
            next = g->next;
            grant_free(g->grant);
            free(g);
        }
    map_clear(&p->roles);
    map_clear(&p->subjects);
    free(p);
}

bool policy_role(const struct policy *p, const char *name, struct permission_set *ret)
{
    if (access_builtin(name, ret)) /* first: a document cannot take their place */
        return true;
    const struct permission_set *own = map_get(&p->roles, name);
    if (own)
        *ret = *own;
    return own != NULL;
}

static void add_role(struct policy *p, const struct doc *doc)
{
    _cleanup_json_ json_t *spec = NULL;
    struct permission_set set = {0};
    if (json_parse(doc->spec, doc->spec_len, "role", &spec, NULL) < 0 ||
        permissions_parse(json_get_arr(spec, "permissions"), &set, NULL) < 0)
        return;
    free(map_set(&p->roles, doc->name, mem_dup(&set, sizeof(set))));
}

static void add_binding(struct policy *p, const struct doc *doc)
{
    _cleanup_json_ json_t *spec = NULL;
    struct permission_set role;
    struct grant *grant;
    if (json_parse(doc->spec, doc->spec_len, "binding", &spec, NULL) < 0)
        return;
    const char *subject = json_get_str(spec, "subject", NULL);
    if (!subject || !policy_role(p, json_get_str(spec, "role", ""), &role) ||
        grant_parse(spec, &role, &grant, NULL) < 0)
        return;
    struct given *given = mem_new(struct given, 1);
    *given = (struct given){.next = map_get(&p->subjects, subject), .grant = grant};
    map_set(&p->subjects, subject, given);
}

static void add_all(struct policy *p, const struct snapshot *s, enum kind kind,
    void (*add)(struct policy *p, const struct doc *doc))
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, kind, NULL);
    for (struct doc *doc; (doc = snapshot_iter_next(&it));)
        add(p, doc);
}

struct policy *policy_new(const struct snapshot *s)
{
    struct policy *p = mem_new(struct policy, 1);
    atomic_init(&p->refs, 1);
    add_all(p, s, KIND_ROLE, add_role);
    add_all(p, s, KIND_BINDING, add_binding);
    return p;
}

void policy_give(
    struct policy *p, const char *subject, const struct permission_set *limit, struct principal_box *to)
{
    for (const struct given *g = map_get(&p->subjects, subject); g; g = g->next)
        principal_add(to, g->grant, limit);
}
