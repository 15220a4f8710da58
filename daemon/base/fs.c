#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/text.h"

static inline void closedir_p(DIR **d)
{
    if (*d)
        closedir(*d);
}

int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd, struct err *e)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", path);
    *ret_fd = (int)fd;
    return 0;
}

int fs_mkdir_all(const char *path, mode_t mode, struct err *e)
{
    _cleanup_free_ char *p = mem_strdup(path);
    for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(p, 0755) < 0 && errno != EEXIST)
            return err_errno(e, errno, "cannot make the directory %s", p);
        *slash = '/';
    }
    if (mkdir(p, mode) < 0 && errno != EEXIST)
        return err_errno(e, errno, "cannot make the directory %s", p);
    return 0;
}

int fs_open_dir(const char *path, mode_t mode, int *ret_fd, struct err *e)
{
    if (fs_mkdir_all(path, mode, e) < 0)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "cannot open the directory %s", path);
    *ret_fd = fd;
    return 0;
}

int fs_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "cannot read %s", path);
    _cleanup_buf_ struct buf text = {0};
    for (;;) {
        buf_reserve(&text, 16384);
        ssize_t n = read(fd, text.data + text.len, text.cap - text.len - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read %s", path);
        if (n == 0)
            break;
        text.len += (size_t)n;
        if (text.len > max)
            return err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
    }
    if (ret_len)
        *ret_len = text.len;
    buf_add(&text, "", 0);
    *ret = buf_take(&text);
    return 0;
}

int fs_write_all(int fd, const void *data, size_t n, struct err *e)
{
    const char *p = data;
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_errno(e, errno, "cannot write");
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int write_synced(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct err *e)
{
    _cleanup_close_ int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return err_errno(e, errno, "cannot create %s", name);
    if (fs_write_all(fd, data, n, e) < 0)
        return err_prefix(e, "%s", name);
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
        return err_errno(e, errno, "cannot write %s", name);
    return 0;
}

int fs_write_atomic(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct err *e)
{
    _cleanup_free_ char *temporary = mem_printf("%s.new", name);
    if (write_synced(dirfd, temporary, data, n, mode, e) < 0) {
        unlinkat(dirfd, temporary, 0);
        return -1;
    }
    if (renameat(dirfd, temporary, dirfd, name) < 0) {
        int saved = errno;
        unlinkat(dirfd, temporary, 0);
        return err_errno(e, saved, "cannot replace %s", name);
    }
    return fsync(dirfd) < 0 ? err_errno(e, errno, "cannot write the directory of %s", name) : 0;
}

static int remove_children(int fd, dev_t device, struct err *e);

static int remove_entry(int dirfd, const char *name, dev_t device, struct err *e)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return err_errno(e, errno, "cannot remove %s", name);
    _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot remove %s", name);
    if (device && st.st_dev != device)
        return err_set(e, ERR_BUSY, "cannot remove %s: something is mounted on it", name);
    if (remove_children(fd, st.st_dev, e) < 0)
        return -1;
    return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? err_errno(e, errno, "cannot remove %s", name) : 0;
}

static int remove_children(int fd, dev_t device, struct err *e)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir __attribute__((cleanup(closedir_p))) = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        int saved = errno;
        if (copy >= 0)
            close(copy);
        return err_errno(e, saved, "cannot read a directory");
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
            continue;
        if (remove_entry(fd, entry->d_name, device, e) < 0)
            return -1;
    }
    return 0;
}

int fs_remove_tree(int dirfd, const char *name, struct err *e)
{
    struct stat parent;
    if (fstat(dirfd, &parent) < 0)
        return err_errno(e, errno, "cannot remove %s", name);
    return remove_entry(dirfd, name, parent.st_dev, e);
}
