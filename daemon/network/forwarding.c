#include "network/forwarding.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/text.h"

static bool is_on(int dir, const char *path)
{
    _cleanup_free_ char *value = NULL;
    return fs_read(dir, path, 64, &value, NULL, NULL) == 0 && value[0] == '1';
}

/* "5b3f…-… net:[4026531840]": a record of another boot says nothing about this one. */
static char *here(void)
{
    _cleanup_free_ char *boot = NULL;
    char netns[64] = "";
    if (fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot, NULL, NULL) < 0)
        return mem_strdup("unknown");
    boot[strcspn(boot, "\n")] = '\0';
    if (readlink("/proc/self/ns/net", netns, sizeof(netns) - 1) < 0)
        netns[0] = '\0';
    return mem_printf("%s %s", boot, netns);
}

static int add_links(int sysctls, struct buf *out, struct err *e)
{
    int fd = openat(sysctls, "conf", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *conf = fd < 0 ? NULL : fdopendir(fd);
    if (!conf) {
        int saved = errno;
        close_p(&fd);
        return err_errno(e, saved, "cannot list the links of this host");
    }
    for (struct dirent *entry; (entry = readdir(conf));) {
        _cleanup_free_ char *path = mem_printf("%s/forwarding", entry->d_name);
        if (entry->d_name[0] != '.' && !streq(entry->d_name, "all") && is_on(dirfd(conf), path))
            buf_printf(out, "%s\n", entry->d_name);
    }
    closedir(conf);
    return 0;
}

/* What was before us, not before this call: a record of ours that holds stays. */
static int write_down(int sysctls, int dir, struct err *e)
{
    _cleanup_free_ char *now = here(), *present = NULL;
    _cleanup_buf_ struct buf text = {0};
    buf_printf(&text, "%s\n", now);
    if (fs_read(dir, FORWARDING_RECORD, 65536, &present, NULL, NULL) == 0 && text_starts(present, text.data))
        return 0;
    if (add_links(sysctls, &text, e) < 0)
        return -1;
    return fs_write_atomic(dir, FORWARDING_RECORD, text.data, text.len, 0644, e);
}

int forwarding_ensure(const char *sysctls, const char *dir, struct err *e)
{
    _cleanup_close_ int from = open(sysctls, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
    if (from < 0)
        return err_errno(e, errno, "cannot open %s", sysctls);
    if (is_on(from, "ip_forward"))
        return 0;
    if (fs_open_dir(dir, 0755, &to, e) < 0 || write_down(from, to, e) < 0)
        return -1;
    _cleanup_close_ int fd = openat(from, "ip_forward", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1", 1) != 1)
        return err_errno(e, errno, "cannot write %s/ip_forward", sysctls);
    return 0;
}
