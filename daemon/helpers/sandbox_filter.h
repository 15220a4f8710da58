/* Limits and the filter on system calls of the cell. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* No new privileges, limits, and no capabilities but, with keeps_owners, those to give files their owners
 * and modes within the cell's own ids. Cannot be undone. */
int sandbox_drop(bool keeps_owners, struct err *e);
/* `programs`: what never belongs into a program that handles files is refused. Otherwise: all but a short
 * list of file calls is. */
int sandbox_filter(bool programs, struct err *e);
