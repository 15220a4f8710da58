/* IPv4 forwarding, which guests of a nat network need to reach out. It is one switch of the whole host: when
 * we are the ones who turn it on, what was before is written down first, so that `make run` can put it back
 * when it ends (daemon/run/clean.sh; on an installed host guests outlive the daemon, and the switch stays
 * on). */
#pragma once

#include "base/err.h"

/* The record's first line: the boot and the network namespace that it is about. The names of the links for
 * which forwarding was on follow, each in a line ("default" stands for links to come). */
#define FORWARDING_RECORD "forwarding"

/* `sysctls` is /proc/sys/net/ipv4, `dir` the folder of the record. Does nothing where forwarding is on
 * already. */
int forwarding_ensure(const char *sysctls, const char *dir, struct err *e);
