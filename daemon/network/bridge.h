/* Linux bridges by netlink. A bridge is ours when its alias says so; others are never changed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct bridge_spec {
    const char *name;
    const char *alias; /* "lodge:<instance>" */
    const char *cidr;  /* IPv4 of the host on it; NULL: none */
    unsigned mtu;
    const uint8_t *mac; /* 6 bytes; fixed, since a bridge otherwise takes its lowest port's */
};

/* Creates it (*ret_created then) or repairs what differs. ERR_CONFLICT when somebody else's link has its
 * name. */
int bridge_ensure(const struct bridge_spec *spec, bool *ret_created, struct err *e);
/* Removes it if it is ours; absent is success, somebody else's is left alone. */
int bridge_remove(const char *name, const char *alias, struct err *e);
/* Checks that a link exists, is a bridge and is up. It is the host's: nothing is changed. */
int bridge_check(const char *name, struct err *e);
