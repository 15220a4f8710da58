/* Images: their documents and the steps that bring in a file, check it, and remove it. The file is
 * copied first and checked afterwards: nobody can change it between the check and its use. */
#include "core/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <gnutls/crypto.h>

#include "auth/secret.h"
#include "base/crypto.h"
#include "base/fs.h"
#include "core/image_url.h"
#include "core/inventory.h"
#include "core/upload.h"

static int images_dir(struct core *core, int *ret_fd, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/images", core->state_dir);
    return fs_open_dir(path, 0700, ret_fd, e);
}

int image_open(struct core *core, const struct doc *image, int *ret_fd, struct err *e)
{
    _cleanup_close_ int dir = -1;
    if (images_dir(core, &dir, e) < 0)
        return -1;
    if (fs_open_beneath(dir, image->uuid, O_RDONLY, 0, ret_fd, e) < 0)
        return err_prefix(e, "the file of image %s", image->name);
    return 0;
}

#define PURPOSE_SIZE (UUID_LEN + 16)

static void login_purpose(const char *uuid, char out[static PURPOSE_SIZE])
{
    snprintf(out, PURPOSE_SIZE, "image/%.36s/login", uuid);
}

/* One's own, whole, and nobody is at work on it. */
static int check_upload(struct core *core, const struct intent *c, struct violations *v)
{
    const struct image_spec *spec = c->spec;
    if (!spec->source->upload)
        return 0;
    const struct upload *upload = uploads_find(core->uploads, spec->source->upload);
    _cleanup_free_ char *by = c->by ? principal_key(c->by) : NULL;
    if (!upload || (by && !streq(upload->owner, by)))
        violation_add(v, "/spec/source/upload", "is no upload of yours");
    else if (upload->busy || upload->offset_bytes != upload->size_bytes)
        violation_add(v, "/spec/source/upload", "is not whole: %llu of %llu bytes are there",
            (unsigned long long)upload->offset_bytes, (unsigned long long)upload->size_bytes);
    return v->n ? -1 : 0;
}

static int put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    const struct image_spec *spec = c->spec;
    if (c->before) {
        if (tasks_check_free(core->tasks, c->before, e) < 0)
            return -1;
        plan_put(plan, c, NULL);
        return 0;
    }
    /* The daemon reads the file as root: only who manages the host may name one. */
    if (c->by && spec->source->file &&
        access_require(c->by, PERMISSION(NODES, UPDATE), core->node_name, NULL, 0, e) < 0)
        return err_prefix(e, "reading a file of the host");
    char purpose[PURPOSE_SIZE];
    login_purpose(c->uuid, purpose);
    _cleanup_free_ char *login = c->login ? secret_encrypt(core->secret_key, purpose, c->login) : NULL;
    _cleanup_free_ char *private =
        record_text(OBJECT_image_record, &(struct image_record){.phase = PHASE_CREATING, .login = login});
    plan_put(plan, c, private);
    if (check_upload(core, c, v) < 0)
        return 0;
    const char *from = spec->source->file  ? spec->source->file
                       : spec->source->url ? spec->source->url
                                           : "an upload";
    plan_step(plan, "image.import", c->uuid, NULL, "bring in image %s from %s", c->name, from);
    plan_task_end(plan, c, "image.import");
    return 0;
}

static int remove_image(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    if (!image_record_of(c->before))
        return err_set(e, ERR_DAMAGED, "the document of image %s cannot be read by this release", c->name);
    if (tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_VOLUME, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct volume_spec *spec = volume_spec_of(d);
        const struct volume_record *record = volume_record_of(d);
        if (spec && record && record->phase == PHASE_CREATING && spec->image && streq(spec->image, c->name))
            return err_set(e, ERR_IN_USE, "volume %s is being made from image %s", d->name, c->name);
    }
    struct image_record record = *image_record_of(c->before);
    record.phase = PHASE_DELETING;
    _cleanup_free_ char *private = record_text(OBJECT_image_record, &record);
    txn_put_private(plan->txn, c->before, private, c->now_ms);
    plan_step(plan, "image.delete", c->uuid, NULL, "delete image %s", c->name);
    plan_task_end(plan, c, "image.delete");
    return 0;
}

static void status(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    const struct image_record *r = image_record_of(d);
    (void)s;
    (void)detail;
    if (!r)
        return;
    buf_printf(out, "\"state\":\"%s\",\"size\":%lld,\"virtual_size\":%lld",
        enumeration_of(ENUM_phase)->values[r->phase], (long long)r->size, (long long)r->virtual_size);
    if (r->sha256)
        buf_printf(out, ",\"sha256\":\"%s\"", r->sha256);
    const char *task = tasks_busy(core->tasks, d->uuid);
    if (task)
        buf_printf(out, ",\"task\":\"%s\"", task);
}

const struct kind_ops image_kind = {
    .help = "What new volumes are filled from", .put = put, .remove = remove_image, .status = status};

/* ---- steps ---- */

static bool on_progress(void *arg, unsigned percent)
{
    struct step_context *c = arg;
    task_progress(c->task, percent);
    return !*task_cancel_flag(c->task);
}

static int open_source(const char *path, int *ret_fd, uint64_t *ret_size, struct err *e)
{
    struct stat st;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot open %s on the host", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is not a regular file", path);
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Long runs of zeros become holes: raw images are mostly that. */
static int write_sparse(int fd, const char *block, size_t n, off_t at, struct err *e)
{
    static const char zeros[4096];
    for (size_t done = 0; done < n;) {
        size_t part = MIN_OF(n - done, sizeof(zeros));
        ssize_t written = (ssize_t)part;
        if (memcmp(block + done, zeros, part) != 0)
            written = pwrite(fd, block + done, part, at + (off_t)done);
        if (written != (ssize_t)part) /* a disk that is nearly full takes a part */
            return err_errno(e, written < 0 ? errno : ENOSPC, "cannot write the image");
        done += part;
    }
    return 0;
}

static int copy_file(struct step_context *c, const char *path, int to, struct err *e)
{
    _cleanup_close_ int from = -1;
    uint64_t size = 0, done = 0;
    if (open_source(path, &from, &size, e) < 0)
        return -1;
    _cleanup_free_ char *block = mem_alloc(1 << 20);
    while (done < size) {
        ssize_t n = read(from, block, 1 << 20);
        if (n < 0)
            return err_errno(e, errno, "cannot read %s", path);
        if (n == 0)
            break;
        if (write_sparse(to, block, (size_t)n, (off_t)done, e) < 0)
            return -1;
        done += (uint64_t)n;
        if (!on_progress(c, (unsigned)(done * 80 / size)))
            return err_set(e, ERR_CANCELLED, "the import was cancelled");
    }
    return ftruncate(to, (off_t)done) < 0 ? err_errno(e, errno, "cannot write the image") : 0;
}

static int hash_file(
    struct step_context *c, int fd, char out[static SHA256_HEX_LEN + 1], uint64_t *ret_size, struct err *e)
{
    gnutls_hash_hd_t hash;
    uint8_t digest[32];
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        return err_set(e, ERR_INTERNAL, "cannot compute a SHA-256");
    _cleanup_free_ char *block = mem_alloc(1 << 20);
    uint64_t done = 0;
    int r = 0;
    for (ssize_t n; (n = pread(fd, block, 1 << 20, (off_t)done)) != 0;) {
        if (n < 0 || *task_cancel_flag(c->task)) {
            r = n < 0 ? err_errno(e, errno, "cannot read the image")
                      : err_set(e, ERR_CANCELLED, "the import was cancelled");
            break;
        }
        gnutls_hash(hash, block, (size_t)n);
        done += (uint64_t)n;
    }
    gnutls_hash_deinit(hash, digest);
    hex_encode(digest, sizeof(digest), out);
    *ret_size = done;
    return r;
}

/* The record of the image is written here: its size and hash are known only now. */
static int keep_record(
    struct step_context *c, const char *uuid, const struct image_record *record, struct err *e)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(c->core->registry);
    struct doc *d = snapshot_by_uuid(s, KIND_IMAGE, uuid);
    if (!d)
        return err_set(e, ERR_NOT_FOUND, "the image was deleted meanwhile");
    _cleanup_free_ char *text = record_text(OBJECT_image_record, record);
    struct txn *txn = txn_new();
    txn_put_private(txn, d, text, clock_unix_ms(c->core->clock));
    return registry_commit(c->core->registry, txn, NULL, e);
}

static int download(struct step_context *c, const struct doc *image, int fd, struct err *e)
{
    struct core *core = c->core;
    const char *url = image_spec_of(image)->source->url, *secret = image_record_of(image)->login;
    char purpose[PURPOSE_SIZE], *login = NULL, *whole = NULL;
    login_purpose(image->uuid, purpose);
    if (secret && secret_decrypt(core->secret_key, purpose, secret, &login, e) < 0)
        return err_prefix(e, "user and password of its URL");
    if (login)
        url = whole = image_url_with_login(url, login);
    int r =
        core->drivers->image_fetch(core->helper_dir, url, fd, on_progress, c, task_cancel_flag(c->task), e);
    secret_clear(whole);
    secret_clear(login);
    return r;
}

static int fill(struct step_context *c, const struct doc *image, int fd, struct image_record *record,
    char *sha256, struct err *e)
{
    struct core *core = c->core;
    const struct image_spec *spec = image_spec_of(image);
    uint64_t size = 0, virtual_size = 0;
    int r = 0; /* of an upload the file is there */
    if (spec->source->file)
        r = copy_file(c, spec->source->file, fd, e);
    else if (spec->source->url)
        r = download(c, image, fd, e);
    if (r < 0 && e->code == ERR_NO_SPACE && !e->hint[0])
        err_hint(e, "delete images, or free space on the file system of Lodge's state directory");
    if (r < 0 || hash_file(c, fd, sha256, &size, e) < 0)
        return -1;
    if (spec->sha256 && !streq(spec->sha256, sha256)) {
        err_set(e, ERR_INVALID, "the SHA-256 of the source is %s, not the %s that was asked for", sha256,
            spec->sha256);
        return err_hint(e, "the file was damaged or is another one: get it again");
    }
    if (core->drivers->image_probe(
            core->helper_dir, fd, spec->format, &virtual_size, task_cancel_flag(c->task), e) < 0)
        return -1;
    if (fsync(fd) < 0)
        return err_errno(e, errno, "cannot write the image");
    *record = (struct image_record){.phase = PHASE_CREATING,
        .size = (int64_t)size,
        .virtual_size = (int64_t)virtual_size,
        .sha256 = sha256,
        .login = image_record_of(image)->login}; /* until the file has its name, it may be fetched again */
    return 0;
}

/* The file that is filled and checked under a name of its own; an upload is full already. */
static int open_temporary(struct step_context *c, const struct image_spec *spec, int dir,
    const char *temporary, int *ret_fd, struct err *e)
{
    unlinkat(dir, temporary, 0);
    if (!spec->source->upload)
        return fs_open_beneath(dir, temporary, O_RDWR | O_CREAT | O_EXCL, 0600, ret_fd, e);
    if (upload_link(c->core, spec->source->upload, dir, temporary, e) < 0)
        return -1;
    return fs_open_beneath(dir, temporary, O_RDWR, 0, ret_fd, e);
}

/* Done before, by a run that ended before it could say so: what it was made of is gone. */
static bool is_there(const struct doc *image, int dir)
{
    const struct image_record *record = image_record_of(image);
    return record && record->sha256 && faccessat(dir, image->uuid, F_OK, 0) == 0;
}

int image_step_import(struct step_context *c, struct err *e)
{
    struct doc *d = snapshot_by_uuid(c->snapshot, KIND_IMAGE, c->step->object);
    const struct image_spec *spec = image_spec_of(d);
    _cleanup_close_ int dir = -1, fd = -1;
    if (!spec || !image_record_of(d))
        return err_set(e, ERR_NOT_FOUND, "the image was deleted meanwhile");
    if (images_dir(c->core, &dir, e) < 0)
        return -1;
    if (is_there(d, dir))
        return 0;
    _cleanup_free_ char *temporary = mem_printf("%s.new", d->uuid);
    if (open_temporary(c, spec, dir, temporary, &fd, e) < 0)
        return -1;
    struct image_record record;
    char sha256[SHA256_HEX_LEN + 1];
    if (fill(c, d, fd, &record, sha256, e) < 0 || keep_record(c, d->uuid, &record, e) < 0) {
        unlinkat(dir, temporary, 0);
        return err_prefix(e, "image %s", d->name);
    }
    if (renameat(dir, temporary, dir, d->uuid) < 0 || fsync(dir) < 0)
        return err_errno(e, errno, "cannot keep the file of image %s", d->name);
    if (spec->source->upload)
        upload_unlink(c->core, spec->source->upload);
    return 0;
}

int image_step_delete(struct step_context *c, struct err *e)
{
    _cleanup_close_ int dir = -1;
    if (images_dir(c->core, &dir, e) < 0)
        return -1;
    _cleanup_free_ char *temporary = mem_printf("%s.new", c->step->object);
    unlinkat(dir, temporary, 0);
    if (unlinkat(dir, c->step->object, 0) < 0 && errno != ENOENT)
        return err_errno(e, errno, "cannot delete the file of the image");
    return 0;
}

void image_finish_import(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_IMAGE, task_spec_of(task)->object->uuid);
    if (!image_record_of(d))
        return;
    if (!ok) {
        txn_delete(t, KIND_IMAGE, d->uuid, d->revision);
        return;
    }
    struct image_record record = *image_record_of(d);
    record.phase = PHASE_READY;
    record.login = NULL;
    _cleanup_free_ char *text = record_text(OBJECT_image_record, &record);
    txn_put_private(t, d, text, clock_unix_ms(core->clock));
    const struct image_spec *spec = image_spec_of(d);
    struct upload *upload = spec->source->upload ? uploads_find(core->uploads, spec->source->upload) : NULL;
    if (upload)
        uploads_remove(core->uploads, upload);
}

void image_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_IMAGE, task_spec_of(task)->object->uuid);
    (void)core;
    if (d && ok)
        txn_delete(t, KIND_IMAGE, d->uuid, d->revision);
}
