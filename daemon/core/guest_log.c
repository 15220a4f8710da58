#include "core/guest_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"

/* Whoever writes has the file open for appending, so that it goes on at the beginning of the empty file. */
static void trim(int dir, const char *name, off_t size)
{
    _cleanup_close_ int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *tail = mem_alloc(GUEST_LOG_KEEP), *kept = mem_printf("%s.1", name);
    ssize_t n = fd < 0 ? -1 : pread(fd, tail, GUEST_LOG_KEEP, size - GUEST_LOG_KEEP);
    struct err e;
    if (n < 0 || fs_write_atomic(dir, kept, tail, (size_t)n, 0600, &e) < 0 || ftruncate(fd, 0) < 0)
        log_warning("cannot cut the console log %s", name);
}

void guest_logs_trim(struct core *core)
{
    _cleanup_free_ char *path = mem_printf("%s/log/guests", core->state_dir);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        size_t n = strlen(entry->d_name);
        bool log = n > 4 && streq(entry->d_name + n - 4, ".log");
        if (log && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_size > GUEST_LOG_MAX)
            trim(dirfd(dir), entry->d_name, st.st_size);
    }
    closedir(dir);
}
