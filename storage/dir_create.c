/* Making a volume: under a temporary name, given its own when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/proc.h"
#include "helpers/image_client.h"
#include "storage/dir.h"
#include "storage/loop_mount.h"

#define PROGRAM_TIMEOUT_MS (10 * 60 * 1000)

struct making {
    struct dir_pool *pool;
    const struct volume_request *request;
    enum dir_file kind;
    uint64_t size_bytes;
    char name[DIR_NAME_MAX], temporary[DIR_NAME_MAX + 8];
    int fd;
};

static const char *image_format_name(unsigned format)
{
    static const char *const names[] = {[IMAGE_RAW] = "raw", [IMAGE_QCOW2] = "qcow2", [IMAGE_TAR] = "tar"};
    return names[format];
}

/* The volume is as large as the image at least. A disk ends with a whole sector, ext4 with a whole block. */
static int decide_size(struct making *making, struct err *e)
{
    const struct volume_request *request = making->request;
    uint64_t unit = making->kind == DIR_ROOT ? 4096 : 512, image_size = 0, allocated;
    if (request->image_fd >= 0 && request->image_format != IMAGE_TAR &&
        dir_file_sizes(request->image_fd, request->image_format == IMAGE_QCOW2 ? DIR_QCOW2 : DIR_RAW,
            &image_size, &allocated, e) < 0)
        return -1;
    making->size_bytes = (MAX_OF(request->size_bytes, image_size) + unit - 1) / unit * unit;
    return making->size_bytes ? 0 : err_set(e, ERR_INVALID, "a volume needs a size");
}

static int run_on_file(const struct making *making, const char *const *argv, struct err *e)
{
    struct proc_fd fds[] = {{making->fd, 3}};
    struct proc_spec spec = {.argv = argv, .fds = fds, .n_fds = 1};
    return proc_check(&spec, PROGRAM_TIMEOUT_MS, e);
}

static int make_qcow2(const struct making *making, struct err *e)
{
    _cleanup_free_ char *size = mem_printf("%llu", (unsigned long long)making->size_bytes);
    const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", "/proc/self/fd/3", size, NULL};
    return run_on_file(making, argv, e);
}

static int make_sparse(const struct making *making, struct err *e)
{
    return ftruncate(making->fd, (off_t)making->size_bytes) < 0 ? err_errno(e, errno, "cannot set the size")
                                                                : 0;
}

static bool pass_progress(void *arg, unsigned percent)
{
    const struct volume_request *request = arg;
    return !request->progress || request->progress(request->progress_arg, percent);
}

static struct image_job job_of(const struct making *making)
{
    /* The request is only handed through to its own progress function. */
    return (struct image_job){.helper_dir = making->pool->helper_dir,
        .progress = pass_progress,
        .progress_arg = (void *)(uintptr_t)making->request};
}

static int fill_disk(const struct making *making, struct err *e)
{
    const struct volume_request *request = making->request;
    struct image_job job = job_of(making);
    return image_convert(&job, request->image_fd, image_format_name(request->image_format), making->fd,
        volume_format_name(request->format), e);
}

static int make_root(const struct making *making, struct err *e)
{
    /* Nothing is reserved for root: the container's root is not the host's. What can be done later is. */
    const char *argv[] = {"mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-E",
        "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0", "/proc/self/fd/3", NULL};
    return make_sparse(making, e) < 0 ? -1 : run_on_file(making, argv, e);
}

static int unpack_at(const struct making *making, const char *path, struct err *e)
{
    _cleanup_close_ int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_errno(e, errno, "cannot open %s", path);
    struct image_job job = job_of(making);
    return image_unpack(
        &job, making->request->image_fd, root, making->pool->id_base, making->pool->id_count, e);
}

static int fill_root(const struct making *making, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/%s", making->pool->mounts, making->temporary);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(e, errno, "cannot make %s", path);
    int r = loop_mount(making->fd, path, false, e);
    if (r == 0) {
        r = unpack_at(making, path, e);
        if (loop_unmount(path, r < 0 ? NULL : e) < 0)
            r = -1;
    }
    rmdir(path);
    return r;
}

static int make(const struct making *making, struct err *e)
{
    static int (*const makers[])(const struct making *, struct err *) = {
        [DIR_QCOW2] = make_qcow2, [DIR_RAW] = make_sparse, [DIR_ROOT] = make_root};
    if (makers[making->kind](making, e) < 0)
        return -1;
    if (making->request->image_fd >= 0 && (making->kind == DIR_ROOT ? fill_root : fill_disk)(making, e) < 0)
        return -1;
    return fsync(making->fd) < 0 ? err_errno(e, errno, "cannot write the volume") : 0;
}

/* A full disk shows in many ways (ENOSPC, an I/O error beneath a loop device, qemu-img's words): what is
 * left on it decides. */
static int explain_full(const struct making *making, struct err *e)
{
    struct statvfs st;
    if (fstatvfs(making->pool->volumes, &st) < 0)
        return -1;
    uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;
    if (left > (UINT64_C(4) << 20) && !(e && strstr(e->detail, "No space left")))
        return -1;
    char size[TEXT_SIZE_MAX], free_text[TEXT_SIZE_MAX];
    err_set(e, ERR_NO_SPACE, "pool %s is full: %s are free, which does not suffice for a volume of %s",
        making->pool->name, text_size_str(left, free_text), text_size_str(making->size_bytes, size));
    return err_hint(e, "delete volumes, empty the pool's trash, or use another pool");
}

static int publish(const struct making *making, struct err *e)
{
    int dir = making->pool->volumes;
    if (renameat(dir, making->temporary, dir, making->name) < 0 || fsync(dir) < 0)
        return err_errno(e, errno, "cannot give the volume its name");
    return 0;
}

int dir_volume_create(void *pool, const struct volume_request *request, struct err *e)
{
    struct making making = {.pool = pool, .request = request, .fd = -1};
    making.kind = request->content == VOLUME_ROOTFS ? DIR_ROOT
                  : request->format == VOLUME_QCOW2 ? DIR_QCOW2
                                                    : DIR_RAW;
    if (!uuid_valid(request->uuid))
        return err_set(e, ERR_INVALID, "%.40s is no uuid", request->uuid);
    if (request->image_fd >= 0 && (request->image_format == IMAGE_TAR) != (making.kind == DIR_ROOT))
        return err_set(e, ERR_UNSUPPORTED, "a %s cannot be made from a %s image",
            making.kind == DIR_ROOT ? "root file system" : "disk", image_format_name(request->image_format));
    dir_file_name(making.kind, request->uuid, making.name);
    snprintf(making.temporary, sizeof(making.temporary), DIR_TEMPORARY "%s", making.name);
    enum dir_file present;
    _cleanup_close_ int existing = -1;
    if (dir_file_open(making.pool, request->uuid, O_RDONLY, &present, &existing, NULL) == 0)
        return present == making.kind
                   ? 0
                   : err_set(e, ERR_EXISTS, "volume %s exists already in another format", request->uuid);
    if (decide_size(&making, e) < 0)
        return -1;
    unlinkat(making.pool->volumes, making.temporary, 0);
    if (fs_open_beneath(
            making.pool->volumes, making.temporary, O_RDWR | O_CREAT | O_EXCL, 0600, &making.fd, e) < 0)
        return explain_full(&making, e);
    int r = make(&making, e);
    if (r == 0)
        r = publish(&making, e);
    if (r < 0) {
        explain_full(&making, e);
        unlinkat(making.pool->volumes, making.temporary, 0);
    }
    close(making.fd);
    return r;
}
