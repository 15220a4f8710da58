/* Pools of kind dir: a directory on a mounted file system. Disks are qcow2 or raw files; a container's root
 * is a sparse file with an ext4 in it, mounted while it is attached. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/proc.h"
#include "storage/dir.h"
#include "storage/loop_mount.h"

#define PROGRAM_TIMEOUT_MS (10 * 60 * 1000)

static void pool_close(void *arg)
{
    struct dir_pool *pool = arg;
    close_p(&pool->volumes);
    free(pool->name);
    free(pool->path);
    free(pool->mounts);
    free(pool->helper_dir);
    free(pool);
}

static DIR *open_list(const struct dir_pool *pool)
{
    int copy = openat(pool->volumes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir)
        close_p(&copy);
    return dir;
}

/* What was being made when the daemon died is half a volume. */
static void sweep(struct dir_pool *pool)
{
    DIR *dir = open_list(pool);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!text_starts(entry->d_name, DIR_TEMPORARY))
            continue;
        _cleanup_free_ char *mount = dir_mount_path(pool, entry->d_name);
        loop_unmount(mount, NULL);
        rmdir(mount);
        unlinkat(pool->volumes, entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

static int prepare(struct dir_pool *pool, struct err *e)
{
    if (pool->path[0] != '/')
        return err_set(e, ERR_INVALID, "the path %s is not absolute", pool->path);
    _cleanup_free_ char *volumes = mem_printf("%s/volumes", pool->path);
    /* QEMU may run as another user: it has to pass, not to look around. */
    if (fs_open_dir(volumes, 0711, &pool->volumes, e) < 0)
        return -1;
    /* Nobody but root may reach these: set-uid programs of containers have root as their owner here. */
    if (fs_mkdir_all(pool->mounts, 0700, e) < 0)
        return -1;
    if (chmod(pool->mounts, 0700) < 0)
        return err_errno(e, errno, "cannot protect %s", pool->mounts);
    if (flock(pool->volumes, LOCK_EX | LOCK_NB) < 0) {
        err_set(e, ERR_IN_USE, "%s is used by another pool or another Lodge", pool->path);
        return err_hint(e, "give each pool a directory of its own");
    }
    sweep(pool);
    return 0;
}

static int pool_open(const struct pool_config *config, void **ret_pool, struct err *e)
{
    struct dir_pool *pool = mem_new(struct dir_pool, 1);
    const char *path = json_get_str(config->settings, "path", NULL);
    pool->name = mem_strdup(config->name);
    pool->path = path ? mem_strdup(path) : mem_printf("%s/pools/local", config->state_dir);
    pool->mounts = mem_printf("%s/run/rootfs", config->state_dir);
    pool->helper_dir = mem_strdup(config->helper_dir);
    pool->id_base = config->id_base;
    pool->id_count = config->id_count;
    pool->volumes = -1;
    if (prepare(pool, e) < 0) {
        err_prefix(e, "cannot open pool %s", config->name);
        pool_close(pool);
        return -1;
    }
    *ret_pool = pool;
    return 0;
}

static int pool_stat(void *arg, struct pool_stat *ret, struct err *e)
{
    struct dir_pool *pool = arg;
    struct statvfs st;
    if (fstatvfs(pool->volumes, &st) < 0)
        return err_errno(e, errno, "cannot look at pool %s", pool->name);
    *ret = (struct pool_stat){.size_bytes = (uint64_t)st.f_blocks * st.f_frsize,
        .used_bytes = (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize,
        .free_bytes = (uint64_t)st.f_bavail * st.f_frsize};
    return 0;
}

static int volume_detach(void *arg, const char *uuid, struct err *e)
{
    struct dir_pool *pool = arg;
    if (!uuid_valid(uuid))
        return err_set(e, ERR_INVALID, "%.40s is no uuid", uuid);
    _cleanup_free_ char *path = dir_mount_path(pool, uuid);
    if (loop_unmount(path, e) < 0)
        return -1;
    rmdir(path);
    return 0;
}

static int volume_delete(void *arg, const char *uuid, struct err *e)
{
    struct dir_pool *pool = arg;
    if (volume_detach(pool, uuid, e) < 0)
        return err_prefix(e, "cannot delete volume %s", uuid);
    for (int kind = 0; kind < DIR_FILE_KINDS; kind++) {
        char name[DIR_NAME_MAX];
        dir_file_name((enum dir_file)kind, uuid, name);
        if (unlinkat(pool->volumes, name, 0) < 0 && errno != ENOENT)
            return err_errno(e, errno, "cannot delete volume %s", uuid);
    }
    return fsync(pool->volumes) < 0 ? err_errno(e, errno, "cannot delete volume %s", uuid) : 0;
}

static int attach_root(
    struct dir_pool *pool, const char *uuid, int fd, bool read_only, struct attachment *ret, struct err *e)
{
    _cleanup_free_ char *path = dir_mount_path(pool, uuid);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(e, errno, "cannot make %s", path);
    if (loop_mount(fd, path, read_only, e) < 0) {
        rmdir(path);
        return -1;
    }
    ret->format = VOLUME_RAW;
    snprintf(ret->path, sizeof(ret->path), "%s", path);
    return 0;
}

static int volume_attach(void *arg, const char *uuid, bool read_only, struct attachment *ret, struct err *e)
{
    struct dir_pool *pool = arg;
    enum dir_file kind;
    _cleanup_close_ int fd = -1;
    if (dir_file_open(pool, uuid, read_only ? O_RDONLY : O_RDWR, &kind, &fd, e) < 0)
        return -1;
    if (kind == DIR_ROOT)
        return attach_root(pool, uuid, fd, read_only, ret, e) < 0
                   ? err_prefix(e, "cannot attach volume %s", uuid)
                   : 0;
    char name[DIR_NAME_MAX];
    dir_file_name(kind, uuid, name);
    ret->format = kind == DIR_QCOW2 ? VOLUME_QCOW2 : VOLUME_RAW;
    int n = snprintf(ret->path, sizeof(ret->path), "%s/volumes/%s", pool->path, name);
    return n < (int)sizeof(ret->path)
               ? 0
               : err_set(e, ERR_INVALID, "the path of pool %s is too long", pool->name);
}

static int run_on_file(const char *const *argv, int fd, const int *good_codes, struct err *e)
{
    struct proc_fd fds[] = {{fd, 3}};
    struct proc_spec spec = {.argv = argv, .fds = fds, .n_fds = 1};
    struct proc_output o = {0};
    if (proc_run(&spec, NULL, 0, PROGRAM_TIMEOUT_MS, NULL, &o, e) < 0)
        return -1;
    int r = o.code == 0 || (good_codes && o.code == *good_codes)
                ? 0
                : err_set(e, ERR_INTERNAL, "%s failed with code %d: %.300s", argv[0], o.code, o.err);
    proc_output_clear(&o);
    return r;
}

/* Not mounted: e2fsck is what resize2fs insists on (its code 1: something small was put right). */
static int grow_detached(int fd, struct err *e)
{
    static const int corrected = 1;
    const char *check[] = {"e2fsck", "-f", "-p", "/proc/self/fd/3", NULL};
    const char *resize[] = {"resize2fs", "/proc/self/fd/3", NULL};
    return run_on_file(check, fd, &corrected, e) < 0 ? -1 : run_on_file(resize, fd, NULL, e);
}

static int grow_root(struct dir_pool *pool, const char *uuid, int fd, uint64_t size_bytes, struct err *e)
{
    _cleanup_free_ char *path = dir_mount_path(pool, uuid);
    if (ftruncate(fd, (off_t)((size_bytes + 4095) / 4096 * 4096)) < 0)
        return err_errno(e, errno, "cannot grow the file");
    return loop_is_mounted(path) ? loop_grow(fd, path, e) : grow_detached(fd, e);
}

static int grow_qcow2(int fd, uint64_t size_bytes, struct err *e)
{
    _cleanup_free_ char *size = mem_printf("%llu", (unsigned long long)size_bytes);
    const char *argv[] = {"qemu-img", "resize", "-q", "-f", "qcow2", "/proc/self/fd/3", size, NULL};
    return run_on_file(argv, fd, NULL, e);
}

/* A root file system may grow while it is attached; a disk that is would need its guest's help. */
static int volume_resize(void *arg, const char *uuid, uint64_t size_bytes, struct err *e)
{
    struct dir_pool *pool = arg;
    enum dir_file kind;
    uint64_t size, allocated;
    _cleanup_close_ int fd = -1;
    if (dir_file_open(pool, uuid, O_RDWR, &kind, &fd, e) < 0 ||
        dir_file_sizes(fd, kind, &size, &allocated, e) < 0)
        return -1;
    /* A root file system whose growing was cut short has its size already: growing it again is harmless. */
    if (size_bytes < size || (size_bytes == size && kind != DIR_ROOT))
        return size_bytes == size ? 0 : err_set(e, ERR_INVALID, "a volume cannot shrink");
    size_bytes = (size_bytes + 511) / 512 * 512;
    int r = kind == DIR_ROOT                       ? grow_root(pool, uuid, fd, size_bytes, e)
            : kind == DIR_QCOW2                    ? grow_qcow2(fd, size_bytes, e)
            : ftruncate(fd, (off_t)size_bytes) < 0 ? err_errno(e, errno, "cannot grow the file")
                                                   : 0;
    return r < 0 ? err_prefix(e, "cannot resize volume %s", uuid) : 0;
}

static int volume_stat(void *arg, const char *uuid, struct volume_stat *ret, struct err *e)
{
    enum dir_file kind;
    _cleanup_close_ int fd = -1;
    if (dir_file_open(arg, uuid, O_RDONLY, &kind, &fd, e) < 0)
        return -1;
    memcpy(ret->uuid, uuid, UUID_LEN + 1);
    return dir_file_sizes(fd, kind, &ret->size_bytes, &ret->allocated_bytes, e);
}

static int volume_list(void *arg, struct volume_stat **ret, size_t *ret_n, struct err *e)
{
    struct dir_pool *pool = arg;
    DIR *dir = open_list(pool);
    if (!dir)
        return err_errno(e, errno, "cannot list pool %s", pool->name);
    struct volume_stat *list = NULL;
    size_t n = 0, room = 0;
    enum dir_file kind;
    char uuid[UUID_LEN + 1];
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!dir_file_parse(entry->d_name, &kind, uuid))
            continue;
        if (n == room)
            list = mem_resize(list, room = room ? 2 * room : 16, sizeof(*list));
        /* One that is deleted meanwhile is no error. */
        if (volume_stat(pool, uuid, &list[n], NULL) == 0)
            n++;
    }
    closedir(dir);
    *ret = list;
    *ret_n = n;
    return 0;
}

const struct storage_ops storage_dir = {
    .kind = "dir",
    .help = "a directory on this host: qcow2 and raw files, and file systems in files for containers",
    .open = pool_open,
    .close = pool_close,
    .stat = pool_stat,
    .volume_create = dir_volume_create,
    .volume_delete = volume_delete,
    .volume_resize = volume_resize,
    .volume_stat = volume_stat,
    .volume_list = volume_list,
    .attach = volume_attach,
    .detach = volume_detach,
};
