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

/* ---- what comes late ---- */

struct late {
    uint64_t now_ms, comes_ms; /* 0: never */
    unsigned said;
    bool volumes;
};

static uint64_t late_now(void *arg)
{
    return ((struct late *)arg)->now_ms;
}

static void late_say(void *arg, const char *what_for)
{
    ((struct late *)arg)->said++;
    assert_non_null(strstr(what_for, "up to"));
}

static void show_volume(const char *label)
{
    struct err e;
    _cleanup_close_ int dir = open(scratch, O_RDONLY | O_DIRECTORY);
    _cleanup_free_ char *text =
        mem_printf("{\"blockdevices\": [{\"path\": \"/dev/nowhere\", \"label\": \"%s\"}]}", label);
    assert_int_equal(fs_write_atomic(dir, "lsblk.json", text, strlen(text), 0644, &e), 0);
}

static void late_pause(void *arg, uint64_t ms)
{
    struct late *l = arg;
    l->now_ms += ms;
    if (l->comes_ms && l->now_ms >= l->comes_ms)
        show_volume("LODGEANSWER");
}

static int find_with_patience(struct late *l, const char *medium_dir, struct source *ret)
{
    struct clock clock = {.unix_ms = late_now, .monotonic_ms = late_now, .arg = l};
    struct patience p = {.clock = &clock, .say = late_say, .pause = late_pause, .arg = l};
    struct err e;
    *ret = (struct source){0};
    return source_find(medium_dir, l->volumes, &p, ret, &e);
}

static void a_volume_that_shows_up_late_comes_before_the_mediums_own_answer(void **state)
{
    (void)state;
    _cleanup_free_ char *make =
        mem_printf("cd %s && printf '#!/bin/sh\\ncat %s/lsblk.json\\n' >lsblk && chmod 755 lsblk && "
                   "mkdir medium && cd medium && touch lodge.squashfs vmlinuz initrd.img answer.toml && "
                   "sha256sum lodge.squashfs vmlinuz initrd.img >sha256sums",
            scratch, scratch);
    _cleanup_free_ char *path = mem_printf("%s:%s", scratch, getenv("PATH")), *medium = in_scratch("medium");
    struct source found;
    assert_int_equal(system(make), 0);
    assert_int_equal(setenv("PATH", path, 1), 0);

    struct late l = {
        .volumes = true, .comes_ms = 8000}; /* its device is not there to be mounted, but it is the one */
    show_volume("");
    assert_int_equal(find_with_patience(&l, medium, &found), -1);
    assert_string_equal(found.name, "answer.toml on /dev/nowhere (LODGE-ANSWER)");
    assert_int_equal(l.said, 1);
    source_free(&found);

    l = (struct late){.volumes = true}; /* there at once */
    assert_int_equal(find_with_patience(&l, medium, &found), -1);
    assert_int_equal(l.now_ms, 0);
    assert_int_equal(l.said, 0);
    source_free(&found);

    show_volume("OTHER");
    assert_int_equal(find_with_patience(&l, medium, &found), 1);
    assert_non_null(strstr(found.name, "/medium/answer.toml"));
    assert_int_equal(l.now_ms, 10000);
    source_free(&found);

    l = (struct late){.volumes = true};
    assert_int_equal(find_with_patience(&l, scratch, &found), 0);
    assert_int_equal(l.now_ms, 10000);

    l = (struct late){0};
    show_volume("LODGEANSWER");
    assert_int_equal(find_with_patience(&l, medium, &found), 1);
    assert_non_null(strstr(found.name, "/medium/answer.toml"));
    source_free(&found);
}

/* Behind a switch that looks for loops an address comes after a minute. */
static void the_network_has_three_minutes(void **state)
{
    (void)state;
    struct late l = {0};
    struct clock clock = {.unix_ms = late_now, .monotonic_ms = late_now, .arg = &l};
    struct patience p = {.clock = &clock, .say = late_say, .pause = late_pause, .arg = &l};
    char *text = NULL;
    struct err e;
    assert_int_equal(fetch_text("https://127.0.0.1:1/answer.toml", NULL, &p, &text, &e), -1);
    assert_int_equal(l.now_ms, 180000);
    assert_int_equal(l.said, 1); /* not once for each attempt */
    assert_non_null(strstr(e.hint, "check cable, DHCP"));
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
        cmocka_unit_test(a_volume_that_shows_up_late_comes_before_the_mediums_own_answer),
        cmocka_unit_test(the_network_has_three_minutes),
        cmocka_unit_test(checksums_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
