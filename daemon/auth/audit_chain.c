/* How a record is hashed, and the head file: one line "seq hash" of fixed length. */
#include "auth/audit_chain.h"

#include <errno.h>
#include <fcntl.h>

#include "base/crypto.h"
#include "base/fs.h"

#define HEAD_LEN (20 + 1 + SHA256_HEX_LEN + 1)

void audit_link_zero(struct audit_link *link)
{
    link->seq = 0;
    memset(link->hash, '0', SHA256_HEX_LEN);
    link->hash[SHA256_HEX_LEN] = '\0';
}

/* ["seq",time,who,address,…,previous] as JSON without blanks: no two records have the same text. */
void audit_hash(const struct audit_record *r, const char *previous, char out[static SHA256_HEX_LEN + 1])
{
    const char *const fields[] = {r->who, r->address, r->action, r->object, r->outcome, r->detail, previous};
    _cleanup_buf_ struct buf text = {0};
    buf_str(&text, "[");
    buf_u64(&text, r->seq);
    buf_str(&text, ",");
    buf_u64(&text, r->time_ms);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        buf_str(&text, ",");
        buf_json(&text, fields[i]);
    }
    buf_str(&text, "]");
    sha256_hex(text.data, text.len, out);
}

static char *head_path(const char *db_path)
{
    return mem_printf("%s.head", db_path);
}

int audit_head_read(const char *db_path, struct audit_link *ret, bool *ret_found, struct err *e)
{
    _cleanup_free_ char *path = head_path(db_path), *text = NULL;
    struct err cause;
    unsigned long long seq;
    *ret_found = false;
    audit_link_zero(ret);
    if (fs_read(AT_FDCWD, path, 4096, &text, NULL, &cause) < 0) {
        if (cause.code == ERR_NOT_FOUND || cause.code == ERR_TOO_LARGE)
            return 0;
        if (e)
            *e = cause;
        return -1;
    }
    uint8_t digest[SHA256_HEX_LEN / 2];
    char hash[SHA256_HEX_LEN + 1];
    if (strlen(text) != HEAD_LEN || sscanf(text, "%20llu %64[0-9a-f]", &seq, hash) != 2 ||
        !hex_decode(hash, digest, sizeof(digest)))
        return 0;
    ret->seq = seq;
    memcpy(ret->hash, hash, sizeof(hash));
    *ret_found = true;
    return 0;
}

int audit_head_open(const char *db_path, int *ret_fd, struct err *e)
{
    _cleanup_free_ char *path = head_path(db_path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", path);
    *ret_fd = fd;
    return 0;
}

int audit_head_write(int fd, const struct audit_link *link, struct err *e)
{
    char text[HEAD_LEN + 1];
    snprintf(text, sizeof(text), "%020llu %s\n", (unsigned long long)link->seq, link->hash);
    ssize_t n = pwrite(fd, text, HEAD_LEN, 0); /* less than a sector: whole or not at all */
    if (n != (ssize_t)HEAD_LEN || ftruncate(fd, HEAD_LEN) < 0)
        return err_errno(e, n < 0 ? errno : EIO, "cannot write the head of the audit log");
    return 0;
}
