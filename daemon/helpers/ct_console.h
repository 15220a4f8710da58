/* Consoles of containers, inside of lodge-ct. Descriptors leave by the socket at CT_CONSOLE_FD, with one
 * byte beside them, before the answer that report.h describes. */
#pragma once

#include <lxc/lxccontainer.h>

#include "helpers/ct_files.h"

/* The container's /dev/console: a terminal's master side, and what keeps it allocated. */
int ct_console(struct lxc_container *c, char **args);
/* A shell in a session and a terminal of its own: args are columns, rows and the command, if any. Answers
 * when the shell is about to run, and ends with it, with its code. */
int ct_shell(struct lxc_container *c, char **args);
