#include "core/host_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/fs.h"
#include "core/inventory.h"

static uint64_t meminfo(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    unsigned long long kib = 0;
    if (at)
        sscanf(at + strlen(key), ": %llu kB", &kib);
    return kib * 1024;
}

__attribute__((noinline)) static char *proc_text(const char *path)
{
    char *text = NULL;
    if (fs_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL) < 0)
        text = mem_strdup("");
    return text;
}

uint64_t host_memory_total(void)
{
    _cleanup_free_ char *text = proc_text("/proc/meminfo");
    return meminfo(text, "MemTotal");
}

unsigned host_cpu_count(void)
{
    return (unsigned)get_nprocs();
}

static void read_cpu(uint64_t *busy, uint64_t *total)
{
    _cleanup_free_ char *text = proc_text("/proc/stat");
    unsigned long long v[8] = {0};
    sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
        &v[6], &v[7]);
    *total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(v); i++)
        *total += v[i];
    *busy = *total - v[3] - v[4]; /* idle, iowait */
}

/* Physical cards only: the traffic of bridges and taps passes through them or never leaves. */
static void read_net(uint64_t *rx, uint64_t *tx)
{
    _cleanup_free_ char *text = proc_text("/proc/net/dev");
    *rx = *tx = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[32], path[80];
        unsigned long long r, t;
        if (sscanf(line, " %31[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &r, &t) != 3)
            continue;
        snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
        if (access(path, F_OK) < 0)
            continue;
        *rx += r;
        *tx += t;
    }
}

static void read_disk(uint64_t *read_bytes, uint64_t *write_bytes)
{
    _cleanup_free_ char *text = proc_text("/proc/diskstats");
    *read_bytes = *write_bytes = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[40], path[96];
        unsigned long long r, w;
        if (sscanf(line, " %*u %*u %39s %*u %*u %llu %*u %*u %*u %llu", name, &r, &w) != 3)
            continue;
        snprintf(path, sizeof(path), "/sys/block/%s/device", name);
        if (access(path, F_OK) < 0)
            continue;
        *read_bytes += r * 512; /* sectors of 512 bytes: Documentation/admin-guide/iostats.rst */
        *write_bytes += w * 512;
    }
}

static uint64_t per_second(uint64_t before, uint64_t now, uint64_t ms)
{
    return now >= before && ms ? (now - before) * 1000 / ms : 0;
}

void host_stat_read(struct host_stat_memory *m, struct host_live *ret)
{
    struct host_stat_memory now = {.at_ms = clock_monotonic_ms(&clock_system)};
    read_cpu(&now.cpu_busy, &now.cpu_total);
    read_net(&now.net_rx, &now.net_tx);
    read_disk(&now.disk_read, &now.disk_write);
    _cleanup_free_ char *text = proc_text("/proc/meminfo");
    struct sysinfo info;
    sysinfo(&info);
    *ret = (struct host_live){
        .memory_total_bytes = meminfo(text, "MemTotal"),
        .memory_used_bytes = meminfo(text, "MemTotal") - meminfo(text, "MemAvailable"),
        .uptime_s = (uint64_t)info.uptime,
    };
    _cleanup_free_ char *mdstat = proc_text("/proc/mdstat"); /* not there without an array */
    ret->mirror = mirror_of(mdstat);
    getloadavg(ret->load, 3);
    uint64_t ms = m->at_ms ? now.at_ms - m->at_ms : 0;
    if (ms) {
        uint64_t total = now.cpu_total - m->cpu_total;
        ret->cpu = total ? (double)(now.cpu_busy - m->cpu_busy) / (double)total : 0;
        ret->net_rx = per_second(m->net_rx, now.net_rx, ms);
        ret->net_tx = per_second(m->net_tx, now.net_tx, ms);
        ret->disk_read = per_second(m->disk_read, now.disk_read, ms);
        ret->disk_write = per_second(m->disk_write, now.disk_write, ms);
    }
    *m = now;
}
