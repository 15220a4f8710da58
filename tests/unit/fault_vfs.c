/* Each file has an image of what the disk holds, and a list of what was written since. See fault_vfs.h. */
#include "tests/unit/fault_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "base/text.h"

#define SECTOR 512

/* A write, or a truncation when data is NULL. */
struct change {
    struct change *next;
    uint64_t offset;
    size_t len;
    uint8_t *data;
};

/* What the disk has of a file. */
struct image {
    struct image *next;
    char *path;
    struct buf synced;
    bool exists; /* its directory entry is on the disk too */
    struct change *unsynced;
    struct change **tail;
};

struct file {
    sqlite3_file base;
    struct image *image; /* NULL for temporary files */
    sqlite3_file *real;  /* behind this struct */
};

static sqlite3_vfs vfs, *unix_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static struct image *images;
static uint64_t syncs, writes, cut_at_sync, cut_at_write;
static bool is_cut, is_full;

/* ---- images ---- */

static void forget_changes(struct image *image)
{
    for (struct change *c = image->unsynced, *next; c; c = next) {
        next = c->next;
        free(c->data);
        free(c);
    }
    image->unsynced = NULL;
    image->tail = &image->unsynced;
}

static void forget_images(void)
{
    for (struct image *image = images, *next; image; image = next) {
        next = image->next;
        forget_changes(image);
        buf_free(&image->synced);
        free(image->path);
        free(image);
    }
    images = NULL;
}

static struct image *image_of(const char *path)
{
    for (struct image *image = images; image; image = image->next)
        if (streq(image->path, path))
            return image;
    struct image *image = mem_new(struct image, 1);
    image->path = mem_strdup(path);
    image->tail = &image->unsynced;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    image->exists = fd >= 0;
    for (char block[65536]; fd >= 0;) {
        ssize_t n = read(fd, block, sizeof(block));
        if (n <= 0)
            break;
        buf_add(&image->synced, block, (size_t)n);
    }
    image->next = images;
    return images = image;
}

static void resize(struct buf *b, size_t len)
{
    if (len > b->len) {
        buf_reserve(b, len - b->len);
        memset(b->data + b->len, 0, len - b->len);
    }
    b->len = len;
}

/* The first `len` bytes of a change reach the disk. */
static void apply(struct image *image, const struct change *c, size_t len)
{
    if (!c->data) {
        resize(&image->synced, c->offset);
        return;
    }
    if (c->offset + len > image->synced.len)
        resize(&image->synced, c->offset + len);
    memcpy(image->synced.data + c->offset, c->data, len);
}

static void apply_sectors(struct image *image, const struct change *c, unsigned *seed)
{
    if (!c->data) {
        if (rand_r(seed) & 1)
            apply(image, c, 0);
        return;
    }
    for (size_t at = 0; at < c->len; at += SECTOR) {
        size_t len = MIN_OF(c->len - at, (size_t)SECTOR);
        struct change part = {.offset = c->offset + at, .len = len, .data = c->data + at};
        if (rand_r(seed) & 1)
            apply(image, &part, len);
    }
}

static void record(struct image *image, uint64_t offset, const void *data, size_t len)
{
    struct change *c = mem_new(struct change, 1);
    *c = (struct change){.offset = offset, .len = len, .data = data ? mem_dup(data, len) : NULL};
    *image->tail = c;
    image->tail = &c->next;
}

/* ---- the methods of a file ---- */

static struct file *file_of(sqlite3_file *f)
{
    return (struct file *)f;
}

static int file_close(sqlite3_file *f)
{
    return file_of(f)->real->pMethods ? file_of(f)->real->pMethods->xClose(file_of(f)->real) : SQLITE_OK;
}

static int file_read(sqlite3_file *f, void *data, int n, sqlite3_int64 offset)
{
    return file_of(f)->real->pMethods->xRead(file_of(f)->real, data, n, offset);
}

static int file_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 offset)
{
    struct file *file = file_of(f);
    pthread_mutex_lock(&lock);
    bool refused = is_cut, full = is_full;
    if (!refused && !full && file->image)
        record(file->image, (uint64_t)offset, data, (size_t)n);
    if (!refused && ++writes == cut_at_write)
        refused = is_cut = true;
    pthread_mutex_unlock(&lock);
    if (full)
        return SQLITE_FULL;
    return refused ? SQLITE_IOERR_WRITE : file->real->pMethods->xWrite(file->real, data, n, offset);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct file *file = file_of(f);
    pthread_mutex_lock(&lock);
    bool refused = is_cut;
    if (!refused && file->image)
        record(file->image, (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return refused ? SQLITE_IOERR_TRUNCATE : file->real->pMethods->xTruncate(file->real, size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    struct image *image = file_of(f)->image;
    (void)flags;
    pthread_mutex_lock(&lock);
    if (!is_cut && ++syncs == cut_at_sync)
        is_cut = true;
    bool refused = is_cut;
    if (!refused && image) {
        for (const struct change *c = image->unsynced; c; c = c->next)
            apply(image, c, c->len);
        forget_changes(image);
        image->exists = true;
    }
    pthread_mutex_unlock(&lock);
    return refused ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return file_of(f)->real->pMethods->xFileSize(file_of(f)->real, size);
}

static int file_lock(sqlite3_file *f, int level)
{
    return file_of(f)->real->pMethods->xLock(file_of(f)->real, level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return file_of(f)->real->pMethods->xUnlock(file_of(f)->real, level);
}

static int file_check_lock(sqlite3_file *f, int *held)
{
    return file_of(f)->real->pMethods->xCheckReservedLock(file_of(f)->real, held);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return file_of(f)->real->pMethods->xFileControl(file_of(f)->real, op, arg);
}

static int file_sector_size(sqlite3_file *f)
{
    return file_of(f)->real->pMethods->xSectorSize(file_of(f)->real);
}

static int file_characteristics(sqlite3_file *f)
{
    return file_of(f)->real->pMethods->xDeviceCharacteristics(file_of(f)->real);
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return file_of(f)->real->pMethods->xShmMap(file_of(f)->real, page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return file_of(f)->real->pMethods->xShmLock(file_of(f)->real, offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    file_of(f)->real->pMethods->xShmBarrier(file_of(f)->real);
}

static int file_shm_unmap(sqlite3_file *f, int delete_flag)
{
    return file_of(f)->real->pMethods->xShmUnmap(file_of(f)->real, delete_flag);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory mapping: it would write past us */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
    struct file *file = file_of(f);
    (void)v;
    file->real = (sqlite3_file *)(file + 1);
    file->real->pMethods = NULL;
    pthread_mutex_lock(&lock);
    file->image = path ? image_of(path) : NULL;
    pthread_mutex_unlock(&lock);
    int r = unix_vfs->xOpen(unix_vfs, path, file->real, flags, ret_flags);
    file->base.pMethods = r == SQLITE_OK ? &methods : NULL;
    return r;
}

/* A deletion reaches the disk at once: one that comes too late is as if the power went before it. */
static int vfs_delete(sqlite3_vfs *v, const char *path, int sync_dir)
{
    (void)v;
    pthread_mutex_lock(&lock);
    bool refused = is_cut;
    if (!refused) {
        struct image *image = image_of(path);
        forget_changes(image);
        resize(&image->synced, 0);
        image->exists = false;
    }
    pthread_mutex_unlock(&lock);
    return refused ? SQLITE_IOERR_DELETE : unix_vfs->xDelete(unix_vfs, path, sync_dir);
}

void fault_vfs_install(void)
{
    unix_vfs = sqlite3_vfs_find("unix");
    vfs = *unix_vfs;
    vfs.zName = FAULT_VFS;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + unix_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    sqlite3_vfs_register(&vfs, 0);
}

void fault_vfs_arm(uint64_t at_sync, uint64_t at_write)
{
    pthread_mutex_lock(&lock);
    forget_images();
    syncs = writes = 0;
    cut_at_sync = at_sync;
    cut_at_write = at_write;
    is_cut = false;
    pthread_mutex_unlock(&lock);
}

static uint64_t locked(const uint64_t *value)
{
    pthread_mutex_lock(&lock);
    uint64_t copy = *value;
    pthread_mutex_unlock(&lock);
    return copy;
}

uint64_t fault_vfs_syncs(void)
{
    return locked(&syncs);
}

uint64_t fault_vfs_writes(void)
{
    return locked(&writes);
}

bool fault_vfs_is_cut(void)
{
    pthread_mutex_lock(&lock);
    bool cut = is_cut;
    pthread_mutex_unlock(&lock);
    return cut;
}

void fault_vfs_cut(void)
{
    pthread_mutex_lock(&lock);
    is_cut = true;
    pthread_mutex_unlock(&lock);
}

void fault_vfs_set_full(bool full)
{
    pthread_mutex_lock(&lock);
    is_full = full;
    pthread_mutex_unlock(&lock);
}

/* ---- power ---- */

static void keep_some_changes(struct image *image, enum fault_keep keep, unsigned *seed)
{
    size_t n = 0;
    for (const struct change *c = image->unsynced; c; c = c->next)
        n++;
    size_t prefix = n ? (size_t)rand_r(seed) % (n + 1) : 0, i = 0;
    for (const struct change *c = image->unsynced; c; c = c->next, i++) {
        if (keep == KEEP_SOME)
            apply_sectors(image, c, seed);
        else if (keep == KEEP_PREFIX && i < prefix)
            apply(image, c, c->len);
        else if (keep == KEEP_PREFIX && i == prefix && c->data)
            apply(image, c, (size_t)rand_r(seed) % (c->len + 1));
    }
    if (image->unsynced && keep != KEEP_NONE)
        image->exists = true;
    forget_changes(image);
}

static void write_back(const struct image *image)
{
    _cleanup_free_ char *shm = mem_printf("%s-shm", image->path);
    unlink(shm);
    if (!image->exists) {
        unlink(image->path);
        return;
    }
    _cleanup_close_ int fd = open(image->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, image->synced.data, image->synced.len) != (ssize_t)image->synced.len)
        abort();
}

void fault_vfs_power_on(enum fault_keep keep, unsigned seed)
{
    pthread_mutex_lock(&lock);
    for (struct image *image = images; image; image = image->next) {
        keep_some_changes(image, keep, &seed);
        write_back(image);
    }
    forget_images();
    is_cut = false;
    cut_at_sync = cut_at_write = 0;
    pthread_mutex_unlock(&lock);
}
