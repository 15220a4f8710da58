/* dnsmasq's file of leases: one line each, "expiry MAC address hostname client-id". */
#pragma once

#include "network/net_ops.h"

/* Lines that are no lease (IPv6 header, half written) are skipped; a missing file has none. */
void leases_parse(const char *text, net_lease_fn *fn, void *arg);
int leases_read(const char *path, net_lease_fn *fn, void *arg, struct err *e);
