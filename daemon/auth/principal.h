/* A caller, compiled: inside of auth. */
#pragma once

#include <stdatomic.h>

#include "auth/grant.h"

/* A grant that somebody has; a token's limit may have taken permissions from it. */
struct held {
    const struct grant *grant; /* borrowed from the policy */
    struct permission_set set;
};

struct policy;

struct principal_box {
    struct principal principal; /* first: given out */
    atomic_uint refs;
    struct policy *policy;      /* a reference that keeps the grants; NULL for root */
    struct permission_set all;  /* on every object */
    struct permission_set some; /* on some objects, by the grants below */
    struct held *held;
    size_t n_held;
};

/* One reference; strings are copied, NULL allowed for the users. */
struct principal_box *principal_new(
    enum principal_type type, const char *who, const char *user, const char *user_uuid);
/* `limit` NULL: as it is. */
void principal_add(struct principal_box *p, const struct grant *grant, const struct permission_set *limit);

/* All roles and bindings at one state of the registry. */
struct policy *policy_new(const struct snapshot *s);
struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p);
/* The grants of a subject ("user:alice"), added to a principal. */
void policy_give(
    struct policy *p, const char *subject, const struct permission_set *limit, struct principal_box *to);
/* False when there is no such role. */
bool policy_role(const struct policy *p, const char *name, struct permission_set *ret);
