#include "helpers/image_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>

#include "helpers/image_hash.h"
#include "helpers/report.h"

#define BLOCK_BYTES (256 * 1024)

struct reader {
    int fd;
    uint64_t done, file_bytes;
    struct image_hash *hash;
    char block[BLOCK_BYTES];
};

struct job {
    struct reader *reader;
    struct archive *in, *out; /* out is NULL when only probing */
    struct tar_policy policy;
};

static la_ssize_t read_block(struct archive *archive, void *arg, const void **ret)
{
    struct reader *reader = arg;
    ssize_t n;
    while ((n = read(reader->fd, reader->block, sizeof(reader->block))) < 0 && errno == EINTR)
        ;
    if (n < 0) {
        archive_set_error(archive, errno, "cannot read the archive");
        return -1;
    }
    image_hash_add(reader->hash, reader->block, (size_t)n);
    reader->done += (uint64_t)n;
    if (reader->file_bytes)
        report_percent((unsigned)MIN_OF(reader->done * 100 / reader->file_bytes, UINT64_C(99)));
    *ret = reader->block;
    return n;
}

static int archive_problem(struct archive *archive, const char *what, struct err *e)
{
    const char *why = archive_error_string(archive);
    int number = archive_errno(archive);
    if (number == ENOSPC || number == EDQUOT) {
        err_set(e, ERR_NO_SPACE, "%s: the image does not fit the volume", what);
        return err_hint(e, "give the volume a larger size");
    }
    return err_set(
        e, number == EIO ? ERR_NO_SPACE : ERR_INVALID, "%s: %.300s", what, why ? why : "unknown reason");
}

static enum tar_type type_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return TAR_HARDLINK;
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG: return TAR_FILE;
    case AE_IFDIR: return TAR_DIRECTORY;
    case AE_IFLNK: return TAR_SYMLINK;
    case AE_IFIFO: return TAR_FIFO;
    case AE_IFBLK:
    case AE_IFCHR: return TAR_DEVICE;
    default: return TAR_OTHER;
    }
}

static int check(struct job *job, struct archive_entry *entry, struct err *e)
{
    struct tar_entry row = {
        .type = type_of(entry),
        .path = archive_entry_pathname(entry),
        .uid = archive_entry_uid(entry),
        .gid = archive_entry_gid(entry),
        .size_bytes = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0,
    };
    row.target = row.type == TAR_HARDLINK ? archive_entry_hardlink(entry) : archive_entry_symlink(entry);
    if (row.type == TAR_HARDLINK)
        row.size_bytes = 0;
    return tar_policy_entry(&job->policy, &row, e);
}

/* File capabilities (ping needs one) and the user's own attributes are kept; others would mean something to
 * the host, or are refused to an unprivileged process anyway. */
static void keep_known_attributes(struct archive_entry *entry)
{
    struct {
        char *name;
        void *value;
        size_t size;
    } kept[32];
    size_t n = 0, size;
    const char *name;
    const void *value;
    archive_entry_xattr_reset(entry);
    while (n < ARRAY_SIZE(kept) && archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (!streq(name, "security.capability") && strncmp(name, "user.", 5) != 0)
            continue;
        kept[n].name = mem_strdup(name);
        kept[n].value = mem_dup(value, size);
        kept[n++].size = size;
    }
    archive_entry_xattr_clear(entry);
    for (size_t i = 0; i < n; i++) {
        archive_entry_xattr_add_entry(entry, kept[i].name, kept[i].value, kept[i].size);
        free(kept[i].name);
        free(kept[i].value);
    }
}

static int copy_data(struct job *job, struct err *e)
{
    const void *data;
    size_t n;
    la_int64_t offset;
    int r;
    while ((r = archive_read_data_block(job->in, &data, &n, &offset)) == ARCHIVE_OK)
        if (archive_write_data_block(job->out, data, n, offset) < ARCHIVE_OK)
            return archive_problem(job->out, "cannot unpack the archive", e);
    return r == ARCHIVE_EOF ? 0 : archive_problem(job->in, "the archive is damaged", e);
}

static int write_entry(struct job *job, struct archive_entry *entry, struct err *e)
{
    keep_known_attributes(entry);
    if (archive_write_header(job->out, entry) < ARCHIVE_WARN)
        return archive_problem(job->out, "cannot unpack the archive", e);
    if (archive_entry_size(entry) > 0 && !archive_entry_hardlink(entry) && copy_data(job, e) < 0)
        return -1;
    /* A warning here is an owner, mode or attribute that could not be set: part of what was asked for. */
    if (archive_write_finish_entry(job->out) != ARCHIVE_OK) {
        _cleanup_free_ char *what = mem_printf("cannot unpack %.200s", archive_entry_pathname(entry));
        return archive_problem(job->out, what, e);
    }
    return 0;
}

static int walk(struct job *job, struct err *e)
{
    struct archive_entry *entry;
    int r;
    while ((r = archive_read_next_header(job->in, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
        if (check(job, entry, e) < 0)
            return -1;
        if (job->out && write_entry(job, entry, e) < 0)
            return -1;
        if (!job->out && archive_read_data_skip(job->in) < ARCHIVE_WARN)
            return archive_problem(job->in, "the archive is damaged", e);
    }
    if (r != ARCHIVE_EOF)
        return archive_problem(job->in, "the file is not a tar archive, or it is damaged", e);
    if (job->policy.entries == 0)
        return err_set(e, ERR_INVALID, "the archive is empty");
    /* Directories get their modes and times at the end. */
    if (job->out && archive_write_close(job->out) < ARCHIVE_WARN)
        return archive_problem(job->out, "cannot unpack the archive", e);
    return 0;
}

/* What stands behind the archive's end belongs to the file's hash. */
static int read_rest(struct reader *reader, struct archive *archive, struct err *e)
{
    const void *block;
    la_ssize_t n;
    while ((n = read_block(archive, reader, &block)) > 0)
        ;
    return n < 0 ? archive_problem(archive, "cannot read the archive", e) : 0;
}

static struct archive *open_input(struct reader *reader, struct err *e)
{
    struct archive *in = archive_read_new();
    archive_read_support_format_tar(in);
    archive_read_support_filter_gzip(in);
    archive_read_support_filter_xz(in);
    archive_read_support_filter_zstd(in);
    if (archive_read_open(in, reader, NULL, read_block, NULL) == ARCHIVE_OK)
        return in;
    archive_problem(in, "the file is not a tar archive (plain, or compressed by gzip, xz or zstd)", e);
    archive_read_free(in);
    return NULL;
}

static struct archive *open_output(void)
{
    struct archive *out = archive_write_disk_new();
    archive_write_disk_set_options(
        out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
                 ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_SPARSE | ARCHIVE_EXTRACT_UNLINK |
                 ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                 ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    return out;
}

int tar_read(int fd, const struct tar_limits *limits, bool unpack, struct tar_result *ret, struct err *e)
{
    struct stat st;
    struct reader *reader = mem_new(struct reader, 1);
    reader->fd = fd;
    reader->file_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    reader->hash = image_hash_new();
    struct job job = {.reader = reader, .policy = {.limits = *limits}};
    int r = (job.in = open_input(reader, e)) ? 0 : -1;
    if (r == 0 && unpack)
        job.out = open_output();
    if (r == 0)
        r = walk(&job, e);
    if (r == 0)
        r = read_rest(reader, job.in, e);
    if (r == 0)
        r = tar_policy_root(&job.policy, &ret->init, e);
    ret->entries = job.policy.entries;
    ret->unpacked_bytes = job.policy.bytes;
    image_hash_end(reader->hash, ret->sha256);
    archive_write_free(job.out);
    archive_read_free(job.in);
    tar_policy_clear(&job.policy);
    free(reader);
    return r;
}
