#include "storage/storage_fake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"

#define SIZE_BYTES (UINT64_C(1) << 42)
#define FREE_BYTES (SIZE_BYTES / 2)

static struct fake_call calls[] = {{.name = "open"}, {.name = "stat"}, {.name = "volume_create"},
    {.name = "volume_delete"}, {.name = "volume_resize"}, {.name = "volume_stat"}, {.name = "volume_list"},
    {.name = "attach"}, {.name = "detach"}};
struct fake_plan storage_fake_plan = FAKE_PLAN_INIT("storage", calls);

struct pool {
    char *name;
    char *path;
    int dir;
};

static void fake_close(void *arg)
{
    struct pool *pool = arg;
    close_p(&pool->dir);
    free(pool->name);
    free(pool->path);
    free(pool);
}

static int fake_open(const struct pool_config *config, void **ret_pool, struct err *e)
{
    if (fake_plan_enter(&storage_fake_plan, "open", e) < 0)
        return -1;
    struct pool *pool = mem_new(struct pool, 1);
    pool->name = mem_strdup(config->name);
    pool->path = mem_printf("%s/fake/%s", config->state_dir, config->uuid);
    if (fs_open_dir(pool->path, 0755, &pool->dir, e) < 0) {
        pool->dir = -1;
        fake_close(pool);
        return -1;
    }
    *ret_pool = pool;
    return 0;
}

static int fake_stat(void *arg, struct pool_stat *ret, struct err *e)
{
    (void)arg;
    if (fake_plan_enter(&storage_fake_plan, "stat", e) < 0)
        return -1;
    *ret = (struct pool_stat){SIZE_BYTES, SIZE_BYTES - FREE_BYTES, FREE_BYTES};
    return 0;
}

static int report_progress(const struct volume_request *request, struct err *e)
{
    for (unsigned percent = 0; request->progress && percent <= 100; percent += 25)
        if (!request->progress(request->progress_arg, percent))
            return err_set(e, ERR_CANCELLED, "creating the volume was cancelled");
    return 0;
}

static int fake_volume_create(void *arg, const struct volume_request *request, struct err *e)
{
    struct pool *pool = arg;
    if (fake_plan_enter(&storage_fake_plan, "volume_create", e) < 0 || report_progress(request, e) < 0)
        return -1;
    if (request->size_bytes > FREE_BYTES) {
        char size[TEXT_SIZE_MAX], left[TEXT_SIZE_MAX];
        return err_set(e, ERR_NO_SPACE, "pool %s has %s free; the volume needs %s", pool->name,
            text_size_str(FREE_BYTES, left), text_size_str(request->size_bytes, size));
    }
    _cleanup_close_ int fd = openat(pool->dir, request->uuid, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)request->size_bytes) < 0)
        return err_errno(e, errno, "cannot create volume %s", request->uuid);
    return 0;
}

static int fake_volume_delete(void *arg, const char *uuid, struct err *e)
{
    struct pool *pool = arg;
    if (fake_plan_enter(&storage_fake_plan, "volume_delete", e) < 0)
        return -1;
    return unlinkat(pool->dir, uuid, 0) < 0 && errno != ENOENT
               ? err_errno(e, errno, "cannot delete volume %s", uuid)
               : 0;
}

static int fake_volume_resize(void *arg, const char *uuid, uint64_t size_bytes, struct err *e)
{
    struct pool *pool = arg;
    if (fake_plan_enter(&storage_fake_plan, "volume_resize", e) < 0)
        return -1;
    _cleanup_close_ int fd = openat(pool->dir, uuid, O_RDWR | O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
        return err_errno(e, errno, "cannot resize volume %s", uuid);
    return 0;
}

static int stat_one(struct pool *pool, const char *uuid, struct volume_stat *ret)
{
    struct stat st;
    if (fstatat(pool->dir, uuid, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    *ret =
        (struct volume_stat){.size_bytes = (uint64_t)st.st_size, .allocated_bytes = (uint64_t)st.st_size / 4};
    memcpy(ret->uuid, uuid, UUID_LEN + 1);
    return 0;
}

static int fake_volume_stat(void *arg, const char *uuid, struct volume_stat *ret, struct err *e)
{
    if (fake_plan_enter(&storage_fake_plan, "volume_stat", e) < 0)
        return -1;
    return stat_one(arg, uuid, ret) < 0 ? err_errno(e, errno, "cannot find volume %s", uuid) : 0;
}

static int fake_volume_list(void *arg, struct volume_stat **ret, size_t *ret_n, struct err *e)
{
    struct pool *pool = arg;
    if (fake_plan_enter(&storage_fake_plan, "volume_list", e) < 0)
        return -1;
    DIR *dir = opendir(pool->path);
    if (!dir)
        return err_errno(e, errno, "cannot list pool %s", pool->name);
    struct volume_stat *list = NULL;
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!uuid_valid(entry->d_name))
            continue;
        if ((n & (n - 1)) == 0)
            list = mem_resize(list, n ? 2 * n : 1, sizeof(*list));
        if (stat_one(pool, entry->d_name, &list[n]) == 0)
            n++;
    }
    closedir(dir);
    *ret = list;
    *ret_n = n;
    return 0;
}

static int fake_attach(void *arg, const char *uuid, bool read_only, struct attachment *ret, struct err *e)
{
    (void)read_only;
    struct pool *pool = arg;
    struct volume_stat st;
    if (fake_plan_enter(&storage_fake_plan, "attach", e) < 0)
        return -1;
    if (stat_one(pool, uuid, &st) < 0)
        return err_errno(e, errno, "cannot attach volume %s", uuid);
    *ret = (struct attachment){.format = VOLUME_RAW};
    snprintf(ret->path, sizeof(ret->path), "%s/%s", pool->path, uuid);
    return 0;
}

static int fake_detach(void *arg, const char *uuid, struct err *e)
{
    (void)arg;
    (void)uuid;
    return fake_plan_enter(&storage_fake_plan, "detach", e);
}

const struct storage_ops storage_fake = {
    .kind = "dir",
    .help = "no storage at all: for tests",
    .open = fake_open,
    .close = fake_close,
    .stat = fake_stat,
    .volume_create = fake_volume_create,
    .volume_delete = fake_volume_delete,
    .volume_resize = fake_volume_resize,
    .volume_stat = fake_volume_stat,
    .volume_list = fake_volume_list,
    .attach = fake_attach,
    .detach = fake_detach,
};
