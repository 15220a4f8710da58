/* Looks at the host for the status: its configuration, addresses, certificate, services and file systems.
 * Nothing of it can fail: what is not to be seen is said in the status. */
#pragma once

#include "iso/console/facts.h"

/* *s is zeroed, or what was seen last. Without `ask_systemd` what systemd said of them stays: asking it costs
 * more than all the rest. */
void status_look(struct status *s, bool ask_systemd);
void status_clear(struct status *s);
