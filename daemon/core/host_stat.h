/* Figures of the host from /proc: two reads make a rate. */
#pragma once

#include <stdint.h>

struct host_live;

/* What the last read saw; zero before the first. */
struct host_stat_memory {
    uint64_t cpu_busy, cpu_total;
    uint64_t net_rx, net_tx, disk_read, disk_write;
    uint64_t at_ms;
};

void host_stat_read(struct host_stat_memory *memory, struct host_live *ret);
uint64_t host_memory_total(void); /* bytes */
unsigned host_cpu_count(void);
