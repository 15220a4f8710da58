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
        log_warning("cannot cut the log %s", name);
}

static void trim_large(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > GUEST_LOG_MAX)
        trim(dir, name, st.st_size);
}

static void trim_consoles(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n > 4 && streq(entry->d_name + n - 4, ".log"))
            trim_large(dirfd(dir), entry->d_name);
    }
    if (dir)
        closedir(dir);
}

static void trim_address_servers(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        _cleanup_close_ int network =
            uuid_valid(entry->d_name) ? openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                      : -1;
        if (network >= 0)
            trim_large(network, "dnsmasq.log");
    }
    if (dir)
        closedir(dir);
}

void guest_logs_trim(struct core *core)
{
    _cleanup_free_ char *consoles = mem_printf("%s/log/guests", core->state_dir),
                        *networks = mem_printf("%s/run/net", core->state_dir);
    trim_consoles(consoles);
    trim_address_servers(networks);
}
