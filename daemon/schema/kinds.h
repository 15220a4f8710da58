/* The kinds of documents, with their names in the API. */
#pragma once

#include <stdbool.h>

/* X(symbol, collection and kind name in the API: plural, singular). Append only: the number travels
 * in encoded transactions, the singular name stands in the database. */
#define KINDS(X)                                                                                             \
    X(NODE, "nodes", "node")                                                                                 \
    X(GUEST, "guests", "guest")                                                                              \
    X(POOL, "pools", "pool")                                                                                 \
    X(VOLUME, "volumes", "volume")                                                                           \
    X(IMAGE, "images", "image")                                                                              \
    X(NETWORK, "networks", "network")                                                                        \
    X(USER, "users", "user")                                                                                 \
    X(ROLE, "roles", "role")                                                                                 \
    X(BINDING, "bindings", "binding")                                                                        \
    X(TOKEN, "tokens", "token")                                                                              \
    X(TASK, "tasks", "task")                                                                                 \
    X(SCHEDULE, "schedules", "schedule")                                                                     \
    X(RULE, "rules", "rule")                                                                                 \
    X(SETTING, "settings", "setting")                                                                        \
    X(REQUEST, "requests", "request") /* idempotency keys; never listed */

enum kind {
#define X(symbol, plural, singular) KIND_##symbol,
    KINDS(X)
#undef X
        KIND_COUNT
};

const char *kind_plural(enum kind kind);
const char *kind_singular(enum kind kind);
bool kind_parse(const char *plural_or_singular, enum kind *ret);
