/* A plan is carried out: failures, copies and their checksums, the words of the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "iso/installer/apply.h"
#include "iso/installer/copy.h"
#include "iso/installer/fetch.h"
#include "iso/installer/source.h"

static char scratch[] = "/tmp/lodge-installer-test-XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    struct err e;
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fs_remove_tree(tmp, scratch + strlen("/tmp/"), &e);
}

static char *in_scratch(const char *name)
{
    return mem_printf("%s/%s", scratch, name);
}

static void a_step_that_fails_undoes_those_before_and_says_why(void **state)
{
    (void)state;
    _cleanup_free_ char *made = in_scratch("made"), *log = in_scratch("log");
    struct step steps[] = {
        {.action = STEP_RUN, .title = "First", .argv = {"touch", made}, .undo = {"rm", made}, .weight = 1},
        {.action = STEP_RUN, .title = "Second", .argv = {"ls", "/nowhere/at/all"}, .weight = 1},
        {.action = STEP_RUN, .title = "Third", .argv = {"touch", log, "never"}, .weight = 1},
    };
    struct plan plan = {.steps = steps, .n = ARRAY_SIZE(steps)};
    struct err e;
    assert_int_equal(apply_run(&(struct apply){.plan = &plan, .log_path = log}, &e), -1);
    assert_non_null(strstr(e.detail, "Second: ls failed with code 2: ls: "));
    assert_int_equal(access(made, F_OK), -1);
    _cleanup_free_ char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, log, 65536, &text, NULL, &e), 0);
    assert_non_null(strstr(text, "installation FAILED: Second"));
    assert_null(strstr(text, "Third"));
}

static void everything_is_released_before_the_last_phase(void **state)
{
    (void)state;
    _cleanup_free_ char *made = in_scratch("held"), *log = in_scratch("log2");
    struct step steps[] = {
        {.phase = PHASE_HOST,
            .action = STEP_RUN,
            .title = "Hold",
            .argv = {"touch", made},
            .undo = {"rm", made},
            .weight = 1},
        {.phase = PHASE_FINISH, .action = STEP_RUN, .argv = {"test", "!", "-e", made}, .weight = 1},
    };
    struct plan plan = {.steps = steps, .n = ARRAY_SIZE(steps)};
    struct err e;
    assert_int_equal(apply_run(&(struct apply){.plan = &plan, .log_path = log}, &e), 0);
}

static void a_copy_is_believed_only_with_the_right_checksum(void **state)
{
    (void)state;
    _cleanup_free_ char *from = in_scratch("from"), *to = in_scratch("to");
    char sum[65];
    struct err e;
    _cleanup_close_ int dir = open(scratch, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fs_write_atomic(dir, "from", "content", 7, 0644, &e), 0);
    assert_int_equal(file_sha256(from, 7, sum, &e), 0);
    struct copy c = {.from = from, .to = to, .sha256 = sum, .size_bytes = 7, .mode = 0644};
    assert_int_equal(copy_verified(&c, &e), 0);
    sum[0] = sum[0] == '0' ? '1' : '0';
    assert_int_equal(copy_verified(&c, &e), -1);
    assert_non_null(strstr(e.detail, "the installation medium is damaged"));
    c.size_bytes = 9;
    assert_int_equal(copy_verified(&c, &e), -1);
    assert_non_null(strstr(e.detail, "ends too early"));
    c.mode = 0; /* a device is expected, and this is a file */
    assert_int_equal(copy_verified(&c, &e), -1);
}

static void the_kernels_command_line_is_read_word_by_word(void **state)
{
    (void)state;
    static const char line[] = "boot=lodge lodge.answer=https://a/?x=1 lodge.unattended xlodge.check quiet\n";
    _cleanup_free_ char *url = cmdline_value(line, "lodge.answer"),
                        *word = cmdline_value(line, "lodge.unattended");
    assert_string_equal(url, "https://a/?x=1");
    assert_string_equal(word, "");
    assert_null(cmdline_value(line, "lodge.check"));
    assert_null(cmdline_value(line, "lodge"));
}

static void checksums_are_found_by_name(void **state)
{
    (void)state;
    char sum[65];
    _cleanup_free_ char *sums =
        mem_printf("%064d  ./lodge/vmlinuz\n%063d1 *initrd.img\nshort  lodge.squashfs\n", 0, 0);
    assert_true(sums_find(sums, "vmlinuz", sum));
    assert_true(sums_find(sums, "initrd.img", sum));
    assert_int_equal(sum[63], '1');
    assert_false(sums_find(sums, "lodge.squashfs", sum));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_that_fails_undoes_those_before_and_says_why),
        cmocka_unit_test(everything_is_released_before_the_last_phase),
        cmocka_unit_test(a_copy_is_believed_only_with_the_right_checksum),
        cmocka_unit_test(the_kernels_command_line_is_read_word_by_word),
        cmocka_unit_test(checksums_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
