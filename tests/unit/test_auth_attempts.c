/* Slowed attempts: guessing gets slow, nobody is locked out. */
#include "tests/unit/auth_util.h"

#include "auth/attempts.h"

#define SECOND 1000

/* One try with a wrong password at once: the seconds to wait, 0 when it was looked at. */
static unsigned fail_once(struct attempts *a, const char *user, const char *address)
{
    struct err e = {0};
    unsigned wait = 0;
    if (attempts_check(a, user, address, &wait, &e) == 0) {
        attempts_failed(a, user, address);
        return 0;
    }
    assert_int_equal(e.code, ERR_TOO_MANY);
    assert_true(wait > 0);
    assert_non_null(strstr(e.hint, "Wait "));
    return wait;
}

static void each_failure_of_an_address_doubles_its_wait(void **state)
{
    (void)state;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    unsigned longest = 0;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fail_once(a, "u", "192.0.2.1"), 0);
    for (unsigned expected = 1; expected <= 256; expected *= 2) {
        char user[16]; /* other accounts do not help */
        snprintf(user, sizeof(user), "u%u", expected);
        unsigned wait = fail_once(a, user, "192.0.2.1");
        assert_int_equal(wait, expected);
        assert_int_equal(fail_once(a, user, "192.0.2.1"), wait); /* asking again makes it no longer */
        test_now_ms += wait * SECOND;
        assert_int_equal(fail_once(a, user, "192.0.2.1"), 0);
        longest = wait;
    }
    assert_int_equal(longest, 256);
    assert_int_equal(fail_once(a, "x", "192.0.2.1"), 300); /* and that is the longest */
    assert_int_equal(fail_once(a, "x", "192.0.2.2"), 0);
}

static void an_attacked_account_waits_seconds_only(void **state)
{
    (void)state;
    struct err e;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    assert_int_equal(attempts_check(a, "alice", "198.51.100.7", NULL, &e), 0);
    attempts_succeeded(a, "alice", "198.51.100.7");
    unsigned looked_at = 0;
    for (unsigned i = 0; i < 600; i++) { /* ten minutes from ever new addresses, a try each second */
        char address[32];
        snprintf(address, sizeof(address), "10.%u.%u.1", i / 250, i % 250);
        unsigned wait = fail_once(a, "alice", address);
        assert_true(wait <= 5);
        looked_at += wait == 0;
        test_now_ms += SECOND;
    }
    assert_true(looked_at < 150);
    assert_int_equal(
        attempts_check(a, "alice", "198.51.100.7", NULL, &e), 0); /* from where she is known: at once */
    attempts_succeeded(a, "alice", "198.51.100.7");
    assert_int_equal(fail_once(a, "bob", "198.51.100.7"), 0); /* and nobody else is concerned */
}

static void signing_in_makes_nobody_wait(void **state)
{
    (void)state;
    struct err e;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fail_once(a, "stranger", "192.0.2.1"), 0);
    test_now_ms += SECOND;
    for (unsigned i = 0; i < 3; i++) { /* at once, from an address where others failed */
        assert_int_equal(attempts_check(a, "alice", "192.0.2.1", NULL, &e), 0);
        attempts_succeeded(a, "alice", "192.0.2.1");
    }
    assert_int_equal(
        attempts_check(a, "alice", "192.0.2.1", NULL, &e), 0); /* while one goes on, others wait */
    assert_int_equal(fail_once(a, "bob", "192.0.2.1"), 2);
    attempts_succeeded(a, "alice", "192.0.2.1");
}

static void success_does_not_give_an_address_fresh_tries(void **state)
{
    (void)state;
    struct err e;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    unsigned refused = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (attempts_check(a, "mallory", "192.0.2.1", NULL, &e) == 0)
            attempts_succeeded(a, "mallory", "192.0.2.1");
        refused += fail_once(a, "alice", "192.0.2.1") > 0;
        test_now_ms += 100;
    }
    assert_true(refused > 10);
}

static void many_at_once_gain_nothing(void **state)
{
    (void)state;
    struct err e;
    unsigned allowed = 0;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    for (unsigned i = 0; i < 100; i++)
        allowed += attempts_check(a, "alice", "192.0.2.1", NULL, &e) == 0;
    assert_int_equal(allowed, 4);
    test_now_ms += 3 * 60 * SECOND; /* those that never ended are forgotten */
    assert_int_equal(attempts_check(a, "alice", "192.0.2.1", NULL, &e), 0);
}

static void failures_fade(void **state)
{
    (void)state;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    for (unsigned i = 0; i < 12; i++) {
        fail_once(a, "alice", "192.0.2.1");
        test_now_ms += 300 * SECOND;
    }
    test_now_ms += 3600 * SECOND;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fail_once(a, "alice", "192.0.2.1"), 0);
}

static void an_ipv6_host_is_its_network(void **state)
{
    (void)state;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    for (unsigned i = 0; i < 4; i++) {
        char address[64], user[16];
        snprintf(address, sizeof(address), "2001:db8::%x", i + 1);
        snprintf(user, sizeof(user), "u%u", i);
        assert_int_equal(fail_once(a, user, address), 0);
    }
    assert_true(fail_once(a, "x", "2001:db8::ffff") > 0);
    assert_int_equal(fail_once(a, "x", "2001:db8:0:1::1"), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fail_once(a, "y", i % 2 ? "::ffff:192.0.2.9" : "192.0.2.9"), 0);
    assert_true(fail_once(a, "z", "192.0.2.9") > 0);
}

static void memory_is_bounded_and_the_busy_ones_are_kept(void **state)
{
    (void)state;
    _cleanup_(attempts_free) struct attempts *a = attempts_new(&test_clock);
    for (unsigned i = 0; i < 4; i++)
        fail_once(a, "u", "192.0.2.1");
    for (unsigned i = 0; i < 20000; i++) {
        char address[32], user[32];
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        snprintf(user, sizeof(user), "user%u", i);
        fail_once(a, user, address);
        if (i % 100 == 0) {
            test_now_ms += SECOND;
            fail_once(a, "u", "192.0.2.1");
        }
    }
    assert_true(fail_once(a, "u", "192.0.2.1") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_of_an_address_doubles_its_wait),
        cmocka_unit_test(an_attacked_account_waits_seconds_only),
        cmocka_unit_test(signing_in_makes_nobody_wait),
        cmocka_unit_test(success_does_not_give_an_address_fresh_tries),
        cmocka_unit_test(many_at_once_gain_nothing),
        cmocka_unit_test(failures_fade),
        cmocka_unit_test(an_ipv6_host_is_its_network),
        cmocka_unit_test(memory_is_bounded_and_the_busy_ones_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
