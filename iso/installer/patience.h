/* Waiting for what comes late after a start: an address, a stick. A test owns the time. */
#pragma once

#include "base/clock.h"

struct patience {
    const struct clock *clock;
    void (*say)(void *arg, const char *what_for);
    void (*pause)(void *arg, uint64_t ms);
    void *arg;
};

/* Says it on standard output. */
extern const struct patience patience_console;
