/* Looks at the host for the status: its configuration, addresses, certificate, services and file systems.
 * Nothing of it can fail: what is not to be seen is said in the status. */
#pragma once

#include "iso/console/facts.h"

void status_look(struct status *ret);
void status_clear(struct status *s);
