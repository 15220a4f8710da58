/* Tar archives for tests, honest ones and others, made with libarchive. */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/mem.h"

struct archive_row {
    unsigned type; /* AE_IFREG…; 0: a hard link */
    const char *path, *target;
    size_t size;
    unsigned uid, mode;
};

/* Writes them to fd (compressed by zstd when asked), with file contents of the byte 'x'. */
static inline void archive_write_rows(int fd, const struct archive_row *rows, size_t n, int compressed)
{
    struct archive *out = archive_write_new();
    archive_write_set_format_pax_restricted(out);
    if (compressed)
        archive_write_add_filter_zstd(out);
    archive_write_open_fd(out, fd);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, rows[i].path);
        archive_entry_set_filetype(entry, rows[i].type ? rows[i].type : AE_IFREG);
        archive_entry_set_perm(entry, rows[i].mode ? rows[i].mode : rows[i].type == AE_IFDIR ? 0755 : 0644);
        archive_entry_set_uid(entry, rows[i].uid);
        archive_entry_set_gid(entry, rows[i].uid);
        archive_entry_set_size(entry, (la_int64_t)rows[i].size);
        if (rows[i].type == AE_IFLNK)
            archive_entry_set_symlink(entry, rows[i].target);
        else if (rows[i].type == 0)
            archive_entry_set_hardlink(entry, rows[i].target);
        archive_write_header(out, entry);
        char *data = mem_alloc(rows[i].size + 1);
        memset(data, 'x', rows[i].size);
        archive_write_data(out, data, rows[i].size);
        free(data);
        archive_entry_free(entry);
    }
    archive_write_close(out);
    archive_write_free(out);
}
