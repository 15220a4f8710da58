/* lodged: the daemon, for whichever drivers its main names. */
#pragma once

#include "core/core.h"

/* Parses arguments, opens everything, runs the loop until SIGTERM. The exit code. */
int lodged_run(int argc, char **argv, const struct core_drivers *drivers);
