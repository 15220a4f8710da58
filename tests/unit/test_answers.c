/* Answer files: for every rule, tests/golden/answers has one file that passes and one that fails with the
 * message it must give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>

#include "base/fs.h"
#include "iso/installer/answer.h"

#define FOLDER "tests/golden/answers"

static char *file_text(const char *name, size_t *ret_len)
{
    _cleanup_free_ char *path = mem_printf(FOLDER "/%s", name);
    char *text = NULL;
    struct err e;
    if (fs_read(AT_FDCWD, path, TOML_FILE_MAX, &text, ret_len, &e) < 0)
        fail_msg("%s", e.detail);
    return text;
}

/* What `validate` says of a text, without the last line of its own. */
static char *said(const char *text, size_t len)
{
    _cleanup_arena_ struct arena arena = {0};
    _cleanup_complaints_ struct complaints c = {0};
    struct answer answer;
    struct buf out = {0};
    answer_read(text, len, &arena, &answer, &c);
    complaints_print(&c, "answer.toml", &out);
    return buf_take(&out);
}

static bool ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && streq(name + n - m, suffix);
}

/* Calls it for each file with that ending; returns how many. */
static size_t each_file(const char *suffix, void (*visit)(const char *name))
{
    size_t n = 0;
    DIR *dir = opendir(FOLDER);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (ends(entry->d_name, suffix)) {
            visit(entry->d_name);
            n++;
        }
    closedir(dir);
    return n;
}

static void passes(const char *name)
{
    size_t len;
    _cleanup_free_ char *text = file_text(name, &len), *out = said(text, len);
    if (*out)
        fail_msg("%s should pass, and gives:\n%s", name, out);
}

/* "cidr.bad.toml" with another ending behind "cidr". */
static char *partner(const char *name, const char *ending)
{
    _cleanup_free_ char *stem = mem_strndup(name, strcspn(name, "."));
    return mem_printf("%s%s", stem, ending);
}

static void fails_as_expected(const char *name)
{
    size_t len;
    _cleanup_free_ char *expected_name = partner(name, ".bad.expected"),
                        *good_name = partner(name, ".good.toml");
    _cleanup_free_ char *text = file_text(name, &len), *expected = file_text(expected_name, NULL),
                        *out = said(text, len);
    _cleanup_free_ char *good = file_text(good_name, NULL); /* each has its partner */
    if (!streq(out, expected))
        fail_msg("%s gives:\n%s\nand should give:\n%s", name, out, expected);
}

static void every_good_file_passes_without_a_word(void **state)
{
    (void)state;
    assert_true(each_file(".good.toml", passes) >= 90);
}

static void every_bad_file_gives_its_message(void **state)
{
    (void)state;
    assert_true(each_file(".bad.toml", fails_as_expected) >= 90);
}

static void what_a_file_holds_does_nothing_to_the_terminal(void **state)
{
    (void)state;
    static const char *const texts[] = {"[global]\n\"a\\u001b[2J\\nb\" = 1\n",
        "[global]\nfqdn = \"a\\u001b]0;x\\u0007\\u009b2J\"\n", "[\"\\u001b[2J\"]\n",
        "[global]\nkeyboard = \x9b\x1b\n", "[global]\nkeyboard = \x1b[2J\n"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_free_ char *out = said(texts[i], strlen(texts[i]));
        assert_true(*out);
        assert_null(strpbrk(out, "\x1b\x07\r"));
        assert_null(strstr(out, "\xc2\x9b"));
        assert_null(strstr(out, "\nb"));
    }
}

/* ---- coverage of the table ---- */

static struct buf all_expected;

static void collect(const char *name)
{
    _cleanup_free_ char *text = file_text(name, NULL);
    buf_str(&all_expected, text);
}

static void every_key_has_a_file_that_breaks_its_rule(void **state)
{
    (void)state;
    each_file(".bad.expected", collect);
    for (size_t i = 0; i < n_answer_rows; i++) {
        _cleanup_free_ char *key = answer_key(&answer_rows[i]), *wanted = mem_printf("%s: ", key);
        if (!strstr(all_expected.data, wanted))
            fail_msg("no file of " FOLDER " breaks the rule of %s", key);
    }
    buf_free(&all_expected);
}

static void every_example_of_the_table_is_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_answer_rows; i++) {
        const struct answer_row *row = &answer_rows[i];
        _cleanup_arena_ struct arena arena = {0};
        _cleanup_complaints_ struct complaints c = {0};
        _cleanup_free_ char *text = mem_printf("[%s]\n%s = %s\n", row->section, row->name, row->example);
        _cleanup_free_ int *lines = mem_new(int, n_answer_rows);
        struct answer answer = {0};
        const struct toml *root = toml_read(text, strlen(text), &arena, &c);
        assert_non_null(root);
        answer_decode(root, &answer, lines, &c);
        assert_int_equal(c.errors, 0);
        assert_int_equal(lines[i], 2);
    }
}

/* Password and disk: a file that nobody has filled in installs nothing. */
static void the_printed_example_lacks_what_only_its_user_knows(void **state)
{
    (void)state;
    _cleanup_free_ char *example = answer_example(), *out = said(example, strlen(example));
    assert_non_null(strstr(out, "[users] admin-password: is missing"));
    assert_non_null(strstr(out, "[disk-setup] disk-list: is missing"));
    const char *password = strstr(example, "#admin-password ="), *disks = strstr(example, "#disk-list =");
    assert_true(password && disks && password < disks);
    _cleanup_free_ char *filled = mem_printf("%.*s%.*s%s", (int)(password - example), example,
        (int)(disks - password - 1), password + 1, disks + 1);
    _cleanup_free_ char *then = said(filled, strlen(filled));
    assert_null(strstr(then, "is missing"));
}

static void the_documentation_has_the_tables_of_the_program(void **state)
{
    (void)state;
    _cleanup_free_ char *doc = NULL, *reference = answer_reference();
    struct err e;
    assert_int_equal(fs_read(AT_FDCWD, "docs/install.md", TOML_FILE_MAX, &doc, NULL, &e), 0);
    if (!strstr(doc, reference))
        fail_msg("docs/install.md differs from `lodge-installer reference`: paste its output");
}

static void values_arrive_with_their_types(void **state)
{
    (void)state;
    static const char text[] =
        "[global]\nfqdn = 'host1.example.org'\nroot-password = \"\"\"\\\n   correct horse\"\"\"\n"
        "ntp = \"a.example\"\n[users]\nadmin-password='password'\n[network]\nvlan = 0x10\n"
        "[disk-setup]\nfilter = { model = \"x\", size-min = \"1.5GiB\" }\nwipe = true\n";
    _cleanup_arena_ struct arena arena = {0};
    _cleanup_complaints_ struct complaints c = {0};
    struct answer a;
    assert_int_equal(answer_read(text, sizeof(text) - 1, &arena, &a, &c), 0);
    assert_string_equal(a.global.fqdn, "host1.example.org");
    assert_string_equal(a.global.root_password, "correct horse");
    assert_int_equal(a.global.ntp.n, 1);
    assert_int_equal(a.network.vlan, 16);
    assert_int_equal(a.disk.size_min_bytes, 3 * UINT64_C(536870912));
    assert_true(a.disk.wipe);
    assert_string_equal(a.network.source, "from-dhcp");
    assert_int_equal(answer_line(&a, "disk-setup", "filter.model"), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_good_file_passes_without_a_word),
        cmocka_unit_test(every_bad_file_gives_its_message),
        cmocka_unit_test(what_a_file_holds_does_nothing_to_the_terminal),
        cmocka_unit_test(every_key_has_a_file_that_breaks_its_rule),
        cmocka_unit_test(every_example_of_the_table_is_good),
        cmocka_unit_test(the_printed_example_lacks_what_only_its_user_knows),
        cmocka_unit_test(the_documentation_has_the_tables_of_the_program),
        cmocka_unit_test(values_arrive_with_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
