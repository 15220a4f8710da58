/* Secrets at rest: readable again with the same key and purpose, and not otherwise. */
#include "tests/unit/auth_util.h"

#include <sys/stat.h>

#include "auth/secret.h"

static struct secret_key *open_key(struct fixture *f)
{
    struct secret_key *key;
    struct err e;
    if (secret_key_open(f->dir, &key, &e) < 0)
        fail_msg("%s", e.detail);
    return key;
}

static void a_value_reads_back_after_a_restart(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"", "x", "a longer value with ünïcödé and \"quotes\""};
    struct stat st;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct err e;
        char *back;
        struct secret_key *key = open_key(f);
        _cleanup_free_ char *text = secret_encrypt(key, "guest/1", values[i]);
        _cleanup_free_ char *again = secret_encrypt(key, "guest/1", values[i]);
        assert_string_not_equal(text, again);
        assert_true(!values[i][0] || !strstr(text, values[i]) || strlen(values[i]) == 1);
        assert_null(strpbrk(text, "\"\\ \n"));
        secret_key_free(key);
        key = open_key(f);
        assert_int_equal(secret_decrypt(key, "guest/1", text, &back, &e), 0);
        assert_string_equal(back, values[i]);
        secret_clear(back);
        secret_key_free(key);
    }
    _cleanup_free_ char *path = mem_printf("%s/secret.key", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void expect_damaged(const struct secret_key *key, const char *purpose, const char *text)
{
    struct err e = {0};
    char *back;
    if (secret_decrypt(key, purpose, text, &back, &e) == 0)
        fail_msg("%s was decrypted", text);
    assert_int_equal(e.code, ERR_DAMAGED);
    assert_true(e.hint[0]);
}

static void another_purpose_key_or_text_is_refused(void **state)
{
    struct fixture *f = *state;
    _cleanup_(secret_key_free) struct secret_key *key = open_key(f);
    _cleanup_free_ char *text = secret_encrypt(key, "guest/1", "value"),
                        *path = mem_printf("%s/secret.key", f->dir);
    expect_damaged(key, "guest/2", text);
    for (size_t i = 0; text[i]; i++) {
        char old = text[i];
        text[i] = old == '0' ? '1' : '0';
        expect_damaged(key, "guest/1", text);
        text[i] = '\0';
        expect_damaged(key, "guest/1", text);
        text[i] = old;
    }
    unlink(path);
    _cleanup_(secret_key_free) struct secret_key *other = open_key(f);
    expect_damaged(other, "guest/1", text);
}

static void a_key_file_that_is_damaged_or_open_to_others_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct secret_key *key = open_key(f);
    secret_key_free(key);
    _cleanup_free_ char *path = mem_printf("%s/secret.key", f->dir);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(secret_key_open(f->dir, &key, &e), -1);
    assert_int_equal(e.code, ERR_STATE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 10), 0);
    assert_int_equal(secret_key_open(f->dir, &key, &e), -1);
    assert_int_equal(e.code, ERR_DAMAGED);
    assert_true(e.hint[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_value_reads_back_after_a_restart),
        WITH_REGISTRY(another_purpose_key_or_text_is_refused),
        WITH_REGISTRY(a_key_file_that_is_damaged_or_open_to_others_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
