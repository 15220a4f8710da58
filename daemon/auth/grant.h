/* What a binding gives, compiled: permissions, and the objects that they hold for. Inside of auth. */
#pragma once

#include "auth/access.h"

struct grant {
    struct permission_set set; /* of its role, cut to the collection of its path */
    char *pattern;             /* of the name, with * for any text; NULL: any name */
    struct label *selector;    /* sorted by key, strings owned; all must match */
    size_t n_selector;
};
void grant_free(struct grant *g);
DEFINE_CLEANUP(struct grant *, grant_free)

/* From a binding's spec and the permissions of its role. */
int grant_parse(const json_t *spec, const struct permission_set *role, struct grant **ret, struct err *e);
/* Whether it holds for every object of its collections. */
bool grant_is_unconditional(const struct grant *g);
bool grant_matches(const struct grant *g, const char *name, const struct label *labels, size_t n_labels);

/* Permissions of a spec's "permissions" array, added to the set. */
int permissions_parse(const json_t *array, struct permission_set *set, struct err *e);
/* -1 when there is none of that name. */
int access_collection_parse(const char *text, size_t len);
bool access_builtin(const char *name, struct permission_set *ret);
