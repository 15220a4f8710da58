/* What the screen asks of lodged, through its socket. Each call waits some seconds at most. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* 0 when it is an administrator's name and password: somebody who may change the host, its settings and all
 * users. ERR_UNAUTHENTICATED: they are not; ERR_FORBIDDEN: they are somebody's who may not; ERR_TOO_MANY;
 * ERR_UNAVAILABLE and ERR_TIMEOUT: lodged cannot be asked. */
int lodged_check_administrator(const char *name, const char *password, struct err *e);
int lodged_set_password(const char *user, const char *password, struct err *e);
int lodged_count_running(size_t *ret, struct err *e);
