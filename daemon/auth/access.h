/* Who may do what. A role is a set of permissions `<collection>.<verb>`; a binding gives a role to a
 * user, group or token, on a path and with a label selector. Everything is compiled for a caller once
 * and then asked with a few comparisons, since lists of 10,000 guests are filtered by it. What is not
 * granted is refused. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "registry/registry.h"

/* X(symbol, name): the collections that permissions are about; kinds first, in their order. */
#define ACCESS_COLLECTIONS(X)                                                                                \
    X(NODES, "nodes")                                                                                        \
    X(GUESTS, "guests")                                                                                      \
    X(POOLS, "pools")                                                                                        \
    X(VOLUMES, "volumes")                                                                                    \
    X(IMAGES, "images")                                                                                      \
    X(NETWORKS, "networks")                                                                                  \
    X(USERS, "users")                                                                                        \
    X(ROLES, "roles")                                                                                        \
    X(BINDINGS, "bindings")                                                                                  \
    X(TOKENS, "tokens")                                                                                      \
    X(TASKS, "tasks")                                                                                        \
    X(SCHEDULES, "schedules")                                                                                \
    X(RULES, "rules")                                                                                        \
    X(SETTINGS, "settings")                                                                                  \
    X(AUDIT, "audit")                                                                                        \
    X(METRICS, "metrics")

enum access_collection {
#define X(symbol, name) ACCESS_##symbol,
    ACCESS_COLLECTIONS(X)
#undef X
        ACCESS_COLLECTION_COUNT
};

/* X(symbol, name) */
#define ACCESS_VERBS(X)                                                                                      \
    X(READ, "read")                                                                                          \
    X(CREATE, "create")                                                                                      \
    X(UPDATE, "update")                                                                                      \
    X(DELETE, "delete")                                                                                      \
    X(POWER, "power")                                                                                        \
    X(CONSOLE, "console")                                                                                    \
    X(USE, "use")                                                                                            \
    X(SNAPSHOT, "snapshot")                                                                                  \
    X(MIGRATE, "migrate")                                                                                    \
    X(CANCEL, "cancel")                                                                                      \
    X(VERIFY, "verify")

enum access_verb {
#define X(symbol, name) VERB_##symbol,
    ACCESS_VERBS(X)
#undef X
        VERB_COUNT
};

/* One permission, cheap to pass: PERMISSION(GUESTS, READ), or parsed once from a route's text. */
typedef uint16_t permission_id;
#define PERMISSION(collection, verb) ((permission_id)(ACCESS_##collection << 8 | VERB_##verb))
/* False when there is no such permission ("guests.fly", "audit.delete"); no wildcards. */
bool permission_parse(const char *text, permission_id *ret);
/* "guests.read"; into `out`. */
#define PERMISSION_TEXT_MAX 32
const char *permission_text(permission_id permission, char out[static PERMISSION_TEXT_MAX]);
/* A bit for each verb that a collection has. */
struct permission_set {
    uint16_t verbs[ACCESS_COLLECTION_COUNT];
};
/* Adds "guests.read", "guests.*", "*.read" or "*"; ERR_INVALID names what is wrong with it. */
int permission_set_add(struct permission_set *set, const char *text, struct err *e);
bool permission_set_has(const struct permission_set *set, permission_id permission);

/* Specs as the API takes them, checked beyond their types: permissions exist; subject is user:NAME,
 * group:NAME or token:NAME; the path is /, /collection or /collection/name with * in the name. The role
 * of a binding need not exist yet: until then it gives nothing. */
int access_check_binding(const json_t *spec, struct err *e);
int access_check_token(const json_t *spec, struct err *e);
/* Names of roles that are built in and cannot be documents: admin, operator, viewer. */
bool access_role_is_builtin(const char *name);

/* ---- a caller ---- */

enum principal_type { PRINCIPAL_ROOT, PRINCIPAL_USER, PRINCIPAL_TOKEN };

/* Immutable; kept while a request runs. */
struct principal {
    enum principal_type type;
    const char *who;       /* for the audit log: "root", "user:alice", "token:ci" */
    const char *user;      /* name of the user it acts as; NULL for root and for tokens without a user */
    const char *user_uuid; /* NULL likewise */
};
struct principal *principal_ref(struct principal *p);
void principal_unref(struct principal *p);
DEFINE_CLEANUP(struct principal *, principal_unref)
/* Names the caller among all that ever were: who has the name of somebody who is gone is another one. Owned.
 */
char *principal_key(const struct principal *p);
#define _cleanup_principal_ _cleanup_(principal_unref)

enum access_scope { ACCESS_NONE, ACCESS_SOME, ACCESS_ALL };
/* For a whole collection: nothing, all, or it depends on the object. */
enum access_scope access_scope(const struct principal *p, permission_id permission);
/* For one object: its name and its labels, sorted by key. About 50 ns. A change of name or labels needs
 * it for the old and for the new ones. */
bool access_allowed(const struct principal *p, permission_id permission, const char *name,
    const struct label *labels, size_t n_labels);
bool access_allowed_doc(const struct principal *p, permission_id permission, const struct doc *doc);
/* 0, or ERR_FORBIDDEN with a sentence that names the missing permission; name may be NULL. */
int access_require(const struct principal *p, permission_id permission, const char *name,
    const struct label *labels, size_t n_labels, struct err *e);
/* Whether somebody may hand these on (in a role, binding or token): only who has them everywhere.
 * ERR_FORBIDDEN names the first that is missing. */
int access_require_all(const struct principal *p, const struct permission_set *set, struct err *e);

/* ---- compiled from the registry; loop thread only ---- */

struct access;
struct access *access_open(struct registry *registry);
void access_close(struct access *a);
DEFINE_CLEANUP(struct access *, access_close)

/* A token has what its user has, as far as its spec's `role` and `permissions` allow, and what bindings
 * give to the token itself. All give a reference. ERR_UNAUTHENTICATED when user or token are gone or the user
 * is disabled. What users, roles, bindings and tokens say takes effect with the next call. */
struct principal *access_root(struct access *a);
int access_user(struct access *a, const char *user_uuid, struct principal **ret, struct err *e);
int access_token(struct access *a, const char *token_uuid, struct principal **ret, struct err *e);
/* What a role allows now, built in or own; ERR_NOT_FOUND. */
int access_role(struct access *a, const char *name, struct permission_set *ret, struct err *e);
