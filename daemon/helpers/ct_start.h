/* Starting a container: a monitor of its own, which has nothing in common with the daemon any more, runs it
 * to its end. */
#pragma once

#include "base/json.h"

/* Returns when the container runs; reports {"init": pid, "monitor": pid} or the error. The exit code. */
int ct_start(const json_t *request);
/* What a monitor becomes again for each reboot of its container. */
int ct_monitor(const json_t *request);
