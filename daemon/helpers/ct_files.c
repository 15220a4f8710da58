#include "helpers/ct_files.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"

unsigned long long ct_start_time(pid_t pid)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/stat", (int)pid), *text = NULL;
    if (fs_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
        return 0;
    /* The name in parentheses may hold anything, so the fields count from the last one. */
    const char *at = strrchr(text, ')');
    char state = 0;
    unsigned long long start = 0;
    if (!at ||
        sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
            &state, &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

int ct_file_write(int dirfd, const char *name, const char *text, struct err *e)
{
    _cleanup_free_ char *temporary = mem_printf("%s.new", name);
    _cleanup_close_ int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, errno, "cannot create %s", temporary);
    if (fs_write_all(fd, text, strlen(text), e) < 0)
        return err_prefix(e, "%s", name);
    return renameat(dirfd, temporary, dirfd, name) < 0 ? err_errno(e, errno, "cannot write %s", name) : 0;
}

int ct_process_write(int dirfd, const char *name, struct ct_process process, struct err *e)
{
    _cleanup_free_ char *text = mem_printf("{\"pid\":%d,\"start\":%llu}\n", (int)process.pid, process.start);
    return ct_file_write(dirfd, name, text, e);
}

int ct_process_read(int dirfd, const char *name, struct ct_process *ret)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    _cleanup_json_ json_t *json = NULL;
    if (fs_read(dirfd, name, 4096, &text, &n, NULL) < 0 || json_parse(text, n, name, &json, NULL) < 0)
        return 0;
    struct ct_process process = {
        (pid_t)json_get_int(json, "pid", 0), (unsigned long long)json_get_int(json, "start", 0)};
    if (process.pid <= 0 || !process.start || ct_start_time(process.pid) != process.start)
        return 0;
    *ret = process;
    return 1;
}
