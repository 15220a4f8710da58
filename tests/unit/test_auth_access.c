/* Permissions, roles, bindings, and what a caller may do with them. */
#include "tests/unit/auth_util.h"

#include <time.h>

#include "auth/access.h"
#include "auth/tokens.h"

/* ---- permissions ---- */

static void every_permission_has_a_text_that_reads_back(void **state)
{
    (void)state;
    struct permission_set all = {0};
    unsigned n = 0;
    assert_int_equal(permission_set_add(&all, "*", NULL), 0);
    for (unsigned c = 0; c < ACCESS_COLLECTION_COUNT; c++) {
        assert_true(all.verbs[c]);
        for (unsigned v = 0; v < VERB_COUNT; v++) {
            char text[PERMISSION_TEXT_MAX];
            permission_id parsed, id = (permission_id)(c << 8 | v);
            permission_text(id, text);
            bool exists = permission_set_has(&all, id);
            assert_int_equal(permission_parse(text, &parsed), exists);
            if (exists)
                assert_int_equal(parsed, id);
            n += exists;
        }
    }
    assert_true(n > 50);
}

static void wildcards_mean_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *has, *lacks;
    } rows[] = {
        {"guests.read", "guests.read", "guests.power"},
        {"guests.*", "guests.console", "volumes.read"},
        {"*.read", "audit.read", "guests.update"},
        {"*", "audit.verify", NULL},
        {"*.*", "guests.migrate", NULL},
        {"*.verify", "audit.verify", "audit.read"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct permission_set set = {0};
        struct err e;
        permission_id id;
        if (permission_set_add(&set, rows[i].text, &e) < 0)
            fail_msg("%s: %s", rows[i].text, e.detail);
        assert_true(permission_parse(rows[i].has, &id) && permission_set_has(&set, id));
        if (rows[i].lacks)
            assert_true(permission_parse(rows[i].lacks, &id) && !permission_set_has(&set, id));
    }
}

static void a_typing_error_in_a_permission_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "guests", "guest.read", "guests.", ".read", "guests.reed",
        "guests.**", "audit.delete", "events.create", "*.fly", "Guests.read", "guests.read ",
        "guests.read.x"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct permission_set set = {0}, none = {0};
        struct err e = {0};
        permission_id id;
        if (permission_set_add(&set, rows[i], &e) == 0)
            fail_msg("%s was taken", rows[i]);
        assert_int_equal(e.code, ERR_INVALID);
        assert_true(e.hint[0]);
        assert_memory_equal(&set, &none, sizeof(set));
        assert_false(permission_parse(rows[i], &id));
    }
    struct permission_set set = {0};
    struct err e;
    permission_set_add(&set, "audit.delete", &e);
    assert_string_equal(e.hint, "audit has: read, verify.");
}

static void built_in_roles_are_sensible(void **state)
{
    (void)state;
    struct fixture *f = *state;
    static const struct {
        const char *role, *permission;
        bool has;
    } rows[] = {
        {"admin", "users.create", true},
        {"admin", "audit.verify", true},
        {"operator", "guests.delete", true},
        {"operator", "pools.use", true},
        {"operator", "pools.create", false},
        {"operator", "nodes.power", false},
        {"operator", "users.read", false},
        {"viewer", "guests.read", true},
        {"viewer", "guests.console", false},
        {"viewer", "tokens.read", false},
        {"viewer", "bindings.read", false},
        {"viewer", "audit.read", false},
    };
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    struct err e;
    struct permission_set set;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        permission_id id;
        assert_true(permission_parse(rows[i].permission, &id));
        assert_int_equal(access_role(a, rows[i].role, &set, &e), 0);
        assert_true(access_role_is_builtin(rows[i].role));
        if (permission_set_has(&set, id) != rows[i].has)
            fail_msg("%s %s", rows[i].role, rows[i].permission);
    }
    assert_int_equal(access_role(a, "absent", &set, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* ---- specs ---- */

static void specs_are_checked(void **state)
{
    (void)state;
    static const struct {
        int (*check)(const json_t *spec, struct err *e);
        const char *spec;
        bool ok;
    } rows[] = {
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"admin\"}", true},
        {access_check_binding, "{\"subject\":\"group:a\",\"role\":\"x\",\"path\":\"/guests/web-*\"}", true},
        {access_check_binding, "{\"subject\":\"token:a\",\"role\":\"x\",\"path\":\"/*/web-*\"}", true},
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"x\",\"selector\":{\"a\":\"b\"}}", true},
        {access_check_binding, "{\"subject\":\"user:\",\"role\":\"admin\"}", false},
        {access_check_binding, "{\"subject\":\"alice\",\"role\":\"admin\"}", false},
        {access_check_binding, "{\"subject\":\"user:a\"}", false},
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"x\",\"path\":\"guests\"}", false},
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"x\",\"path\":\"/gests\"}", false},
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"x\",\"path\":\"/guests/a/b\"}", false},
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"x\",\"selector\":{\"a\":1}}", false},
        {access_check_binding, "{\"subject\":\"user:a\",\"role\":\"x\",\"selector\":[]}", false},
        {access_check_token, "{}", true},
        {access_check_token, "{\"expires\":\"2030-01-31T12:00:00Z\",\"permissions\":[\"*.read\"]}", true},
        {access_check_token, "{\"expires\":\"tomorrow\"}", false},
        {access_check_token, "{\"permissions\":[\"x\"]}", false},
        {access_check_token, "{\"permissions\":\"*\"}", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_json_ json_t *spec = NULL;
        struct err e = {0};
        assert_int_equal(json_parse(rows[i].spec, strlen(rows[i].spec), "spec", &spec, &e), 0);
        bool ok = rows[i].check(spec, &e) == 0;
        if (ok != rows[i].ok || (!ok && e.code != ERR_INVALID))
            fail_msg("%s: %s", rows[i].spec, e.detail);
    }
}

/* ---- callers ---- */

static struct principal *user(struct access *a, unsigned n)
{
    struct err e;
    char uuid[UUID_LEN + 1];
    struct principal *p;
    if (access_user(a, uuid_of(n, uuid), &p, &e) < 0)
        fail_msg("%s", e.detail);
    return p;
}

static bool may(struct access *a, unsigned n, permission_id permission, const char *name, const char *team)
{
    _cleanup_principal_ struct principal *p = user(a, n);
    const struct label labels[] = {{"env", "prod"}, {"team", team ? team : ""}, {"zone", "1"}};
    return access_allowed(p, permission, name, labels, ARRAY_SIZE(labels));
}

static void bindings_give_on_paths_and_labels(void **state)
{
    struct fixture *f = *state;
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    put_doc(f, KIND_ROLE, 10, "starter", "{\"permissions\":[\"guests.power\",\"guests.read\"]}", NULL);
    const struct {
        const char *binding;
        permission_id permission;
        const char *name, *team;
        bool allowed;
        enum access_scope scope;
    } rows[] = {
        {NULL, PERMISSION(GUESTS, READ), "web-1", "a", false, ACCESS_NONE},
        {"\"role\":\"viewer\"", PERMISSION(GUESTS, READ), "web-1", "a", true, ACCESS_ALL},
        {"\"role\":\"viewer\"", PERMISSION(GUESTS, POWER), "web-1", "a", false, ACCESS_NONE},
        {"\"role\":\"starter\"", PERMISSION(GUESTS, POWER), "web-1", "a", true, ACCESS_ALL},
        {"\"role\":\"absent\"", PERMISSION(GUESTS, POWER), "web-1", "a", false, ACCESS_NONE},
        {"\"role\":\"admin\",\"path\":\"/guests\"", PERMISSION(GUESTS, POWER), "x", "a", true, ACCESS_ALL},
        {"\"role\":\"admin\",\"path\":\"/guests\"", PERMISSION(VOLUMES, READ), "x", "a", false, ACCESS_NONE},
        {"\"role\":\"admin\",\"path\":\"/guests/web-*\"", PERMISSION(GUESTS, READ), "web-1", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/web-*\"", PERMISSION(GUESTS, READ), "web-", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/web-*\"", PERMISSION(GUESTS, READ), "db-1", "a", false,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/*-db-*\"", PERMISSION(GUESTS, READ), "a-db-b-db-c", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/*-db\"", PERMISSION(GUESTS, READ), "a-db-db", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/*-db\"", PERMISSION(GUESTS, READ), "a-db-x", "a", false,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/web-1\"", PERMISSION(GUESTS, READ), "web-1", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/web-1\"", PERMISSION(GUESTS, READ), "web-12", "a", false,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/*/web-1\"", PERMISSION(VOLUMES, READ), "web-1", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/*\"", PERMISSION(GUESTS, READ), "x", "a", true, ACCESS_ALL},
        {"\"role\":\"admin\",\"selector\":{}", PERMISSION(GUESTS, READ), "x", "a", true, ACCESS_ALL},
        {"\"role\":\"admin\",\"selector\":{\"team\":\"a\"}", PERMISSION(GUESTS, READ), "x", "a", true,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"selector\":{\"team\":\"a\"}", PERMISSION(GUESTS, READ), "x", "b", false,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"selector\":{\"zone\":\"1\",\"team\":\"a\"}", PERMISSION(GUESTS, READ), "x",
            "a", true, ACCESS_SOME},
        {"\"role\":\"admin\",\"selector\":{\"zone\":\"2\",\"team\":\"a\"}", PERMISSION(GUESTS, READ), "x",
            "a", false, ACCESS_SOME},
        {"\"role\":\"admin\",\"selector\":{\"absent\":\"1\"}", PERMISSION(GUESTS, READ), "x", "a", false,
            ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/x*\",\"selector\":{\"team\":\"a\"}", PERMISSION(GUESTS, READ),
            "x", "a", true, ACCESS_SOME},
        {"\"role\":\"admin\",\"path\":\"/guests/x*\",\"selector\":{\"team\":\"a\"}", PERMISSION(GUESTS, READ),
            "y", "a", false, ACCESS_SOME},
    };
    put_doc(f, KIND_USER, 1, "alice", "{\"groups\":[\"ops\",\"web\"]}", NULL);
    put_doc(f, KIND_USER, 2, "bob", "{}", NULL);
    static const char *const subjects[] = {"user:alice", "group:web"};
    for (size_t s = 0; s < ARRAY_SIZE(subjects); s++)
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            _cleanup_free_ char *spec = mem_printf("{\"subject\":\"%s\",%s}", subjects[s],
                rows[i].binding ? rows[i].binding : "\"role\":\"none\"");
            put_doc(f, KIND_BINDING, 20, "it", spec, NULL);
            _cleanup_principal_ struct principal *p = user(a, 1);
            if (may(a, 1, rows[i].permission, rows[i].name, rows[i].team) != rows[i].allowed ||
                access_scope(p, rows[i].permission) != rows[i].scope)
                fail_msg("row %zu: %s on %s", i, spec, rows[i].name);
            assert_false(may(a, 2, rows[i].permission, rows[i].name, rows[i].team));
        }
}

static void what_changes_takes_effect_with_the_next_call(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char uuid[UUID_LEN + 1];
    struct principal *p;
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    put_doc(f, KIND_USER, 1, "alice", "{}", NULL);
    assert_false(may(a, 1, PERMISSION(GUESTS, READ), "x", NULL));
    put_doc(f, KIND_BINDING, 2, "b", "{\"subject\":\"user:alice\",\"role\":\"own\"}", NULL);
    assert_false(may(a, 1, PERMISSION(GUESTS, READ), "x", NULL));
    put_doc(f, KIND_ROLE, 3, "own", "{\"permissions\":[\"guests.read\"]}", NULL);
    assert_true(may(a, 1, PERMISSION(GUESTS, READ), "x", NULL));
    _cleanup_principal_ struct principal *kept = user(a, 1); /* a request that runs */
    put_doc(f, KIND_ROLE, 3, "own", "{\"permissions\":[\"guests.power\"]}", NULL);
    assert_false(may(a, 1, PERMISSION(GUESTS, READ), "x", NULL));
    assert_true(access_allowed(kept, PERMISSION(GUESTS, READ), "x", NULL, 0));
    delete_doc(f, KIND_BINDING, 2);
    assert_false(may(a, 1, PERMISSION(GUESTS, POWER), "x", NULL));
    put_doc(f, KIND_USER, 1, "alice", "{\"disabled\":true}", NULL);
    assert_int_equal(access_user(a, uuid_of(1, uuid), &p, &e), -1);
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
    delete_doc(f, KIND_USER, 1);
    assert_int_equal(access_user(a, uuid, &p, &e), -1);
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
}

static void a_document_cannot_replace_a_built_in_role(void **state)
{
    struct fixture *f = *state;
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    put_doc(f, KIND_USER, 1, "alice", "{}", NULL);
    put_doc(f, KIND_BINDING, 2, "b", "{\"subject\":\"user:alice\",\"role\":\"viewer\"}", NULL);
    put_doc(f, KIND_ROLE, 3, "viewer", "{\"permissions\":[\"*\"]}", NULL);
    assert_false(may(a, 1, PERMISSION(USERS, DELETE), "x", NULL));
}

static bool token_may(struct access *a, unsigned n, permission_id permission)
{
    struct err e;
    char uuid[UUID_LEN + 1];
    struct principal *p = NULL;
    if (access_token(a, uuid_of(n, uuid), &p, &e) < 0)
        fail_msg("%s", e.detail);
    bool allowed = access_allowed(p, permission, "x", NULL, 0);
    principal_unref(p);
    return allowed;
}

static void a_token_has_at_most_what_its_user_has(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char uuid[UUID_LEN + 1];
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    _cleanup_free_ char *private = mem_printf("{\"hash\":\"x\",\"user\":\"%s\"}", uuid_of(1, uuid));
    put_doc(f, KIND_USER, 1, "alice", "{}", NULL);
    put_doc(f, KIND_BINDING, 2, "b", "{\"subject\":\"user:alice\",\"role\":\"operator\"}", NULL);
    put_doc(f, KIND_TOKEN, 3, "ci", "{}", private);
    assert_true(token_may(a, 3, PERMISSION(GUESTS, POWER)));
    assert_false(token_may(a, 3, PERMISSION(USERS, READ)));
    put_doc(f, KIND_TOKEN, 3, "ci", "{\"role\":\"viewer\"}", private);
    assert_true(token_may(a, 3, PERMISSION(GUESTS, READ)));
    assert_false(token_may(a, 3, PERMISSION(GUESTS, POWER)));
    put_doc(f, KIND_TOKEN, 3, "ci", "{\"permissions\":[\"guests.power\",\"users.read\"]}", private);
    assert_true(token_may(a, 3, PERMISSION(GUESTS, POWER)));
    assert_false(token_may(a, 3, PERMISSION(GUESTS, READ)));
    assert_false(token_may(a, 3, PERMISSION(USERS, READ)));
    put_doc(f, KIND_TOKEN, 3, "ci", "{\"role\":\"viewer\",\"permissions\":[\"guests.*\"]}", private);
    assert_true(token_may(a, 3, PERMISSION(GUESTS, READ)));
    assert_false(token_may(a, 3, PERMISSION(GUESTS, POWER)));
    assert_false(token_may(a, 3, PERMISSION(VOLUMES, READ)));
    put_doc(f, KIND_TOKEN, 3, "ci", "{\"role\":\"gone\"}", private);
    assert_false(token_may(a, 3, PERMISSION(GUESTS, READ)));

    put_doc(f, KIND_TOKEN, 4, "own", "{}", "{\"hash\":\"y\"}"); /* of no user: only what is bound to it */
    assert_false(token_may(a, 4, PERMISSION(GUESTS, READ)));
    put_doc(f, KIND_BINDING, 5, "c", "{\"subject\":\"token:own\",\"role\":\"viewer\"}", NULL);
    assert_true(token_may(a, 4, PERMISSION(GUESTS, READ)));

    struct principal *p;
    put_doc(f, KIND_USER, 1, "alice", "{\"disabled\":true}", NULL);
    assert_int_equal(access_token(a, uuid_of(3, uuid), &p, &e), -1);
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
    delete_doc(f, KIND_USER, 1);
    put_doc(f, KIND_USER, 9, "alice", "{}", NULL); /* another one of the same name does not inherit it */
    assert_int_equal(access_token(a, uuid, &p, &e), -1);
    assert_int_equal(e.code, ERR_UNAUTHENTICATED);
}

static void refusals_name_what_is_missing(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct permission_set set = {0};
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    put_doc(f, KIND_USER, 1, "alice", "{}", NULL);
    put_doc(f, KIND_BINDING, 2, "b", "{\"subject\":\"user:alice\",\"role\":\"operator\"}", NULL);
    put_doc(f, KIND_BINDING, 3, "c",
        "{\"subject\":\"user:alice\",\"role\":\"admin\",\"path\":\"/pools/tmp-*\"}", NULL);
    _cleanup_principal_ struct principal *alice = user(a, 1), *root = access_root(a);
    assert_string_equal(alice->who, "user:alice");
    assert_string_equal(alice->user, "alice");
    assert_string_equal(root->who, "root");
    assert_int_equal(access_require(alice, PERMISSION(GUESTS, POWER), "web1", NULL, 0, &e), 0);
    assert_int_equal(access_require(alice, PERMISSION(NODES, POWER), "n1", NULL, 0, &e), -1);
    assert_int_equal(e.code, ERR_FORBIDDEN);
    assert_string_equal(e.detail, "user:alice lacks the permission nodes.power on /nodes/n1");
    assert_int_equal(access_require(root, PERMISSION(NODES, POWER), "n1", NULL, 0, &e), 0);

    permission_set_add(&set, "guests.*", NULL);
    assert_int_equal(access_require_all(alice, &set, &e), 0);
    permission_set_add(&set, "pools.delete", NULL); /* only on some: not enough to hand on */
    assert_int_equal(access_require_all(alice, &set, &e), -1);
    assert_int_equal(e.code, ERR_FORBIDDEN);
    assert_non_null(strstr(e.detail, "pools.delete"));
    permission_set_add(&set, "*", NULL);
    assert_int_equal(access_require_all(root, &set, &e), 0);
}

/* Not a bound on the machine, only that nothing grows with what it must not grow with. */
static void a_selector_costs_well_below_a_microsecond(void **state)
{
    struct fixture *f = *state;
    _cleanup_(access_close) struct access *a = access_open(f->registry);
    put_doc(f, KIND_USER, 1, "alice", "{}", NULL);
    put_doc(f, KIND_BINDING, 2, "b",
        "{\"subject\":\"user:alice\",\"role\":\"viewer\",\"selector\":{\"team\":\"a\"}}", NULL);
    _cleanup_principal_ struct principal *p = user(a, 1);
    const struct label labels[] = {{"env", "prod"}, {"team", "a"}, {"zone", "1"}};
    struct timespec from, to;
    unsigned allowed = 0;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < 1000000; i++)
        allowed += access_allowed(p, PERMISSION(GUESTS, READ), "web1", labels, i % 3 ? 3 : 1);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    assert_int_equal(allowed, 666666);
    print_message("%.0f ns for a decision by label\n", ns / 1e6);
    assert_true(ns / 1e6 < 5000); /* sanitizers slow it down */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_permission_has_a_text_that_reads_back),
        cmocka_unit_test(wildcards_mean_what_they_say),
        cmocka_unit_test(a_typing_error_in_a_permission_is_refused),
        WITH_REGISTRY(built_in_roles_are_sensible),
        cmocka_unit_test(specs_are_checked),
        WITH_REGISTRY(bindings_give_on_paths_and_labels),
        WITH_REGISTRY(what_changes_takes_effect_with_the_next_call),
        WITH_REGISTRY(a_document_cannot_replace_a_built_in_role),
        WITH_REGISTRY(a_token_has_at_most_what_its_user_has),
        WITH_REGISTRY(refusals_name_what_is_missing),
        WITH_REGISTRY(a_selector_costs_well_below_a_microsecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
