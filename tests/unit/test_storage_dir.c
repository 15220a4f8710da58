/* Pools of kind dir, on real files. What mounts or needs lodge-image is skipped without root. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/fs.h"
#include "storage/dir.h"
#include "tests/unit/archive_util.h"

#define A   "aaaaaaaa-0000-4000-8000-000000000001"
#define B   "aaaaaaaa-0000-4000-8000-000000000002"
#define MIB (UINT64_C(1) << 20)

struct fixture {
    char dir[64];
    void *pool;
};

static int open_pool(struct fixture *f, void **ret, struct err *e)
{
    const char *helpers = getenv("LODGE_HELPERS");
    struct pool_config config = {.uuid = A,
        .name = "local",
        .state_dir = f->dir,
        .id_base = 1000000,
        .id_count = 65536,
        .helper_dir = helpers ? helpers : "build/bin"};
    return storage_dir.open(&config, ret, e);
}

static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture, 1);
    strcpy(f->dir, "/var/tmp/lodge-dir-test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(open_pool(f, &f->pool, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    storage_dir.close(f->pool);
    _cleanup_close_ int parent = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fs_remove_tree(parent, strrchr(f->dir, '/') + 1, NULL);
    free(f);
    return 0;
}

static struct volume_request disk(const char *uuid, enum volume_format format)
{
    return (struct volume_request){
        .uuid = uuid, .content = VOLUME_DISK, .format = format, .size_bytes = 8 * MIB, .image_fd = -1};
}

static void must_create(struct fixture *f, const struct volume_request *request)
{
    struct err e = {0};
    if (storage_dir.volume_create(f->pool, request, &e) < 0)
        fail_msg("%s", e.detail);
}

static size_t count(struct fixture *f)
{
    struct volume_stat *list = NULL;
    size_t n = 0;
    assert_int_equal(storage_dir.volume_list(f->pool, &list, &n, NULL), 0);
    free(list);
    return n;
}

/* Files of any kind in the pool. */
static size_t files(struct fixture *f)
{
    _cleanup_free_ char *command = mem_printf("ls -A %s/pools/local/volumes | wc -l", f->dir);
    FILE *pipe = popen(command, "re");
    size_t n = 99;
    assert_int_equal(fscanf(pipe, "%zu", &n), 1);
    pclose(pipe);
    return n;
}

static void a_disk_is_created_grown_listed_and_deleted(void **state)
{
    struct fixture *f = *state;
    static const enum volume_format formats[] = {VOLUME_RAW, VOLUME_QCOW2};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct volume_request request = disk(A, formats[i]);
        struct volume_stat st;
        struct attachment at;
        must_create(f, &request);
        must_create(f, &request); /* again is no error */
        assert_int_equal(storage_dir.volume_stat(f->pool, A, &st, NULL), 0);
        assert_int_equal(st.size_bytes, 8 * MIB);
        assert_true(st.allocated_bytes < MIB);
        assert_int_equal(storage_dir.attach(f->pool, A, false, &at, NULL), 0);
        assert_int_equal(at.format, formats[i]);
        assert_int_equal(access(at.path, R_OK), 0);
        assert_int_equal(storage_dir.detach(f->pool, A, NULL), 0);
        assert_int_equal(storage_dir.volume_resize(f->pool, A, 16 * MIB, NULL), 0);
        assert_int_equal(storage_dir.volume_stat(f->pool, A, &st, NULL), 0);
        assert_int_equal(st.size_bytes, 16 * MIB);
        assert_int_equal(count(f), 1);
        assert_int_equal(storage_dir.volume_delete(f->pool, A, NULL), 0);
        assert_int_equal(storage_dir.volume_delete(f->pool, A, NULL), 0);
        assert_int_equal(files(f), 0);
    }
}

static void a_disk_never_shrinks(void **state)
{
    struct fixture *f = *state;
    struct volume_request request = disk(A, VOLUME_RAW);
    struct err e = {0};
    must_create(f, &request);
    assert_int_equal(storage_dir.volume_resize(f->pool, A, 4 * MIB, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
}

static void the_same_uuid_in_another_format_is_refused(void **state)
{
    struct fixture *f = *state;
    struct volume_request raw = disk(A, VOLUME_RAW), qcow2 = disk(A, VOLUME_QCOW2);
    struct err e = {0};
    must_create(f, &raw);
    assert_int_equal(storage_dir.volume_create(f->pool, &qcow2, &e), -1);
    assert_int_equal(e.code, ERR_EXISTS);
}

static void names_that_are_no_uuid_reach_no_file(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"", "../../etc/passwd", "x",
        "aaaaaaaa-0000-4000-8000-000000000001/..", "AAAAAAAA-0000-4000-8000-000000000001"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct volume_request request = disk(names[i], VOLUME_RAW);
        struct volume_stat st;
        struct attachment at;
        assert_int_equal(storage_dir.volume_create(f->pool, &request, NULL), -1);
        assert_int_equal(storage_dir.volume_stat(f->pool, names[i], &st, NULL), -1);
        assert_int_equal(storage_dir.attach(f->pool, names[i], false, &at, NULL), -1);
        assert_int_equal(storage_dir.detach(f->pool, names[i], NULL), -1);
        assert_int_equal(storage_dir.volume_delete(f->pool, names[i], NULL), -1);
    }
    assert_int_equal(files(f), 0);
}

static void a_link_in_the_pool_is_not_followed(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *path = mem_printf("%s/pools/local/volumes/" A ".raw", f->dir);
    struct volume_stat st;
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(storage_dir.volume_stat(f->pool, A, &st, NULL), -1);
}

static void what_a_crash_left_half_made_is_swept_at_open(void **state)
{
    struct fixture *f = *state;
    struct volume_request request = disk(A, VOLUME_RAW);
    must_create(f, &request);
    _cleanup_free_ char *half = mem_printf("%s/pools/local/volumes/" DIR_TEMPORARY B ".raw", f->dir);
    close(open(half, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(count(f), 1); /* it was no volume before either */
    storage_dir.close(f->pool);
    assert_int_equal(open_pool(f, &f->pool, NULL), 0);
    assert_int_equal(files(f), 1);
}

static void a_directory_that_another_lodge_uses_is_refused(void **state)
{
    struct fixture *f = *state;
    void *second = NULL;
    struct err e = {0};
    assert_int_equal(open_pool(f, &second, &e), -1);
    assert_int_equal(e.code, ERR_IN_USE);
    assert_null(second);
}

static void a_pool_says_what_is_free(void **state)
{
    struct fixture *f = *state;
    struct pool_stat st;
    assert_int_equal(storage_dir.stat(f->pool, &st, NULL), 0);
    assert_true(st.size_bytes > 0 && st.free_bytes <= st.size_bytes && st.used_bytes <= st.size_bytes);
}

static bool refuse_progress(void *arg, unsigned percent)
{
    (void)arg;
    (void)percent;
    return false;
}

static void a_cancelled_or_failed_creation_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    _cleanup_free_ char *path = mem_printf("%s/image", f->dir);
    _cleanup_close_ int image = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    _cleanup_free_ char *block = mem_alloc(MIB);
    memset(block, 'x', MIB);
    for (int i = 0; i < 32; i++)
        assert_int_equal(write(image, block, MIB), MIB);
    struct err e = {0};
    struct volume_request request = disk(A, VOLUME_QCOW2);
    request.image_fd = image;
    request.image_format = IMAGE_RAW;
    request.progress = refuse_progress;
    assert_int_equal(storage_dir.volume_create(f->pool, &request, &e), -1);
    assert_int_equal(e.code, ERR_CANCELLED);
    assert_int_equal(files(f), 0);
    request.progress = NULL;
    request.image_format = IMAGE_QCOW2; /* which it is not */
    assert_int_equal(storage_dir.volume_create(f->pool, &request, &e), -1);
    assert_int_equal(files(f), 0);
    request.image_format = IMAGE_RAW;
    must_create(f, &request);
    struct volume_stat st;
    assert_int_equal(storage_dir.volume_stat(f->pool, A, &st, NULL), 0);
    assert_int_equal(st.size_bytes, 32 * MIB); /* grown to the image's */
}

static void a_root_file_system_is_unpacked_attached_and_grown(void **state)
{
    struct fixture *f = *state;
    static const struct archive_row rows[] = {{AE_IFDIR, "./", NULL, 0, 0, 0},
        {AE_IFDIR, "./sbin", NULL, 0, 0, 0}, {AE_IFREG, "./sbin/init", NULL, 4, 0, 0755}};
    if (geteuid() != 0 || access("/dev/loop-control", R_OK) < 0)
        skip();
    _cleanup_free_ char *path = mem_printf("%s/image", f->dir);
    _cleanup_close_ int image = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    archive_write_rows(image, rows, ARRAY_SIZE(rows), 1);
    struct volume_request request = {.uuid = A,
        .content = VOLUME_ROOTFS,
        .size_bytes = 16 * MIB,
        .image_fd = image,
        .image_format = IMAGE_TAR};
    struct attachment at;
    struct stat st;
    must_create(f, &request);
    assert_int_equal(storage_dir.attach(f->pool, A, false, &at, NULL), 0);
    assert_int_equal(storage_dir.attach(f->pool, A, false, &at, NULL), 0);
    _cleanup_free_ char *init = mem_printf("%s/sbin/init", at.path);
    bool there = stat(init, &st) == 0 && st.st_mode == (S_IFREG | 0755) && st.st_uid == 0;
    assert_int_equal(storage_dir.detach(f->pool, A, NULL), 0);
    assert_int_equal(storage_dir.detach(f->pool, A, NULL), 0);
    assert_true(there);
    assert_int_equal(stat(init, &st), -1);
    assert_int_equal(storage_dir.volume_resize(f->pool, A, 32 * MIB, NULL), 0);
    assert_int_equal(storage_dir.volume_delete(f->pool, A, NULL), 0);
    assert_int_equal(files(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_disk_is_created_grown_listed_and_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_never_shrinks, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_uuid_in_another_format_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_no_uuid_reach_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_in_the_pool_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_half_made_is_swept_at_open, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_another_lodge_uses_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pool_says_what_is_free, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_or_failed_creation_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_root_file_system_is_unpacked_attached_and_grown, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
