#include "helpers/ct_host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/fs.h"

#define SECCOMP_PATH  "/usr/share/lxc/config/common.seccomp"
#define LXCFS_UNIT    "/sys/fs/cgroup/system.slice/lxcfs.service"
#define LXCFS_WAIT_MS 20000

static bool has_apparmor(void)
{
    _cleanup_free_ char *text = NULL;
    return fs_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text, NULL, NULL) == 0 &&
           text[0] == 'Y' && access("/sys/kernel/security/apparmor/profiles", F_OK) == 0 &&
           access("/usr/sbin/apparmor_parser", X_OK) == 0;
}

/* Once the host has started: systemd takes lxcfs for started before its files are there. */
static bool has_lxcfs(void)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + LXCFS_WAIT_MS;
    bool there;
    while (!(there = access("/var/lib/lxcfs/proc/meminfo", R_OK) == 0) && access(LXCFS_UNIT, F_OK) == 0 &&
           clock_monotonic_ms(&clock_system) < until)
        poll(NULL, 0, 50);
    return there;
}

static int read_pid_max(void)
{
    _cleanup_free_ char *text = NULL;
    return fs_read(AT_FDCWD, "/proc/sys/kernel/pid_max", 32, &text, NULL, NULL) == 0 ? atoi(text) : 32768;
}

struct ct_host ct_host_detect(void)
{
    struct statfs st;
    return (struct ct_host){
        .cgroup2 = statfs("/sys/fs/cgroup", &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC,
        .apparmor = has_apparmor(),
        .lxcfs = has_lxcfs(),
        .seccomp_path = access(SECCOMP_PATH, R_OK) == 0 ? SECCOMP_PATH : NULL,
        .pid_max = read_pid_max(),
    };
}
