#include "helpers/ct_config.h"

#include <stdarg.h>

#include "base/text.h"

#define CPU_PERIOD_US 100000
#define PIDS_MIN      1024
#define PIDS_MAX      16384
#define CONSOLE_BYTES (4 << 20) /* then liblxc goes on in a new file and keeps this one, as NAME.1 */

void ct_items_clear(struct ct_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        free(items->list[i].key);
        free(items->list[i].value);
    }
    free(items->list);
    *items = (struct ct_items){0};
}

static void add(struct ct_items *items, const char *key, const char *fmt, ...) ATTR_PRINTF(3, 4);

static void add(struct ct_items *items, const char *key, const char *fmt, ...)
{
    char value[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof(value), fmt, args);
    va_end(args);
    items->list = mem_resize(items->list, items->n + 1, sizeof(*items->list));
    items->list[items->n++] = (struct ct_item){mem_strdup(key), mem_strdup(value)};
}

static void add_identity(struct ct_items *items, const json_t *request)
{
    const char *uuid = json_get_str(request, "uuid", ""), *instance = json_get_str(request, "instance", "");
    long long base = json_get_int(request, "id_base", 0), count = json_get_int(request, "id_count", 0);
    add(items, "lxc.uts.name", "%s", json_get_str(request, "name", uuid));
    add(items, "lxc.rootfs.path", "dir:%s", json_get_str(request, "root", ""));
    /* The owners on the medium are unshifted; the mount shifts them. */
    add(items, "lxc.rootfs.options", "idmap=container");
    add(items, "lxc.idmap", "u 0 %lld %lld", base, count);
    add(items, "lxc.idmap", "g 0 %lld %lld", base, count);
    /* Not the daemon's cgroup: what happens to it must not happen to the container. */
    add(items, "lxc.cgroup.dir.container", "lodge-%s/%s", instance, uuid);
    add(items, "lxc.cgroup.dir.monitor", "lodge-%s/%s.monitor", instance, uuid);
    add(items, "lxc.cgroup.dir.monitor.pivot", "lodge-%s/ended", instance);
}

static void add_system(struct ct_items *items, const json_t *request, const struct ct_host *host)
{
    add(items, "lxc.mount.auto", "proc:mixed sys:mixed cgroup:rw:force");
    add(items, "lxc.autodev", "1");
    add(items, "lxc.tty.max", "4");
    add(items, "lxc.pty.max", "1024");
    add(items, "lxc.cap.drop", "mac_admin mac_override sys_time sys_module sys_rawio");
    add(items, "lxc.apparmor.profile", "%s", host->apparmor ? "generated" : "unconfined");
    if (host->seccomp_path)
        add(items, "lxc.seccomp.profile", "%s", host->seccomp_path);
    const char *serial_log = json_get_str(request, "serial_log", NULL);
    if (serial_log) {
        add(items, "lxc.console.logfile", "%s", serial_log);
        add(items, "lxc.console.size", "%d", CONSOLE_BYTES);
        add(items, "lxc.console.rotate", "1");
    }
    static const char *const files[] = {
        "cpuinfo", "diskstats", "loadavg", "meminfo", "stat", "swaps", "uptime"};
    for (size_t i = 0; host->lxcfs && i < ARRAY_SIZE(files); i++)
        add(items, "lxc.mount.entry", "/var/lib/lxcfs/proc/%s proc/%s none bind,optional 0 0", files[i],
            files[i]);
}

/* Character devices that every Linux program may expect; all others are refused. */
static void add_devices(struct ct_items *items, const char *prefix)
{
    static const char *const allowed[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",
        "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", "c 10:229 rwm",
        "c 10:200 rwm"};
    _cleanup_free_ char *deny = mem_printf("%s.devices.deny", prefix);
    _cleanup_free_ char *allow = mem_printf("%s.devices.allow", prefix);
    add(items, deny, "a");
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
        add(items, allow, "%s", allowed[i]);
}

int ct_pids_max(int pid_max)
{
    return MIN_OF(MAX_OF(pid_max / 8, PIDS_MIN), PIDS_MAX);
}

static void add_limits(struct ct_items *items, const json_t *request, const struct ct_host *host)
{
    long long memory = json_get_int(request, "memory_bytes", 0), cores = json_get_int(request, "vcpus", 0);
    if (host->cgroup2) {
        if (memory)
            add(items, "lxc.cgroup2.memory.max", "%lld", memory);
        if (cores)
            add(items, "lxc.cgroup2.cpu.max", "%lld %d", cores * CPU_PERIOD_US, CPU_PERIOD_US);
        add(items, "lxc.cgroup2.pids.max", "%d", ct_pids_max(host->pid_max));
    } else {
        if (memory)
            add(items, "lxc.cgroup.memory.limit_in_bytes", "%lld", memory);
        if (cores) {
            add(items, "lxc.cgroup.cpu.cfs_period_us", "%d", CPU_PERIOD_US);
            add(items, "lxc.cgroup.cpu.cfs_quota_us", "%lld", cores * CPU_PERIOD_US);
        }
        add(items, "lxc.cgroup.pids.max", "%d", ct_pids_max(host->pid_max));
    }
    add_devices(items, host->cgroup2 ? "lxc.cgroup2" : "lxc.cgroup");
}

static void add_nic(struct ct_items *items, size_t i, const json_t *nic)
{
    const struct {
        const char *key, *member;
    } rows[] = {{"link", "bridge"}, {"hwaddr", "mac"}, {"veth.pair", "ifname"}};
    char key[64];
    snprintf(key, sizeof(key), "lxc.net.%zu.type", i);
    add(items, key, "veth");
    snprintf(key, sizeof(key), "lxc.net.%zu.flags", i);
    add(items, key, "up");
    snprintf(key, sizeof(key), "lxc.net.%zu.name", i);
    add(items, key, "eth%zu", i);
    for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
        const char *value = json_get_str(nic, rows[row].member, NULL);
        snprintf(key, sizeof(key), "lxc.net.%zu.%s", i, rows[row].key);
        if (value)
            add(items, key, "%s", value);
    }
    long long mtu = json_get_int(nic, "mtu", 0);
    snprintf(key, sizeof(key), "lxc.net.%zu.mtu", i);
    if (mtu)
        add(items, key, "%lld", mtu);
}

int ct_config(const json_t *request, const struct ct_host *host, struct ct_items *ret, struct err *e)
{
    static const char *const needed[] = {"uuid", "instance", "root", "lxcpath"};
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (!json_get_str(request, needed[i], NULL))
            return err_set(e, ERR_INVALID, "the request has no %s", needed[i]);
    if (json_get_int(request, "id_base", 0) <= 0 || json_get_int(request, "id_count", 0) <= 0)
        return err_set(e, ERR_INVALID, "the request has no range of user ids");
    struct ct_items items = {0};
    add_identity(&items, request);
    add_system(&items, request, host);
    add_limits(&items, request, host);
    size_t i;
    json_t *nic;
    json_array_foreach (json_get_arr(request, "nics"), i, nic)
        add_nic(&items, i, nic);
    /* Without any, liblxc would leave the container in the host's network. */
    if (!json_array_size(json_get_arr(request, "nics")))
        add(&items, "lxc.net.0.type", "empty");
    *ret = items;
    return 0;
}
