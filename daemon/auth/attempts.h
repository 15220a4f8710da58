/* Slowing down the guessing of passwords: each failure of an account or an address makes the next
 * try wait longer. Nobody is locked out for ever: an address waits 5 minutes at most, an account 5
 * seconds, and not at all from an address that it signed in from before. Failures fade with time;
 * memory is bounded. Loop thread only; the clock is passed in. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct attempts;
struct attempts *attempts_new(const struct clock *clock);
void attempts_free(struct attempts *a);
DEFINE_CLEANUP(struct attempts *, attempts_free)

/* Before the password is looked at: ERR_TOO_MANY when it is too early, with the seconds to wait in the
 * hint and in *ret_wait_s (may be NULL). A try that is refused here costs nothing more. One that is
 * allowed counts like a failure until one of the calls below ends it, so that many at once gain nothing. */
int attempts_check(
    struct attempts *a, const char *user, const char *address, unsigned *ret_wait_s, struct err *e);
void attempts_failed(struct attempts *a, const char *user, const char *address);
void attempts_succeeded(struct attempts *a, const char *user, const char *address);
