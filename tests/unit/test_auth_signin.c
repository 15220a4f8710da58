/* Passwords, sessions, tokens: what signs somebody in, and what ends it. */
#include "tests/unit/auth_util.h"

#include <time.h>

#include "auth/password.h"
#include "auth/sessions.h"
#include "auth/tokens.h"

#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)

/* ---- passwords ---- */

static void a_password_verifies_and_another_does_not(void **state)
{
    (void)state;
    _cleanup_free_ char *hash = NULL, *again = NULL;
    struct err e;
    assert_int_equal(password_hash("correct horse", &hash, &e), 0);
    assert_int_equal(password_hash("correct horse", &again, &e), 0);
    assert_true(text_starts(hash, "$y$"));
    assert_string_not_equal(hash, again);
    assert_true(password_verify("correct horse", hash));
    assert_true(password_verify("correct horse", again));
    assert_false(password_verify("correct horsf", hash));
    assert_false(password_verify("", hash));
    assert_false(password_verify("correct horse", "$y$nonsense"));
    assert_true(password_hash_valid(hash));
    assert_false(password_hash_valid("$y$nonsense"));
    assert_false(password_hash_valid("correct horse"));
    hash[strlen(hash) - 1] = '\0';
    assert_false(password_hash_valid(hash)); /* one that was cut off */
    assert_false(password_verify("correct horse", ""));
}

/* Processor time: what else the machine does meanwhile does not count. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double verify_ms(const char *hash)
{
    double from = cpu_ms();
    password_verify("some password", hash);
    return cpu_ms() - from;
}

static void an_account_that_does_not_exist_takes_as_long(void **state)
{
    (void)state;
    _cleanup_free_ char *hash = NULL;
    struct err e;
    assert_int_equal(password_hash("correct horse", &hash, &e), 0);
    assert_false(password_verify("some password", NULL));
    double with = 1e9, without = 1e9;
    for (int i = 0; i < 5; i++) {
        with = MIN_OF(with, verify_ms(hash));
        without = MIN_OF(without, verify_ms(NULL));
    }
    print_message("%.1f ms with a hash, %.1f ms without\n", with, without);
    assert_true(without > with / 2 && with > without / 2);
}

static void weak_passwords_are_refused(void **state)
{
    (void)state;
    char longest[PASSWORD_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[PASSWORD_MAX + 1] = '\0';
    const struct {
        const char *password;
        bool ok;
    } rows[] = {
        {"12345678", true},
        {"1234567", false},
        {"", false},
        {"ünïcödé8", true},
        {"ünïcöd8", false}, /* characters count, not bytes */
        {"administrator", false},
        {"ADMINISTRATOR", false},
        {longest, false},
        {longest + 1, true},
        {"tab\tinside it", false},
        {"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = {0};
        bool ok = password_check(rows[i].password, "administrator", &e) == 0;
        if (ok != rows[i].ok || (!ok && e.code != ERR_INVALID))
            fail_msg("row %zu: %s", i, e.detail);
    }
}

/* ---- sessions ---- */

static struct sessions *open_sessions(struct fixture *f)
{
    struct err e;
    struct sessions *s;
    if (sessions_open(f->registry, &test_clock, &s, &e) < 0)
        fail_msg("%s", e.detail);
    return s;
}

static void put_user(struct fixture *f, unsigned n, const char *spec, const char *password)
{
    char name[16];
    _cleanup_free_ char *private = mem_printf("{\"password\":\"%s\"}", password);
    snprintf(name, sizeof(name), "user%u", n);
    put_doc(f, KIND_USER, n, name, spec, private);
}

static char *sign_in(struct sessions *s, unsigned n)
{
    char uuid[UUID_LEN + 1], *secret;
    assert_non_null(sessions_create(s, uuid_of(n, uuid), "192.0.2.1", &secret));
    return secret;
}

static void a_session_is_found_by_its_cookie_only(void **state)
{
    struct fixture *f = *state;
    char uuid[UUID_LEN + 1];
    put_user(f, 1, "{}", "h");
    _cleanup_(sessions_close) struct sessions *s = open_sessions(f);
    _cleanup_free_ char *secret = sign_in(s, 1), *other = sign_in(s, 1);
    assert_int_equal(strlen(secret), 43);
    assert_string_not_equal(secret, other);
    const struct session *session = sessions_find(s, secret);
    assert_non_null(session);
    assert_string_equal(session->user, uuid_of(1, uuid));
    assert_string_equal(session->address, "192.0.2.1");
    assert_int_equal(strlen(session->csrf), 43);
    assert_true(session_csrf_ok(session, session->csrf));
    assert_false(session_csrf_ok(session, NULL));
    assert_false(session_csrf_ok(session, ""));
    assert_false(session_csrf_ok(session, secret));
    secret[5] ^= 1;
    assert_null(sessions_find(s, secret));
    secret[5] ^= 1;
    assert_null(sessions_find(s, ""));
    assert_null(sessions_find(s, "x"));
    sessions_delete(s, secret);
    assert_null(sessions_find(s, secret));
    assert_non_null(sessions_find(s, other));
}

static void it_ends_when_idle_and_at_the_latest_after_a_week(void **state)
{
    struct fixture *f = *state;
    put_user(f, 1, "{}", "h");
    _cleanup_(sessions_close) struct sessions *s = open_sessions(f);
    _cleanup_free_ char *idle = sign_in(s, 1), *busy = sign_in(s, 1);
    test_now_ms += SESSION_IDLE_MS - 1;
    assert_non_null(sessions_find(s, busy));
    test_now_ms += 1;
    assert_null(sessions_find(s, idle));
    uint64_t end = sessions_find(s, busy)->created_ms + SESSION_ABSOLUTE_MS;
    while (test_now_ms + HOUR < end) {
        test_now_ms += HOUR;
        assert_non_null(sessions_find(s, busy));
    }
    assert_int_equal(session_expires_ms(sessions_find(s, busy)), end);
    test_now_ms = end;
    assert_null(sessions_find(s, busy));
    assert_int_equal(sessions_count(s), 0);
}

static void a_restart_logs_nobody_out(void **state)
{
    struct fixture *f = *state;
    put_user(f, 1, "{}", "h");
    struct sessions *s = open_sessions(f);
    _cleanup_free_ char *secret = sign_in(s, 1), *left = sign_in(s, 1);
    _cleanup_free_ char *csrf = mem_strdup(sessions_find(s, secret)->csrf);
    sessions_delete(s, left);
    test_now_ms += HOUR;
    assert_non_null(sessions_find(s, secret));
    sessions_close(s);
    fixture_close(f);
    fixture_open(f);
    s = open_sessions(f);
    assert_int_equal(sessions_count(s), 1);
    const struct session *session = sessions_find(s, secret);
    assert_non_null(session);
    assert_string_equal(session->csrf, csrf);
    assert_int_equal(session->last_use_ms, test_now_ms);
    assert_null(sessions_find(s, left));
    sessions_close(s);
}

static void collect(void *arg, const char *key, const char *value)
{
    buf_printf(arg, "%s %s\n", key, value);
}

static void the_database_does_not_hold_the_cookie(void **state)
{
    struct fixture *f = *state;
    struct err e;
    put_user(f, 1, "{}", "h");
    _cleanup_(sessions_close) struct sessions *s = open_sessions(f);
    _cleanup_free_ char *secret = sign_in(s, 1);
    _cleanup_buf_ struct buf all = {0};
    assert_int_equal(registry_local_each(f->registry, "sessions", collect, &all, &e), 0);
    assert_non_null(strstr(all.data, "192.0.2.1"));
    assert_null(strstr(all.data, secret));
}

static void a_user_who_changes_loses_the_sessions(void **state)
{
    struct fixture *f = *state;
    _cleanup_(sessions_close) struct sessions *s = open_sessions(f);
    for (unsigned row = 0; row < 5; row++) {
        put_user(f, 1, "{}", "h");
        put_user(f, 2, "{}", "h");
        _cleanup_free_ char *secret = sign_in(s, 1), *other = sign_in(s, 2);
        bool ends = true;
        switch (row) {
        case 0: put_user(f, 1, "{}", "another"); break;
        case 1: put_user(f, 1, "{\"disabled\":true}", "h"); break;
        case 2: delete_doc(f, KIND_USER, 1); break;
        case 3:
            put_user(f, 1, "{\"full_name\":\"A\"}", "h");
            ends = false;
            break;
        default:
            put_doc(f, KIND_USER, 1, "renamed", "{}", "{\"password\":\"h\"}");
            ends = false;
            break;
        }
        if ((sessions_find(s, secret) == NULL) != ends)
            fail_msg("row %u", row);
        assert_non_null(sessions_find(s, other));
        sessions_delete_user(s, sessions_find(s, other)->user);
        assert_null(sessions_find(s, other));
    }
}

/* In a cluster the user may change while this node is down. */
static void a_password_that_was_changed_meanwhile_ends_a_stored_session(void **state)
{
    struct fixture *f = *state;
    put_user(f, 1, "{}", "h");
    put_user(f, 2, "{}", "h");
    struct sessions *s = open_sessions(f);
    _cleanup_free_ char *changed = sign_in(s, 1), *same = sign_in(s, 2);
    sessions_close(s);
    put_user(f, 1, "{}", "another");
    s = open_sessions(f);
    assert_null(sessions_find(s, changed));
    assert_non_null(sessions_find(s, same));
    sessions_close(s);
}

static void sessions_of_a_user_are_bounded(void **state)
{
    struct fixture *f = *state;
    put_user(f, 1, "{}", "h");
    put_user(f, 2, "{}", "h");
    _cleanup_(sessions_close) struct sessions *s = open_sessions(f);
    _cleanup_free_ char *other = sign_in(s, 2), *first = sign_in(s, 1), *second = sign_in(s, 1);
    test_now_ms += MINUTE;
    assert_non_null(sessions_find(s, first)); /* used since: the second is the one that goes */
    for (unsigned i = 0; i < SESSION_PER_USER - 1; i++) {
        test_now_ms += MINUTE;
        free(sign_in(s, 1));
    }
    assert_int_equal(sessions_count(s), SESSION_PER_USER + 1);
    assert_non_null(sessions_find(s, other));
    assert_non_null(sessions_find(s, first));
    assert_null(sessions_find(s, second));
}

/* ---- tokens ---- */

static void a_token_is_found_by_its_secret_until_it_is_revoked(void **state)
{
    struct fixture *f = *state;
    char uuid[UUID_LEN + 1];
    _cleanup_free_ char *private = NULL, *secret = token_secret_new(uuid_of(7, uuid), &private);
    _cleanup_free_ char *private2 = NULL, *secret2 = token_secret_new(NULL, &private2);
    assert_int_equal(strlen(secret), 49);
    assert_true(text_starts(secret, "lodge_"));
    assert_null(strstr(private, secret));
    assert_null(strstr(private, secret + 6));
    assert_non_null(strstr(private, uuid));
    assert_null(strstr(private2, "user"));
    put_doc(f, KIND_TOKEN, 1, "before", "{}", private);
    _cleanup_(tokens_close) struct tokens *t = tokens_open(f->registry, &test_clock);
    assert_string_equal(tokens_find(t, secret)->doc->name, "before");
    assert_null(tokens_find(t, secret2));
    put_doc(f, KIND_TOKEN, 2, "after", "{}", private2);
    assert_string_equal(tokens_find(t, secret2)->doc->name, "after");
    put_doc(f, KIND_TOKEN, 1, "renamed", "{}", NULL);
    assert_string_equal(tokens_find(t, secret)->doc->name, "renamed");
    delete_doc(f, KIND_TOKEN, 1);
    assert_null(tokens_find(t, secret));
    put_doc(f, KIND_TOKEN, 2, "after", "{}", private); /* another secret: the old one ends */
    assert_null(tokens_find(t, secret2));
    assert_non_null(tokens_find(t, secret));
    secret[48] = secret[48] == 'A' ? 'B' : 'A';
    assert_null(tokens_find(t, secret));
    assert_null(tokens_find(t, ""));
    assert_null(tokens_find(t, "lodge_"));
}

static void a_token_expires(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *private = NULL, *secret = token_secret_new(NULL, &private);
    put_doc(f, KIND_TOKEN, 1, "a", "{\"expires\":\"2023-11-14T22:14:20Z\"}", private); /* in a minute */
    _cleanup_(tokens_close) struct tokens *t = tokens_open(f->registry, &test_clock);
    test_now_ms += MINUTE - 1;
    assert_non_null(tokens_find(t, secret));
    test_now_ms += 1;
    assert_null(tokens_find(t, secret));
    put_doc(
        f, KIND_TOKEN, 1, "a", "{\"expires\":\"some day\"}", private); /* never valid rather than for ever */
    assert_null(tokens_find(t, secret));
    put_doc(f, KIND_TOKEN, 1, "a", "{\"expires\":null}", private);
    assert_non_null(tokens_find(t, secret));
}

static void checking_a_token_takes_microseconds(void **state)
{
    struct fixture *f = *state;
    char *secrets[200];
    for (unsigned i = 0; i < ARRAY_SIZE(secrets); i++) {
        char name[16];
        _cleanup_free_ char *private = NULL;
        secrets[i] = token_secret_new(NULL, &private);
        snprintf(name, sizeof(name), "t%u", i);
        put_doc(f, KIND_TOKEN, i, name, "{}", private);
    }
    _cleanup_(tokens_close) struct tokens *t = tokens_open(f->registry, &clock_system);
    double from = cpu_ms();
    for (unsigned i = 0; i < 200000; i++)
        assert_true(tokens_find(t, secrets[i % ARRAY_SIZE(secrets)]) != NULL);
    double us = (cpu_ms() - from) / 200;
    print_message("%.2f us for a token, SHA-256 included\n", us);
    assert_true(us < 50); /* sanitizers slow it down */
    for (unsigned i = 0; i < ARRAY_SIZE(secrets); i++)
        free(secrets[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_verifies_and_another_does_not),
        cmocka_unit_test(an_account_that_does_not_exist_takes_as_long),
        cmocka_unit_test(weak_passwords_are_refused),
        WITH_REGISTRY(a_session_is_found_by_its_cookie_only),
        WITH_REGISTRY(it_ends_when_idle_and_at_the_latest_after_a_week),
        WITH_REGISTRY(a_restart_logs_nobody_out),
        WITH_REGISTRY(the_database_does_not_hold_the_cookie),
        WITH_REGISTRY(a_user_who_changes_loses_the_sessions),
        WITH_REGISTRY(a_password_that_was_changed_meanwhile_ends_a_stored_session),
        WITH_REGISTRY(sessions_of_a_user_are_bounded),
        WITH_REGISTRY(a_token_is_found_by_its_secret_until_it_is_revoked),
        WITH_REGISTRY(a_token_expires),
        WITH_REGISTRY(checking_a_token_takes_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
