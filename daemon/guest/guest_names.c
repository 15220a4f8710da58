/* The words that the API has for what the guest seam enumerates. */
#include "guest/guest_ops.h"

const char *guest_state_name(enum guest_state state)
{
    static const char *const names[] = {
        [GUEST_STOPPED] = "stopped",
        [GUEST_RUNNING] = "running",
        [GUEST_PAUSED] = "paused",
        [GUEST_BLOCKED] = "blocked",
        [GUEST_CRASHED] = "crashed",
        [GUEST_UNKNOWN] = "unknown",
    };
    return names[state];
}
