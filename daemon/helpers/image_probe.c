#include "helpers/image_probe.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "helpers/image_hash.h"
#include "helpers/image_magic.h"
#include "helpers/image_qcow2.h"
#include "helpers/image_qemu.h"
#include "helpers/report.h"

struct disk {
    uint64_t file_bytes;
    uint8_t *head; /* owned */
    size_t n_head;
    char sha256[SHA256_HEX_LEN + 1];
};

/* Reads the whole file once. */
static int read_disk(int fd, struct disk *disk, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "the image is not a regular file");
    disk->file_bytes = (uint64_t)st.st_size;
    disk->head = mem_alloc(QCOW2_HEAD_BYTES);
    struct image_hash *hash = image_hash_new();
    _cleanup_free_ uint8_t *block = mem_alloc(1 << 20);
    uint64_t done = 0;
    ssize_t n;
    while ((n = read(fd, block, 1 << 20)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        size_t wanted = MIN_OF((size_t)n, QCOW2_HEAD_BYTES - disk->n_head);
        memcpy(disk->head + disk->n_head, block, wanted);
        disk->n_head += wanted;
        image_hash_add(hash, block, (size_t)n);
        done += (uint64_t)n;
        if (disk->file_bytes)
            report_percent((unsigned)MIN_OF(done * 95 / disk->file_bytes, UINT64_C(95)));
    }
    image_hash_end(hash, disk->sha256);
    if (n < 0)
        return err_errno(e, errno, "cannot read the image");
    return done != disk->file_bytes ? err_set(e, ERR_INVALID, "the image changed while it was read") : 0;
}

static int report_disk(int r, struct disk *disk, uint64_t virtual_bytes, const struct err *e)
{
    free(disk->head);
    if (r < 0)
        return report_error(e);
    return report_result(
        json_pack("{s:s, s:I}", "sha256", disk->sha256, "virtual_bytes", (json_int_t)virtual_bytes));
}

static int check_raw(const struct disk *disk, struct err *e)
{
    const char *other = image_magic_name(disk->head, disk->n_head);
    if (other) {
        err_set(e, ERR_INVALID, "the file is not a raw disk: it looks like %s", other);
        return err_hint(e, "say what it is, or convert it first: qemu-img convert -O qcow2 in out.qcow2");
    }
    if (disk->file_bytes == 0 || disk->file_bytes > DISK_SIZE_MAX)
        return err_set(e, ERR_INVALID, "the file is %s", disk->file_bytes ? "absurdly large" : "empty");
    return 0;
}

int image_probe_raw(int fd)
{
    struct err e = {0};
    struct disk disk = {0};
    int r = read_disk(fd, &disk, &e);
    if (r == 0)
        r = check_raw(&disk, &e);
    /* A disk ends with a whole sector. */
    return report_disk(r, &disk, (disk.file_bytes + 511) & ~UINT64_C(511), &e);
}

int image_probe_qcow2(int fd, const char *path)
{
    struct err e = {0};
    struct disk disk = {0};
    uint64_t virtual_bytes = 0;
    int r = read_disk(fd, &disk, &e);
    const char *other = r == 0 ? image_magic_name(disk.head, disk.n_head) : NULL;
    if (r == 0)
        r = qcow2_check(disk.head, disk.n_head, disk.file_bytes, &virtual_bytes, &e);
    if (r < 0 && other && !streq(other, "a qcow2 disk"))
        err_set(&e, ERR_INVALID, "the file is not a qcow2 image: it looks like %s", other);
    if (r == 0)
        r = image_qemu_check(path, virtual_bytes, &e);
    return report_disk(r, &disk, virtual_bytes, &e);
}
