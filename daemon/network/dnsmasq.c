#include "network/dnsmasq.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/text.h"

#define LEASE_SECONDS 3600

static const char *netmask(const char *cidr, char out[static INET_ADDRSTRLEN])
{
    uint64_t prefix = 24;
    const char *slash = strchr(cidr, '/');
    if (slash)
        text_u64(slash + 1, &prefix);
    struct in_addr mask = {prefix ? htonl(~UINT32_C(0) << (32 - prefix)) : 0};
    return inet_ntop(AF_INET, &mask, out, INET_ADDRSTRLEN);
}

char *dnsmasq_config(const char *dir, const struct net_config *config, bool forward, const char *user)
{
    char mask[INET_ADDRSTRLEN];
    struct buf b = {0};
    buf_printf(&b,
        "# Network %s (%s). Written by lodged; changes are lost.\n"
        "interface=%s\nexcept-interface=lo\nbind-dynamic\n"
        "user=%s\npid-file=%s/dnsmasq.pid\ndhcp-leasefile=%s/leases\nlog-facility=%s/dnsmasq.log\n"
        /* Without no-ping each first lease waits three seconds for an answer that never comes. */
        "no-ping\nno-hosts\ndomain-needed\nbogus-priv\nquiet-dhcp\n",
        config->name, config->uuid, config->bridge, user, dir, dir, dir);
    /* Only a network that reaches out asks others; else a name that is not known is not known. */
    buf_str(&b, forward ? "resolv-file=/etc/resolv.conf\n" : "no-resolv\n");
    if (config->domain)
        buf_printf(&b, "domain=%s\nlocal=/%s/\nexpand-hosts\n", config->domain, config->domain);
    if (config->dhcp_from && config->dhcp_to) {
        buf_printf(&b, "dhcp-range=%s,%s,%s,%d\ndhcp-authoritative\ndhcp-lease-max=65536\n",
            config->dhcp_from, config->dhcp_to, netmask(config->cidr, mask), LEASE_SECONDS);
        if (!forward)
            buf_str(&b, "dhcp-option=option:router\n"); /* an empty one: none is told */
        if (config->mtu && config->mtu != 1500)
            buf_printf(&b, "dhcp-option=option:mtu,%u\n", config->mtu);
    }
    return buf_take(&b);
}

/* The pid in the file may belong to another program by now: only its command line tells. */
int dnsmasq_running(const char *dir)
{
    _cleanup_free_ char *path = mem_printf("%s/dnsmasq.pid", dir);
    _cleanup_free_ char *text = NULL, *cmdline = NULL;
    if (fs_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    uint64_t pid;
    if (!text_u64(text, &pid) || pid == 0 || pid > INT32_MAX)
        return -1;
    _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    _cleanup_free_ char *proc_path = mem_printf("/proc/%d/cmdline", (int)pid);
    size_t n = 0;
    if (pidfd < 0 || fs_read(AT_FDCWD, proc_path, 4096, &cmdline, &n, NULL) < 0 || n == 0)
        return -1;
    _cleanup_free_ char *wanted = mem_printf("--conf-file=%s/dnsmasq.conf", dir);
    for (const char *arg = cmdline; arg < cmdline + n; arg += strlen(arg) + 1)
        if (streq(arg, wanted))
            return TAKE_FD(pidfd);
    return -1;
}

static bool ended_within(int pidfd, int timeout_ms)
{
    struct pollfd p = {pidfd, POLLIN, 0};
    return poll(&p, 1, timeout_ms) > 0;
}

static int end_running(int pidfd, struct err *e)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    if (ended_within(pidfd, 2000))
        return 0;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    return ended_within(pidfd, 2000) ? 0 : err_set(e, ERR_TIMEOUT, "dnsmasq does not end");
}

/* A unit of systemd's is its child; in the sandbox of `make run` systemd-run would name a process of another
 * namespace. */
static bool is_systemd_unit(void)
{
    return getppid() == 1 && access("/run/systemd/system", F_OK) == 0;
}

/* Under systemd in a scope of its own: what happens to the daemon's unit must not happen to it. */
static int start(const char *dir, struct err *e)
{
    _cleanup_free_ char *option = mem_printf("--conf-file=%s/dnsmasq.conf", dir);
    const char *const scoped[] = {"systemd-run", "--quiet", "--scope", "--collect", "--slice=system.slice",
        "--description=Lodge: address server", "dnsmasq", option, NULL};
    const char *const *argv = scoped + (is_systemd_unit() ? 0 : 6);
    /* It forks twice and answers when its sockets are bound: its exit code tells whether it could start. */
    struct proc_spec spec = {.argv = argv, .new_session = true};
    if (proc_check(&spec, 10000, e) < 0) {
        err_prefix(e, "cannot start the address server");
        return e && e->hint[0]
                   ? -1
                   : err_hint(e, "another DHCP server may use the same addresses: ss -lnup 'sport = 67'");
    }
    return 0;
}

static const char *unprivileged_user(void)
{
    char text[1024];
    struct passwd entry, *found = NULL;
    return getpwnam_r("dnsmasq", &entry, text, sizeof(text), &found) == 0 && found ? "dnsmasq" : "nobody";
}

int dnsmasq_ensure(
    const char *dir, const struct net_config *config, bool forward, bool new_bridge, struct err *e)
{
    _cleanup_free_ char *wanted = dnsmasq_config(dir, config, forward, unprivileged_user());
    _cleanup_free_ char *present = NULL;
    _cleanup_close_ int dirfd = -1;
    if (fs_open_dir(dir, 0755, &dirfd, e) < 0)
        return -1;
    bool same = fs_read(dirfd, "dnsmasq.conf", 65536, &present, NULL, NULL) == 0 && streq(present, wanted);
    _cleanup_close_ int running = dnsmasq_running(dir);
    if (same && !new_bridge && running >= 0 && !ended_within(running, 0))
        return 0;
    if (running >= 0 && end_running(running, e) < 0)
        return -1;
    if (!same && fs_write_atomic(dirfd, "dnsmasq.conf", wanted, strlen(wanted), 0644, e) < 0)
        return -1;
    return start(dir, e);
}

int dnsmasq_remove(const char *dir, struct err *e)
{
    _cleanup_close_ int running = dnsmasq_running(dir);
    return running < 0 ? 0 : end_running(running, e);
}
