/* The logs of guests' consoles, and of the address servers that guests ask: what a guest writes, or makes
 * others write, must not fill the host's disk. */
#pragma once

#include "core/core.h"

#define GUEST_LOG_MAX  (8 * 1024 * 1024) /* then only the newest part is kept, in the file with ".1" */
#define GUEST_LOG_KEEP (1024 * 1024)

/* Cuts logs that have grown; blocks: for workers. */
void guest_logs_trim(struct core *core);
