/* What images may not be: qcow2 headers and tar entries that a stranger made. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/text.h"
#include "helpers/image_magic.h"
#include "helpers/image_qcow2.h"
#include "helpers/tar_policy.h"

#define FILE_BYTES (1 << 20)

/* A version 3 header of a 1 GiB disk as qemu-img writes it. */
struct header {
    uint8_t bytes[65536];
};

static void put32(struct header *h, size_t at, uint32_t value)
{
    value = htobe32(value);
    memcpy(h->bytes + at, &value, sizeof(value));
}

static void put64(struct header *h, size_t at, uint64_t value)
{
    value = htobe64(value);
    memcpy(h->bytes + at, &value, sizeof(value));
}

static struct header *valid(void)
{
    struct header *h = mem_new(struct header, 1);
    memcpy(h->bytes, "QFI\xfb", 4);
    put32(h, 4, 3);
    put32(h, 20, 16);
    put64(h, 24, UINT64_C(1) << 30);
    put32(h, 36, 2);
    put64(h, 40, 0x30000);
    put64(h, 48, 0x10000);
    put32(h, 56, 1);
    put32(h, 96, 4);
    put32(h, 100, 112);
    put32(h, 112, 0x6803f857); /* feature names: harmless */
    put32(h, 116, 16);
    return h;
}

static int check(const struct header *h, size_t n, uint64_t *ret, struct err *e)
{
    return qcow2_check(h->bytes, n, FILE_BYTES, ret, e);
}

static void a_plain_qcow2_is_accepted_with_its_size(void **state)
{
    (void)state;
    _cleanup_free_ struct header *h = valid();
    uint64_t size = 0;
    struct err e = {0};
    assert_int_equal(check(h, sizeof(h->bytes), &size, &e), 0);
    assert_int_equal(size, UINT64_C(1) << 30);
}

static void hostile_qcow2_headers_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *why; /* part of the sentence */
        size_t at;
        unsigned bytes;
        uint64_t value;
    } rows[] = {
        {"not a qcow2", 0, 4, 0},
        {"version", 4, 4, 4},
        {"backing file", 8, 8, 512},
        {"backing file", 16, 4, 20},
        {"cluster size", 20, 4, 8},
        {"cluster size", 20, 4, 63},
        {"absurd", 24, 8, 0},
        {"absurd", 24, 8, UINT64_MAX & ~UINT64_C(511)},
        {"absurd", 24, 8, 1000},
        {"encrypted", 32, 4, 1},
        {"tables do not fit", 36, 4, 1},
        {"tables do not fit", 36, 4, UINT32_MAX},
        {"first-level table", 40, 8, UINT64_C(1) << 40},
        {"first-level table", 40, 8, 0x30001},
        {"first-level table", 40, 8, UINT64_MAX & ~UINT64_C(0xffff)},
        {"reference table", 48, 8, UINT64_C(1) << 40},
        {"absurdly large", 56, 4, 0},
        {"absurdly large", 56, 4, UINT32_MAX},
        {"absurdly large", 60, 4, UINT32_MAX},
        {"not closed", 72, 8, 1},
        {"corrupt", 72, 8, 2},
        {"another file", 72, 8, 4},
        {"does not know", 72, 8, 32},
        {"wider", 96, 4, 7},
        {"length", 100, 4, 103},
        {"length", 100, 4, UINT32_MAX},
        {"format of a backing file", 112, 4, 0xE2792ACA},
        {"holds its data", 112, 4, 0x44415441},
        {"encrypted", 112, 4, 0x0537be77},
        {"beyond the header", 116, 4, UINT32_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ struct header *h = valid();
        uint64_t size = 0;
        struct err e = {0};
        if (rows[i].bytes == 4)
            put32(h, rows[i].at, (uint32_t)rows[i].value);
        else
            put64(h, rows[i].at, rows[i].value);
        assert_int_equal(check(h, sizeof(h->bytes), &size, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        if (!strstr(e.detail, rows[i].why))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, e.detail, rows[i].why);
    }
}

static void a_qcow2_that_is_cut_off_anywhere_is_no_crash(void **state)
{
    (void)state;
    _cleanup_free_ struct header *h = valid();
    for (size_t n = 0; n < 200; n++) {
        /* In memory of exactly that size, so that the sanitizer sees the first byte too many. */
        _cleanup_free_ uint8_t *exact = mem_dup(h->bytes, n ? n : 1);
        uint64_t size;
        int r = qcow2_check(exact, n, FILE_BYTES, &size, NULL);
        assert_true(n >= 112 || r == -1);
    }
}

static void other_formats_are_known_by_their_first_bytes(void **state)
{
    (void)state;
    assert_non_null(strstr(image_magic_name("KDMV", 4), "VMDK"));
    assert_non_null(strstr(image_magic_name("QFI\xfb\0\0", 6), "qcow2"));
    assert_non_null(strstr(image_magic_name("vhdxfile", 8), "VHDX"));
    assert_null(image_magic_name("KDM", 3));
    assert_null(image_magic_name("\0\0\0\0\0\0\0\0", 8));
}

static const struct tar_limits limits = {.total_bytes = 1000, .entries = 10, .id_count = 65536};

static int feed(
    struct tar_policy *policy, enum tar_type type, const char *path, const char *target, struct err *e)
{
    struct tar_entry entry = {
        .type = type, .path = path, .target = target, .size_bytes = type == TAR_FILE ? 10 : 0};
    return tar_policy_entry(policy, &entry, e);
}

static void hostile_tar_entries_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        enum tar_type type;
        const char *path, *target;
    } rows[] = {
        {"absolute", TAR_FILE, "/etc/passwd", NULL},
        {"climbs out", TAR_FILE, "../etc/passwd", NULL},
        {"climbs out", TAR_FILE, "a/../../etc/passwd", NULL},
        {"climbs out", TAR_FILE, "./..", NULL},
        {"climbs out", TAR_DIRECTORY, "..", NULL},
        {"device", TAR_DEVICE, "dev/sda", NULL},
        {"neither", TAR_OTHER, "dev/log", NULL},
        {"no name", TAR_FILE, "", NULL},
        {"no name", TAR_FILE, NULL, NULL},
        {"the root itself", TAR_FILE, ".", NULL},
        {"the root itself", TAR_SYMLINK, "./", "/etc"},
        {"points out", TAR_SYMLINK, "a", "../etc"},
        {"points out", TAR_SYMLINK, "a/b", "../../etc"},
        {"points out", TAR_SYMLINK, "a/b", "x/../../../etc"},
        {"points out", TAR_SYMLINK, "a/b", "/../etc"},
        {"link to nothing", TAR_SYMLINK, "a", ""},
        {"hard link to outside", TAR_HARDLINK, "a", "/etc/shadow"},
        {"hard link to outside", TAR_HARDLINK, "a", "../etc/shadow"},
        {"hard link to outside", TAR_HARDLINK, "a", "link/shadow"},
        {"through a symbolic link", TAR_FILE, "link/passwd", NULL},
        {"through a symbolic link", TAR_DIRECTORY, "./link/x/y", NULL},
        {"through a symbolic link", TAR_SYMLINK, "link//a", "b"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct tar_policy policy = {.limits = limits};
        struct err e = {0};
        assert_int_equal(feed(&policy, TAR_SYMLINK, "./link", "/etc", NULL), 0);
        int r = feed(&policy, rows[i].type, rows[i].path, rows[i].target, &e);
        if (r == 0 || e.code != ERR_INVALID || !strstr(e.detail, rows[i].why))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, e.detail, rows[i].why);
        tar_policy_clear(&policy);
    }
}

static void long_names_are_refused(void **state)
{
    (void)state;
    struct tar_policy policy = {.limits = limits};
    char name[5000];
    memset(name, 'a', sizeof(name));
    name[256] = '\0';
    assert_int_equal(feed(&policy, TAR_FILE, name, NULL, NULL), -1);
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 2 ? '/' : 'a';
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(feed(&policy, TAR_FILE, name, NULL, NULL), -1);
    tar_policy_clear(&policy);
}

static void limits_on_entries_sizes_and_owners_hold(void **state)
{
    (void)state;
    struct tar_policy policy = {.limits = limits};
    struct err e = {0};
    for (int i = 0; i < 10; i++)
        assert_int_equal(feed(&policy, TAR_FILE, "a", NULL, &e), 0);
    assert_int_equal(feed(&policy, TAR_FILE, "a", NULL, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
    tar_policy_clear(&policy);
    policy = (struct tar_policy){.limits = limits};
    struct tar_entry large = {.type = TAR_FILE, .path = "a", .size_bytes = UINT64_MAX};
    assert_int_equal(tar_policy_entry(&policy, &large, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
    struct tar_entry foreign = {.type = TAR_FILE, .path = "a", .uid = 65536};
    assert_int_equal(tar_policy_entry(&policy, &foreign, &e), -1);
    struct tar_entry negative = {.type = TAR_FILE, .path = "a", .gid = -1};
    assert_int_equal(tar_policy_entry(&policy, &negative, &e), -1);
    tar_policy_clear(&policy);
}

static void what_a_distribution_packs_is_accepted(void **state)
{
    (void)state;
    static const struct {
        enum tar_type type;
        const char *path, *target;
    } rows[] = {
        {TAR_DIRECTORY, "./", NULL},
        {TAR_SYMLINK, "./bin", "usr/bin"},
        {TAR_SYMLINK, "./sbin", "usr/sbin"},
        {TAR_SYMLINK, "./etc/mtab", "../proc/self/mounts"},
        {TAR_SYMLINK, "./etc/alternatives/awk", "/usr/bin/mawk"},
        {TAR_SYMLINK, "./usr/sbin/init", "../lib/systemd/systemd"},
        {TAR_FILE, "./usr/lib/systemd/systemd", NULL},
        {TAR_HARDLINK, "./usr/bin/perl5.36", "./usr/bin/perl"},
        {TAR_FIFO, "./run/initctl", NULL},
        {TAR_FILE, "./a..b", NULL},
    };
    struct tar_policy policy = {.limits = limits};
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (feed(&policy, rows[i].type, rows[i].path, rows[i].target, &e) < 0)
            fail_msg("row %zu: %s", i, e.detail);
    const char *init = NULL;
    assert_int_equal(tar_policy_root(&policy, &init, &e), 0);
    assert_string_equal(init, "/sbin/init");
    tar_policy_clear(&policy);
}

static void a_folder_that_holds_a_root_is_no_root(void **state)
{
    (void)state;
    struct tar_policy policy = {.limits = limits};
    struct err e = {0};
    const char *init;
    assert_int_equal(feed(&policy, TAR_FILE, "rootfs/sbin/init", NULL, &e), 0);
    assert_int_equal(tar_policy_root(&policy, &init, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
    tar_policy_clear(&policy);
}

static void links_that_circle_end_the_search(void **state)
{
    (void)state;
    struct tar_policy policy = {.limits = limits};
    const char *init;
    assert_int_equal(feed(&policy, TAR_SYMLINK, "sbin", "bin", NULL), 0);
    assert_int_equal(feed(&policy, TAR_SYMLINK, "bin", "sbin", NULL), 0);
    assert_int_equal(feed(&policy, TAR_SYMLINK, "lib", "lib/lib", NULL), 0);
    assert_int_equal(tar_policy_root(&policy, &init, NULL), -1);
    tar_policy_clear(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_qcow2_is_accepted_with_its_size),
        cmocka_unit_test(hostile_qcow2_headers_are_refused_with_the_reason),
        cmocka_unit_test(a_qcow2_that_is_cut_off_anywhere_is_no_crash),
        cmocka_unit_test(other_formats_are_known_by_their_first_bytes),
        cmocka_unit_test(hostile_tar_entries_are_refused_with_the_reason),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(limits_on_entries_sizes_and_owners_hold),
        cmocka_unit_test(what_a_distribution_packs_is_accepted),
        cmocka_unit_test(a_folder_that_holds_a_root_is_no_root),
        cmocka_unit_test(links_that_circle_end_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
