/* IPv4 forwarding: what was before is written down once, and only when it is us who turn it on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "base/fs.h"
#include "base/text.h"
#include "network/forwarding.h"

struct host {
    char root[64], sysctls[80], run[80];
};

static void put(const struct host *h, const char *name, const char *value)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", h->sysctls, name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
}

static char *get(const char *dir, const char *name)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", dir, name);
    char *text = NULL;
    return fs_read(AT_FDCWD, path, 65536, &text, NULL, NULL) == 0 ? text : NULL;
}

static int setup(void **state)
{
    static const char *const links[] = {"all", "default", "eth0", "wg0"};
    static struct host host;
    struct err e;
    snprintf(host.root, sizeof(host.root), "/tmp/lodge-forwarding-XXXXXX");
    assert_non_null(mkdtemp(host.root));
    snprintf(host.sysctls, sizeof(host.sysctls), "%s/ipv4", host.root);
    snprintf(host.run, sizeof(host.run), "%s/run", host.root);
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        _cleanup_free_ char *dir = mem_printf("%s/conf/%s", host.sysctls, links[i]),
                            *file = mem_printf("conf/%s/forwarding", links[i]);
        assert_int_equal(fs_mkdir_all(dir, 0755, &e), 0);
        put(&host, file, streq(links[i], "wg0") ? "1\n" : "0\n");
    }
    put(&host, "ip_forward", "0\n");
    *state = &host;
    return 0;
}

static int teardown(void **state)
{
    struct host *host = *state;
    _cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fs_remove_tree(tmp, host->root + strlen("/tmp/"), NULL);
}

/* The lines behind the first. */
static const char *links_of(const char *record)
{
    const char *end = record ? strchr(record, '\n') : NULL;
    return end ? end + 1 : NULL;
}

static void what_was_is_written_down_before_it_is_turned_on(void **state)
{
    const struct host *h = *state;
    struct err e;
    assert_int_equal(forwarding_ensure(h->sysctls, h->run, &e), 0);
    _cleanup_free_ char *now = get(h->sysctls, "ip_forward"), *record = get(h->run, FORWARDING_RECORD),
                        *boot = get("/proc/sys/kernel/random", "boot_id");
    assert_true(text_starts(now, "1"));
    assert_non_null(record);
    assert_memory_equal(record, boot, UUID_LEN);
    assert_non_null(strstr(record, " net:["));
    assert_string_equal(links_of(record), "wg0\n");
}

static void where_it_is_on_already_it_is_not_ours(void **state)
{
    const struct host *h = *state;
    struct err e;
    put(h, "ip_forward", "1\n");
    assert_int_equal(forwarding_ensure(h->sysctls, h->run, &e), 0);
    _cleanup_free_ char *record = get(h->run, FORWARDING_RECORD);
    assert_null(record);
}

static void the_first_record_of_a_boot_stays_and_one_of_another_boot_goes(void **state)
{
    const struct host *h = *state;
    struct err e;
    assert_int_equal(forwarding_ensure(h->sysctls, h->run, &e), 0);
    put(h, "ip_forward", "0\n"); /* somebody turned it off */
    put(h, "conf/eth0/forwarding", "1\n");
    assert_int_equal(forwarding_ensure(h->sysctls, h->run, &e), 0);
    _cleanup_free_ char *record = get(h->run, FORWARDING_RECORD);
    assert_string_equal(links_of(record), "wg0\n");
    _cleanup_close_ int dir = open(h->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char old[] = "00000000-0000-0000-0000-000000000000 net:[1]\neth9\n";
    assert_int_equal(fs_write_atomic(dir, FORWARDING_RECORD, old, strlen(old), 0644, &e), 0);
    put(h, "ip_forward", "0\n");
    put(h, "conf/wg0/forwarding", "0\n");
    assert_int_equal(forwarding_ensure(h->sysctls, h->run, &e), 0);
    _cleanup_free_ char *fresh = get(h->run, FORWARDING_RECORD);
    assert_string_equal(links_of(fresh), "eth0\n");
}

static void without_a_record_it_is_not_turned_on(void **state)
{
    const struct host *h = *state;
    struct err e;
    assert_true(forwarding_ensure(h->sysctls, "/proc/no/such/folder", &e) < 0);
    _cleanup_free_ char *now = get(h->sysctls, "ip_forward");
    assert_true(text_starts(now, "0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_is_written_down_before_it_is_turned_on, setup, teardown),
        cmocka_unit_test_setup_teardown(where_it_is_on_already_it_is_not_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_first_record_of_a_boot_stays_and_one_of_another_boot_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_record_it_is_not_turned_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
