#include "helpers/image_import.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/fs.h"
#include "helpers/image_hash.h"
#include "helpers/report.h"

#define BLOCK_BYTES 65536

static bool is_zero(const unsigned char *data, size_t n)
{
    return n == 0 || (data[0] == 0 && memcmp(data, data + 1, n - 1) == 0);
}

/* A whole block where the stream has one: pipes give less. */
static ssize_t read_block(int fd, unsigned char *block)
{
    size_t n = 0;
    while (n < BLOCK_BYTES) {
        ssize_t part = read(fd, block + n, BLOCK_BYTES - n);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return -1;
        if (part == 0)
            break;
        n += (size_t)part;
    }
    return (ssize_t)n;
}

static int copy(
    int from, int to, uint64_t max_bytes, struct image_hash *hash, uint64_t *ret_bytes, struct err *e)
{
    static unsigned char block[BLOCK_BYTES];
    char size[TEXT_SIZE_MAX];
    uint64_t bytes = 0;
    struct stat st;
    uint64_t expected = fstat(from, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    for (ssize_t n; (n = read_block(from, block)) != 0;) {
        if (n < 0)
            return err_errno(e, errno, "cannot read the image");
        bytes += (uint64_t)n;
        if (bytes > max_bytes)
            return err_set(e, ERR_TOO_LARGE, "the image is larger than %s", text_size_str(max_bytes, size));
        image_hash_add(hash, block, (size_t)n);
        if (is_zero(block, (size_t)n) ? lseek(to, n, SEEK_CUR) < 0
                                      : fs_write_all(to, block, (size_t)n, e) < 0)
            return err_prefix(e, "after %s", text_size_str(bytes - (uint64_t)n, size));
        if (expected)
            report_percent((unsigned)MIN_OF(bytes * 100 / expected, UINT64_C(99)));
    }
    if (ftruncate(to, (off_t)bytes) < 0 || fsync(to) < 0)
        return err_errno(e, errno, "cannot write the image");
    *ret_bytes = bytes;
    return 0;
}

int image_import_here(int from, int to, uint64_t max_bytes)
{
    struct err e = {0};
    uint64_t bytes = 0;
    char sha256[SHA256_HEX_LEN + 1];
    struct image_hash *hash = image_hash_new();
    int r = copy(from, to, max_bytes, hash, &bytes, &e);
    image_hash_end(hash, sha256);
    if (r < 0)
        return report_error(&e);
    return report_result(json_pack("{s:s, s:I}", "sha256", sha256, "file_bytes", (json_int_t)bytes));
}
