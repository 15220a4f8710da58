#include "iso/installer/patience.h"

#include <stdio.h>
#include <time.h>

static void console_say(void *arg, const char *what_for)
{
    (void)arg;
    printf("%s\n", what_for);
    fflush(stdout);
}

static void console_pause(void *arg, uint64_t ms)
{
    (void)arg;
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

const struct patience patience_console = {.clock = &clock_system, .say = console_say, .pause = console_pause};
