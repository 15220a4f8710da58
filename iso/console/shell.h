/* A login shell of root on this terminal, as a session of its own on a terminal of its own between: what it
 * leaves running can neither read nor write the screen afterwards. */
#pragma once

#include "base/err.h"

/* Until it ends. The terminal is as it was before. */
int shell_run(struct err *e);
