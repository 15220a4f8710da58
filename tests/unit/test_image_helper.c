/* The real lodge-image, in its cell: what it accepts, refuses, unpacks and takes in. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "base/crypto.h"
#include "base/fs.h"
#include "base/proc.h"
#include "helpers/image_client.h"
#include "tests/unit/archive_util.h"

#define ID_BASE 1000000

struct fixture {
    char dir[64];
    int fd; /* an empty file in it */
};

static const char *helper_dir(void)
{
    const char *given = getenv("LODGE_HELPERS");
    return given ? given : "build/bin";
}

static struct image_job job(void)
{
    return (struct image_job){.helper_dir = helper_dir()};
}

static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture, 1);
    strcpy(f->dir, "/var/tmp/lodge-image-test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    _cleanup_free_ char *path = mem_printf("%s/file", f->dir);
    f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    *state = f;
    return 0;
}

/* As on hosts with systemd: all mounts are shared, and what is made of them is so, too, until somebody says
 * otherwise. */
static int share_mounts(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return 0;
    return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
           mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->fd);
    _cleanup_close_ int parent = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fs_remove_tree(parent, strrchr(f->dir, '/') + 1, NULL);
    free(f);
    return 0;
}

#define NEEDS_ROOT()                                                                                         \
    do {                                                                                                     \
        if (geteuid() != 0)                                                                                  \
            skip();                                                                                          \
    } while (0)

static void fill(struct fixture *f, const void *data, size_t n)
{
    assert_int_equal(ftruncate(f->fd, 0), 0);
    assert_int_equal(pwrite(f->fd, data, n, 0), (ssize_t)n);
}

static void refused(struct fixture *f, const char *format, const char *why)
{
    struct image_info info;
    struct err e = {0};
    struct image_job j = job();
    int r = image_probe(&j, f->fd, format, &info, &e);
    if (r == 0 || e.code != ERR_INVALID || !strstr(e.detail, why))
        fail_msg("%s: %s \"%s\" does not say \"%s\"", format, err_code_name(e.code), e.detail, why);
}

static void files_that_are_something_else_are_refused(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    fill(f, "", 0);
    refused(f, "raw", "empty");
    refused(f, "qcow2", "not a qcow2");
    refused(f, "tar", "");
    fill(f, "KDMV and more", 13);
    refused(f, "raw", "VMDK");
    refused(f, "qcow2", "VMDK");
    refused(f, "tar", "");
    fill(f, "#!/bin/sh\nexit 0\n", 17);
    refused(f, "qcow2", "not a qcow2");
}

static void make_qcow2(struct fixture *f, const char *backing)
{
    _cleanup_free_ char *path = mem_printf("%s/file", f->dir);
    const char *plain[] = {"qemu-img", "create", "-q", "-f", "qcow2", path, "64M", NULL};
    const char *backed[] = {
        "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", backing, path, "64M", NULL};
    struct proc_spec spec = {.argv = backing ? backed : plain};
    assert_int_equal(proc_check(&spec, 10000, NULL), 0);
    close(f->fd);
    f->fd = open(path, O_RDWR | O_CLOEXEC);
}

static void a_qcow2_is_accepted_unless_it_leads_elsewhere(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    struct image_info info;
    struct err e = {0};
    struct image_job j = job();
    make_qcow2(f, NULL);
    if (image_probe(&j, f->fd, "qcow2", &info, &e) < 0)
        fail_msg("%s", e.detail);
    assert_int_equal(info.virtual_bytes, 64 << 20);
    assert_int_equal(strlen(info.sha256), SHA256_HEX_LEN);
    make_qcow2(f, "/etc/shadow");
    refused(f, "qcow2", "backing file");
}

static void a_qcow2_whose_tables_are_broken_is_refused(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    make_qcow2(f, NULL);
    /* The first entry of the first-level table points at the header: qemu-img check finds it. */
    static const unsigned char bad[8] = {0x80, 0, 0, 0, 0, 1, 0, 0};
    assert_int_equal(pwrite(f->fd, bad, sizeof(bad), 0x30000), 8);
    refused(f, "qcow2", "");
}

static const struct archive_row honest[] = {
    {AE_IFDIR, "./", NULL, 0, 0, 0755},
    {AE_IFDIR, "./sbin", NULL, 0, 0, 0},
    {AE_IFREG, "./sbin/init", NULL, 10, 0, 0755},
    {AE_IFREG, "./sbin/su", NULL, 5, 0, 04755},
    {AE_IFLNK, "./init", "sbin/init", 0, 0, 0},
    {0, "./sbin/halt", "./sbin/init", 0, 0, 0},
    {AE_IFREG, "./home", NULL, 7, 1000, 0600},
};

static void pack(struct fixture *f, const struct archive_row *rows, size_t n, int compressed)
{
    assert_int_equal(ftruncate(f->fd, 0), 0);
    lseek(f->fd, 0, SEEK_SET);
    archive_write_rows(f->fd, rows, n, compressed);
}

static void an_honest_archive_is_accepted_compressed_or_not(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    for (int compressed = 0; compressed < 2; compressed++) {
        struct image_info info;
        struct err e = {0};
        struct image_job j = job();
        pack(f, honest, ARRAY_SIZE(honest), compressed);
        if (image_probe(&j, f->fd, "tar", &info, &e) < 0)
            fail_msg("%s", e.detail);
        assert_int_equal(info.entries, ARRAY_SIZE(honest));
        assert_int_equal(info.virtual_bytes, 22);
        assert_string_equal(info.init, "/sbin/init");
    }
}

static const struct {
    const char *why;
    struct archive_row rows[2];
} hostile[] = {
    {"absolute", {{AE_IFREG, "/tmp/lodge-escape", NULL, 3, 0, 0}}},
    {"climbs out", {{AE_IFREG, "../lodge-escape", NULL, 3, 0, 0}}},
    {"climbs out", {{AE_IFREG, "a/../../lodge-escape", NULL, 3, 0, 0}}},
    {"points out", {{AE_IFLNK, "out", "../../../../tmp", 0, 0, 0}}},
    {"through a symbolic link",
        {{AE_IFLNK, "out", "/tmp", 0, 0, 0}, {AE_IFREG, "out/lodge-escape", NULL, 3, 0, 0}}},
    {"hard link to outside", {{0, "shadow", "/etc/shadow", 0, 0, 0}}},
    {"hard link to outside", {{0, "shadow", "../../etc/shadow", 0, 0, 0}}},
    {"device", {{AE_IFCHR, "dev/mem", NULL, 0, 0, 0}}},
    {"device", {{AE_IFBLK, "dev/sda", NULL, 0, 0, 0}}},
    {"user or group", {{AE_IFREG, "far", NULL, 3, 70000, 0}}},
};

static void hostile_archives_are_refused_and_nothing_escapes(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
        struct archive_row rows[ARRAY_SIZE(honest) + 2];
        memcpy(rows, honest, sizeof(honest));
        size_t extra = hostile[i].rows[1].path ? 2 : 1;
        memcpy(rows + ARRAY_SIZE(honest), hostile[i].rows, extra * sizeof(rows[0]));
        pack(f, rows, ARRAY_SIZE(honest) + extra, 0);
        refused(f, "tar", hostile[i].why);
    }
    assert_int_equal(access("/tmp/lodge-escape", F_OK), -1);
}

static void an_archive_that_is_no_root_or_cut_off_is_refused(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    static const struct archive_row no_root[] = {{AE_IFREG, "rootfs/sbin/init", NULL, 3, 0, 0}};
    pack(f, no_root, 1, 0);
    refused(f, "tar", "not a root file system");
    static const struct archive_row large[] = {{AE_IFREG, "sbin/init", NULL, 100000, 0, 0}};
    pack(f, large, 1, 1);
    struct stat st;
    assert_int_equal(fstat(f->fd, &st), 0);
    assert_int_equal(ftruncate(f->fd, st.st_size / 2), 0);
    refused(f, "tar", "");
}

/* Mounts a small file system of its own at f->dir/root and opens it; -1 where that cannot be. */
static int mount_root(struct fixture *f)
{
    _cleanup_free_ char *image = mem_printf("%s/ext4", f->dir), *root = mem_printf("%s/root", f->dir);
    int fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 16 << 20), 0);
    close(fd);
    const char *mkfs[] = {"mkfs.ext4", "-q", "-F", image, NULL};
    const char *mnt[] = {"mount", "-o", "loop", image, root, NULL};
    struct proc_spec specs[] = {{.argv = mkfs, .quiet = true}, {.argv = mnt, .quiet = true}};
    assert_int_equal(mkdir(root, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
        if (proc_check(&specs[i], 20000, NULL) < 0)
            return -1;
    return open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void unpacking_stores_owners_and_modes_as_the_archive_has_them(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    int root = mount_root(f);
    if (root < 0)
        skip();
    struct err e = {0};
    struct image_job j = job();
    struct stat st;
    pack(f, honest, ARRAY_SIZE(honest), 1);
    int r = image_unpack(&j, f->fd, root, ID_BASE, 65536, &e);
    bool good = r == 0 && fstatat(root, "sbin/su", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                st.st_mode == (S_IFREG | 04755) && st.st_uid == 0 && fstatat(root, "home", &st, 0) == 0 &&
                st.st_uid == 1000 && st.st_size == 7 && fstatat(root, "sbin/halt", &st, 0) == 0 &&
                st.st_nlink == 2 && fstatat(root, "lost+found", &st, 0) < 0;
    static const struct archive_row too_large[] = {{AE_IFREG, "sbin/init", NULL, 20 << 20, 0, 0}};
    pack(f, too_large, 1, 0);
    struct err full = {0};
    int full_r = image_unpack(&j, f->fd, root, ID_BASE, 65536, &full);
    close(root);
    _cleanup_free_ char *path = mem_printf("%s/root", f->dir);
    umount2(path, MNT_DETACH);
    if (!good)
        fail_msg("%s", r < 0 ? e.detail : "what was unpacked is not what was packed");
    assert_int_equal(full_r, -1);
    assert_int_equal(full.code, ERR_NO_SPACE);
}

static void a_stream_is_taken_in_with_its_hash_and_its_limit(void **state)
{
    NEEDS_ROOT();
    struct fixture *f = *state;
    struct image_job j = job();
    struct err e = {0};
    uint64_t bytes = 0;
    char sha256[SHA256_HEX_LEN + 1], wanted[SHA256_HEX_LEN + 1];
    _cleanup_free_ char *data = mem_zero(1, 300000);
    memset(data + 200000, 'y', 5);
    _cleanup_close_ int source = memfd_create("source", MFD_CLOEXEC);
    assert_int_equal(write(source, data, 300000), 300000);
    lseek(source, 0, SEEK_SET);
    if (image_import(&j, source, f->fd, 300000, &bytes, sha256, &e) < 0)
        fail_msg("%s", e.detail);
    sha256_hex(data, 300000, wanted);
    assert_int_equal(bytes, 300000);
    assert_string_equal(sha256, wanted);
    struct stat st;
    assert_int_equal(fstat(f->fd, &st), 0);
    assert_int_equal(st.st_size, 300000);
    assert_true(st.st_blocks * 512 < 200000); /* zeros became holes */
    lseek(source, 0, SEEK_SET);
    assert_int_equal(image_import(&j, source, f->fd, 299999, &bytes, sha256, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
}

static void a_helper_that_is_missing_is_no_missing_image(void **state)
{
    struct fixture *f = *state;
    struct image_job j = {.helper_dir = "/nonexistent"};
    struct image_info info;
    struct err e = {0};
    assert_int_equal(image_probe(&j, f->fd, "raw", &info, &e), -1);
    assert_int_equal(e.code, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_that_are_something_else_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_qcow2_is_accepted_unless_it_leads_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(a_qcow2_whose_tables_are_broken_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_honest_archive_is_accepted_compressed_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_archives_are_refused_and_nothing_escapes, setup, teardown),
        cmocka_unit_test_setup_teardown(an_archive_that_is_no_root_or_cut_off_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            unpacking_stores_owners_and_modes_as_the_archive_has_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_is_taken_in_with_its_hash_and_its_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_helper_that_is_missing_is_no_missing_image, setup, teardown),
    };
    return cmocka_run_group_tests(tests, share_mounts, NULL);
}
