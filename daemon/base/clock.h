/* Time, passed in where a decision depends on it: a test owns it then. */
#pragma once

#include <stdint.h>

struct clock {
    uint64_t (*unix_ms)(void *arg);      /* wall clock: for people and expiry dates */
    uint64_t (*monotonic_ms)(void *arg); /* for deadlines */
    void *arg;
};

extern const struct clock clock_system;

static inline uint64_t clock_unix_ms(const struct clock *c)
{
    return c->unix_ms(c->arg);
}

static inline uint64_t clock_monotonic_ms(const struct clock *c)
{
    return c->monotonic_ms(c->arg);
}
