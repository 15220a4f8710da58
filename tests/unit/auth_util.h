/* What the tests of access share: a clock that they set, and users, roles, bindings by one line. */
#pragma once

#include "tests/unit/registry_util.h"

#include "base/clock.h"

static uint64_t test_now_ms = 1700000000000;

static inline uint64_t test_clock_read(void *arg)
{
    (void)arg;
    return test_now_ms;
}

static const struct clock test_clock = {.unix_ms = test_clock_read, .monotonic_ms = test_clock_read};

static inline int fixture_setup(void **state)
{
    struct fixture *f = mem_new(struct fixture, 1);
    *f = fixture_new();
    fixture_open(f);
    test_now_ms = 1700000000000;
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture_free(*state);
    free(*state);
    return 0;
}

#define WITH_REGISTRY(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/* Puts a document of that number; private may be NULL. */
static inline void put_doc(
    struct fixture *f, enum kind kind, unsigned n, const char *name, const char *spec, const char *private)
{
    struct err e;
    char uuid[UUID_LEN + 1];
    struct put put = {.kind = kind,
        .uuid = uuid_of(n, uuid),
        .name = name,
        .expected = REVISION_ANY,
        .created_ms = 1,
        .modified_ms = 1,
        .spec = spec,
        .private = private};
    struct txn *t = txn_new();
    txn_put(t, &put);
    if (registry_commit(f->registry, t, NULL, &e) < 0)
        fail_msg("%s", e.detail);
}

static inline void delete_doc(struct fixture *f, enum kind kind, unsigned n)
{
    struct err e;
    char uuid[UUID_LEN + 1];
    struct txn *t = txn_new();
    txn_delete(t, kind, uuid_of(n, uuid), REVISION_ANY);
    if (registry_commit(f->registry, t, NULL, &e) < 0)
        fail_msg("%s", e.detail);
}
