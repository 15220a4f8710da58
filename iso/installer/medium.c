#include "iso/installer/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"

#define SUMS_MAX (1024 * 1024)

/* Where live systems mount what they started from. */
static const char *const places[] = {"/run/lodge/medium/lodge", "/run/lodge-medium/lodge",
    "/run/live/medium/lodge", "/run/lodge-installer/medium/lodge"};

static const char *const names[] = {
    [MEDIUM_IMAGE] = "lodge.squashfs", [MEDIUM_KERNEL] = "vmlinuz", [MEDIUM_INITRD] = "initrd.img"};

bool sums_find(const char *sums, const char *name, char out[static 65])
{
    uint8_t digest[32];
    for (const char *line = sums; *line;) {
        size_t n = strcspn(line, "\n");
        _cleanup_free_ char *copy = mem_strndup(line, n);
        line += n + (line[n] == '\n');
        if (n < 67)
            continue;
        copy[64] = '\0';
        const char *path = copy + 65 + strspn(copy + 65, " *"), *slash = strrchr(path, '/');
        if (streq(slash ? slash + 1 : path, name) && hex_decode(copy, digest, sizeof(digest))) {
            memcpy(out, copy, 65);
            return true;
        }
    }
    return false;
}

static int find_dir(const char *dir, struct medium *m, struct err *e)
{
    for (size_t i = 0; !dir && i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *image = mem_printf("%s/%s", places[i], names[MEDIUM_IMAGE]);
        if (access(image, R_OK) == 0)
            dir = places[i];
    }
    if (!dir) {
        err_set(
            e, ERR_NOT_FOUND, "the installation medium is not mounted: no lodge.squashfs in %s", places[0]);
        return err_hint(e, "mount it, and name its folder with --medium DIR");
    }
    snprintf(m->dir, sizeof(m->dir), "%s", dir);
    return 0;
}

static int write_again(struct err *e)
{
    return err_hint(e, "write the medium again from the ISO, and check it with its own menu entry");
}

int medium_open(const char *dir, struct medium *ret, struct err *e)
{
    struct medium m = {0};
    _cleanup_free_ char *sums = NULL;
    if (find_dir(dir, &m, e) < 0)
        return -1;
    _cleanup_free_ char *sums_path = mem_printf("%s/sha256sums", m.dir);
    if (fs_read(AT_FDCWD, sums_path, SUMS_MAX, &sums, NULL, e) < 0) {
        err_prefix(e, "the installation medium is damaged");
        return write_again(e);
    }
    for (int i = 0; i < MEDIUM_FILE_COUNT; i++) {
        struct stat st;
        snprintf(m.files[i].path, sizeof(m.files[i].path), "%s/%s", m.dir, names[i]);
        if (stat(m.files[i].path, &st) < 0) {
            err_errno(e, errno, "the installation medium is damaged: cannot read %s", m.files[i].path);
            return write_again(e);
        }
        m.files[i].size_bytes = (uint64_t)st.st_size;
        if (!sums_find(sums, names[i], m.files[i].sha256)) {
            err_set(
                e, ERR_DAMAGED, "the installation medium is damaged: sha256sums does not name %s", names[i]);
            return write_again(e);
        }
    }
    *ret = m;
    return 0;
}
