/* Telling the service manager how far a start is: systemd's protocol, sd_notify(3). Not by its library, which
 * reads the environment at each call: what stands there every child inherits, the first process of a
 * container, too. */
#pragma once

/* Takes the manager's address out of the environment; before there are threads. Returns a descriptor, or -1
 * when nobody is to be told. */
int notify_open(void);
/* "READY=1", "STOPPING=1". Nothing happens with -1. */
void notify_send(int fd, const char *state);
