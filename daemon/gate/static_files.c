#include "gate/static_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/crypto.h"
#include "base/fs.h"

#define FILE_MAX (16 * 1024 * 1024)

static const struct {
    const char *extension, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ARRAY_SIZE(types); i++)
        if (streq(types[i].extension, dot))
            return types[i].type;
    return "application/octet-stream";
}

bool gzip_text(const char *data, size_t n, int level, char **ret, size_t *ret_size)
{
    z_stream z = {0};
    if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&z, (uLong)n);
    char *out = mem_alloc(bound);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)bound;
    int r = deflate(&z, Z_FINISH);
    size_t size = z.total_out;
    deflateEnd(&z);
    if (r != Z_STREAM_END || size >= n) {
        free(out);
        return false;
    }
    *ret = out;
    *ret_size = size;
    return true;
}

/* What the build puts below /assets carries its hash in its name: main-BO23FE5P.js never changes. */
static bool is_asset(const char *path)
{
    return text_starts(path, "/assets/");
}

static int load_file(int dirfd, const char *name, const char *path, struct static_files *files, struct err *e)
{
    struct static_file *f = mem_new(struct static_file, 1);
    char hash[SHA256_HEX_LEN + 1];
    if (fs_read(dirfd, name, FILE_MAX, &f->data, &f->size, e) < 0) {
        free(f);
        return -1;
    }
    f->type = type_of(name);
    f->immutable = is_asset(path);
    sha256_hex(f->data, f->size, hash);
    snprintf(f->etag, sizeof(f->etag), "\"%.16s\"", hash);
    gzip_text(f->data, f->size, 9, &f->gzip, &f->gzip_size);
    map_set(&files->by_path, path, f);
    return 0;
}

static int load_dir(int fd, const char *prefix, struct static_files *files, struct err *e)
{
    DIR *dir = fdopendir(fd);
    int r = 0;
    if (!dir) {
        close(fd);
        return err_set(e, ERR_INTERNAL, "cannot read the console's files");
    }
    for (struct dirent *entry; r == 0 && (entry = readdir(dir));) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        _cleanup_free_ char *path = mem_printf("%s/%s", prefix, entry->d_name);
        if (S_ISREG(st.st_mode)) {
            r = load_file(dirfd(dir), entry->d_name, path, files, e);
        } else if (S_ISDIR(st.st_mode)) {
            int inner = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            r = inner < 0 ? 0 : load_dir(inner, path, files, e);
        }
    }
    closedir(dir);
    return r;
}

int static_files_load(const char *dir, struct static_files *ret, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        err_set(e, ERR_NOT_FOUND, "there is no folder %s with the console's files", dir);
        return err_hint(e, "name it with --static");
    }
    return load_dir(fd, "", ret, e);
}

void static_files_free(struct static_files *files)
{
    MAP_FOREACH (&files->by_path, entry) {
        struct static_file *f = entry->value;
        free(f->data);
        free(f->gzip);
        free(f);
    }
    map_clear(&files->by_path);
}

const struct static_file *static_files_find(const struct static_files *files, const char *path, bool page)
{
    const struct static_file *f = map_get(&files->by_path, streq(path, "/") ? "/index.html" : path);
    return f || !page || is_asset(path) ? f : map_get(&files->by_path, "/index.html");
}
