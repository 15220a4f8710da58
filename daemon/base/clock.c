#include "base/clock.h"

#include <time.h>

static uint64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t system_unix_ms(void *arg)
{
    (void)arg;
    return read_ms(CLOCK_REALTIME);
}

static uint64_t system_monotonic_ms(void *arg)
{
    (void)arg;
    return read_ms(CLOCK_MONOTONIC);
}

const struct clock clock_system = {.unix_ms = system_unix_ms, .monotonic_ms = system_monotonic_ms};
