#include "iso/installer/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"

#define BLOCK_BYTES (1024 * 1024)

struct run {
    const struct copy *c;
    gnutls_hash_hd_t hash;
    char *block;
    uint64_t done, whole; /* of both passes */
    unsigned percent;
};

static void tell(struct run *r, size_t n)
{
    r->done += n;
    unsigned percent = r->whole ? (unsigned)MIN_OF(r->done * 100 / r->whole, UINT64_C(100)) : 100;
    if (percent != r->percent && r->c->progress)
        r->c->progress(r->c->arg, percent);
    r->percent = percent;
}

/* Reads `size` bytes of `fd`, and writes them to `to`; through the hash where that is -1. */
static int pass(struct run *r, int fd, int to, const char *path, struct err *e)
{
    for (uint64_t left = r->c->size_bytes; left;) {
        ssize_t n = read(fd, r->block, (size_t)MIN_OF(left, (uint64_t)BLOCK_BYTES));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read %s", path);
        if (n == 0)
            return err_set(e, ERR_DAMAGED, "%s ends too early", path);
        if (r->c->cancel && *r->c->cancel)
            return err_set(e, ERR_CANCELLED, "was cancelled");
        if (to < 0)
            gnutls_hash(r->hash, r->block, (size_t)n);
        else if (fs_write_all(to, r->block, (size_t)n, e) < 0)
            return err_prefix(e, "%s", r->c->to);
        left -= (uint64_t)n;
        tell(r, (size_t)n);
    }
    return 0;
}

static void digest(struct run *r, char out[static 65])
{
    uint8_t bytes[32];
    gnutls_hash_output(r->hash, bytes);
    hex_encode(bytes, sizeof(bytes), out);
}

static int open_target(const struct copy *c, int *ret, struct err *e)
{
    struct stat st;
    int flags =
        c->mode ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR | O_EXCL; /* O_EXCL: nobody else has the device */
    _cleanup_close_ int fd = open(c->to, flags | O_CLOEXEC, (mode_t)c->mode);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot open %s", c->to);
    if (!c->mode && !S_ISBLK(st.st_mode))
        return err_set(e, ERR_INTERNAL, "%s is no block device", c->to);
    *ret = TAKE_FD(fd);
    return 0;
}

/* Out of the cache, so that reading back reads the disk. */
static int settle(int fd, bool device, const char *path, struct err *e)
{
    if (fsync(fd) < 0)
        return err_errno(e, errno, "cannot write %s", path);
    if (device)
        ioctl(fd, BLKFLSBUF, 0);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return lseek(fd, 0, SEEK_SET) < 0 ? err_errno(e, errno, "cannot read %s back", path) : 0;
}

/* What was read back is not what it should be: so was the medium's, or it is the disk's doing. */
static int explain(struct run *r, int from, struct err *e)
{
    const struct copy *c = r->c;
    char found[65];
    if (lseek(from, 0, SEEK_SET) < 0)
        return err_errno(e, errno, "cannot read %s again", c->from);
    if (pass(r, from, -1, c->from, e) < 0)
        return -1;
    digest(r, found);
    if (streq(found, c->sha256)) {
        err_set(e, ERR_DAMAGED, "%s does not hold what was written to it: the disk is broken, or its cable",
            c->to);
        return err_hint(e, "check the cable and the disk, or install on another disk");
    }
    err_set(e, ERR_DAMAGED,
        "the installation medium is damaged: %s has another checksum than sha256sums says", c->from);
    return err_hint(e, "write the medium again from the ISO, on another stick if it happens again");
}

/* Hashed once, as it is read back. */
static int copy_with(struct run *r, struct err *e)
{
    const struct copy *c = r->c;
    char found[65];
    _cleanup_close_ int from = open(c->from, O_RDONLY | O_CLOEXEC), to = -1;
    if (from < 0)
        return err_errno(e, errno, "cannot open %s", c->from);
    if (open_target(c, &to, e) < 0 || pass(r, from, to, c->from, e) < 0 ||
        settle(to, !c->mode, c->to, e) < 0 || pass(r, to, -1, c->to, e) < 0)
        return -1;
    digest(r, found);
    return streq(found, c->sha256) ? 0 : explain(r, from, e);
}

static int run_begin(struct run *r, struct err *e)
{
    if (gnutls_hash_init(&r->hash, GNUTLS_DIG_SHA256) < 0)
        return err_set(e, ERR_INTERNAL, "SHA-256 is not there");
    r->block = mem_alloc(BLOCK_BYTES);
    return 0;
}

static void run_end(struct run *r)
{
    gnutls_hash_deinit(r->hash, NULL);
    free(r->block);
}

int copy_verified(const struct copy *c, struct err *e)
{
    struct run r = {.c = c, .whole = c->size_bytes * 2, .percent = 101};
    if (run_begin(&r, e) < 0)
        return -1;
    int result = copy_with(&r, e);
    run_end(&r);
    return result;
}

int file_sha256(const char *path, uint64_t size_bytes, char out[static 65], struct err *e)
{
    struct copy c = {.from = path, .size_bytes = size_bytes};
    struct run r = {.c = &c, .whole = size_bytes};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", path);
    if (run_begin(&r, e) < 0)
        return -1;
    int result = pass(&r, fd, -1, path, e);
    if (result == 0)
        digest(&r, out);
    run_end(&r);
    return result;
}
