/* Whether somebody at the screen may act: root's password, or an administrator of Lodge. Wrong attempts make
 * the next one wait, at all screens of the host together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Seconds that the next attempt waits after this many failures. */
unsigned proof_wait_s(unsigned failures);

/* "root", or an administrator of Lodge. */
int proof_check(const char *name, const char *password, struct err *e);
bool proof_root_has_password(void);
