#include "core/upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

struct uploads {
    struct core *core;
    int dir;
    struct map by_id; /* id → struct upload */
    size_t beginning; /* that are being made */
};

static void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    free(upload->image);
    free(upload->owner);
    free(upload);
}

static void facts_name(const char *id, char out[static UUID_LEN + 6])
{
    snprintf(out, UUID_LEN + 6, "%.36s.json", id);
}

/* ---- at start-up ---- */

static struct upload *load(int dir, const char *id)
{
    char name[UUID_LEN + 6];
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *facts = NULL;
    size_t n;
    struct stat st;
    facts_name(id, name);
    if (fstatat(dir, id, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
        fs_read(dir, name, 65536, &text, &n, NULL) < 0 || json_parse(text, n, name, &facts, NULL) < 0)
        return NULL;
    struct upload *upload = mem_new(struct upload, 1);
    memcpy(upload->id, id, UUID_LEN);
    upload->image = mem_strdup(json_get_str(facts, "image", ""));
    upload->owner = mem_strdup(json_get_str(facts, "owner", ""));
    upload->size_bytes = (uint64_t)json_get_int(facts, "size", 0);
    upload->offset_bytes = (uint64_t)st.st_size;
    upload->touched_ms = (uint64_t)st.st_mtim.tv_sec * 1000;
    return upload;
}

static void load_all(struct uploads *u)
{
    int copy = openat(u->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!uuid_valid(entry->d_name) || strlen(entry->d_name) != UUID_LEN)
            continue;
        struct upload *upload = load(u->dir, entry->d_name);
        if (upload)
            map_set(&u->by_id, upload->id, upload);
        else
            unlinkat(u->dir, entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

int uploads_open(struct core *core, struct uploads **ret, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/images/uploads", core->state_dir);
    struct uploads *u = mem_new(struct uploads, 1);
    u->core = core;
    u->dir = -1;
    if (fs_mkdir_all(path, 0700, e) < 0 || fs_open_dir(path, 0700, &u->dir, e) < 0) {
        uploads_close(u);
        return -1;
    }
    load_all(u);
    *ret = u;
    return 0;
}

void uploads_close(struct uploads *u)
{
    if (!u)
        return;
    MAP_FOREACH (&u->by_id, entry) {
        upload_free(entry->value);
    }
    map_clear(&u->by_id);
    close_p(&u->dir);
    free(u);
}

struct upload *uploads_find(struct uploads *u, const char *id)
{
    return map_get(&u->by_id, id);
}

/* ---- work on a worker ---- */

struct work {
    struct uploads *uploads;
    struct upload *upload;
    int fd; /* of the part; -1 */
    uint64_t n, written;
    upload_fn *fn;
    void *arg;
    bool failed;
    struct err err;
};

static void work_done(struct work *w)
{
    w->fn(w->arg, w->failed && w->fd < 0 ? NULL : w->upload, w->failed ? &w->err : NULL);
    free(w);
}

static int check_space(int dir, uint64_t size, struct err *e)
{
    struct statvfs v;
    char want[TEXT_SIZE_MAX], free_text[TEXT_SIZE_MAX];
    if (fstatvfs(dir, &v) < 0 || (uint64_t)v.f_bavail * v.f_frsize >= size)
        return 0;
    err_set(e, ERR_NO_SPACE, "the upload needs %s, and the host's state folder has %s left",
        text_size_str(size, want), text_size_str((uint64_t)v.f_bavail * v.f_frsize, free_text));
    return err_hint(e, "delete images or volumes that are not needed, or give the host more space");
}

static int make_files(int dir, const struct upload *upload, struct err *e)
{
    char name[UUID_LEN + 6];
    facts_name(upload->id, name);
    _cleanup_json_ json_t *facts = json_pack("{s:s, s:s, s:I}", "image", upload->image, "owner",
        upload->owner, "size", (json_int_t)upload->size_bytes);
    _cleanup_free_ char *text = json_text(facts);
    if (check_space(dir, upload->size_bytes, e) < 0 ||
        fs_write_atomic(dir, name, text, strlen(text), 0600, e) < 0)
        return -1;
    _cleanup_close_ int fd = openat(dir, upload->id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return 0;
    err_errno(e, errno, "cannot begin the upload");
    unlinkat(dir, name, 0);
    return -1;
}

static void begin_run(void *arg)
{
    struct work *w = arg;
    w->failed = make_files(w->uploads->dir, w->upload, &w->err) < 0;
}

static void begin_done(void *arg)
{
    struct work *w = arg;
    w->uploads->beginning--;
    if (w->failed)
        upload_free(TAKE_PTR(w->upload));
    else
        map_set(&w->uploads->by_id, w->upload->id, w->upload);
    work_done(w);
}

/* Those that are just being made count as anybody's. */
static size_t count_of(const struct uploads *u, const char *owner)
{
    size_t n = u->beginning;
    MAP_FOREACH (&u->by_id, entry) {
        const struct upload *upload = entry->value;
        n += streq(upload->owner, owner) ? 1 : 0;
    }
    return n;
}

void uploads_begin(
    struct uploads *u, const char *image, const char *owner, uint64_t size_bytes, upload_fn *fn, void *arg)
{
    struct err e;
    size_t own = count_of(u, owner);
    if (own >= UPLOADS_OF_ONE || u->by_id.count + u->beginning >= UPLOADS_MAX) {
        err_set(&e, ERR_TOO_MANY, "there are %zu uploads%s already",
            own >= UPLOADS_OF_ONE ? own : u->by_id.count, own >= UPLOADS_OF_ONE ? " of yours" : "");
        err_hint(&e, "finish or delete some; those without a part for a day go by themselves");
        fn(arg, NULL, &e);
        return;
    }
    struct upload *upload = mem_new(struct upload, 1);
    uuid_new(upload->id);
    upload->image = mem_strdup(image);
    upload->owner = mem_strdup(owner);
    upload->size_bytes = size_bytes;
    upload->touched_ms = clock_unix_ms(u->core->clock);
    struct work *w = mem_new(struct work, 1);
    *w = (struct work){.uploads = u, .upload = upload, .fd = -1, .fn = fn, .arg = arg};
    u->beginning++;
    workers_submit(u->core->io_workers, begin_run, begin_done, w);
}

/* The whole is synced with its last part: an image is made of what is on the disk. */
static int append(struct work *w, int to, struct err *e)
{
    _cleanup_free_ char *block = mem_alloc(1 << 20);
    while (w->written < w->n) {
        ssize_t n = pread(w->fd, block, MIN_OF(w->n - w->written, UINT64_C(1) << 20), (off_t)w->written);
        if (n <= 0)
            return err_set(e, ERR_MALFORMED, "the part is shorter than it says");
        ssize_t done = pwrite(to, block, (size_t)n, (off_t)(w->upload->offset_bytes + w->written));
        if (done < 0)
            return err_errno(e, errno, "cannot write the upload");
        w->written += (uint64_t)done;
    }
    bool whole = w->upload->offset_bytes + w->written == w->upload->size_bytes;
    return whole && fsync(to) < 0 ? err_errno(e, errno, "cannot write the upload") : 0;
}

static void append_run(void *arg)
{
    struct work *w = arg;
    _cleanup_close_ int to = openat(w->uploads->dir, w->upload->id, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        w->failed = err_errno(&w->err, errno, "cannot go on with the upload") < 0;
    else
        w->failed = append(w, to, &w->err) < 0;
}

static void append_done(void *arg)
{
    struct work *w = arg;
    w->upload->offset_bytes += w->written;
    w->upload->touched_ms = clock_unix_ms(w->uploads->core->clock);
    w->upload->busy = false;
    close(w->fd);
    work_done(w);
}

void uploads_append(struct uploads *u, struct upload *upload, int fd, uint64_t n, upload_fn *fn, void *arg)
{
    struct work *w = mem_new(struct work, 1);
    *w = (struct work){.uploads = u, .upload = upload, .fd = fd, .n = n, .fn = fn, .arg = arg};
    upload->busy = true;
    workers_submit(u->core->io_workers, append_run, append_done, w);
}

static void unlink_files(int dir, const char *id)
{
    char name[UUID_LEN + 6];
    facts_name(id, name);
    unlinkat(dir, id, 0);
    unlinkat(dir, name, 0);
}

struct unlinking {
    int dir;
    char id[UUID_LEN + 1];
};

static void unlink_run(void *arg)
{
    const struct unlinking *job = arg;
    unlink_files(job->dir, job->id);
}

/* A large file takes its time to go: not on the loop. */
void uploads_remove(struct uploads *u, struct upload *upload)
{
    struct unlinking *job = mem_new(struct unlinking, 1);
    job->dir = u->dir;
    memcpy(job->id, upload->id, sizeof(job->id));
    workers_submit(u->core->io_workers, unlink_run, free, job);
    map_remove(&u->by_id, upload->id);
    upload_free(upload);
}

void uploads_sweep(struct uploads *u)
{
    uint64_t now = clock_unix_ms(u->core->clock);
    struct upload *old[UPLOADS_MAX];
    size_t n = 0;
    MAP_FOREACH (&u->by_id, entry) {
        struct upload *upload = entry->value;
        if (!upload->busy && upload->touched_ms + UPLOAD_IDLE_MS < now && n < ARRAY_SIZE(old))
            old[n++] = upload;
    }
    for (size_t i = 0; i < n; i++)
        uploads_remove(u, old[i]);
}

/* ---- the step ---- */

int upload_link(struct core *core, const char *id, int images_dir, const char *name, struct err *e)
{
    if (linkat(core->uploads->dir, id, images_dir, name, 0) == 0)
        return 0;
    if (errno != ENOENT)
        return err_errno(e, errno, "cannot take up the upload");
    err_set(e, ERR_NOT_FOUND, "the upload %s is not there any more", id);
    return err_hint(e, "upload the image again");
}

void upload_unlink(struct core *core, const char *id)
{
    unlink_files(core->uploads->dir, id);
}
