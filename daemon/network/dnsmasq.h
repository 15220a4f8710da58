/* The DHCP and DNS server of one network: a dnsmasq of its own, which outlives the daemon and is found
 * again through its pid file. */
#pragma once

#include "base/err.h"
#include "network/net_ops.h"

/* Makes it run with the configuration that belongs to `config` (which has a cidr): starts it, or starts
 * it again when the configuration is another or `new_bridge` (its sockets are bound to the old one).
 * `dir` is the network's folder. `forward`: names that it does
 * not know are asked of the host's name servers, and it is the guests' router. */
int dnsmasq_ensure(
    const char *dir, const struct net_config *config, bool forward, bool new_bridge, struct err *e);
/* A pidfd of the one that was started with this folder's configuration, owned; -1 when none runs. */
int dnsmasq_running(const char *dir);
/* Ends it; absent is success. */
int dnsmasq_remove(const char *dir, struct err *e);
/* The text of its configuration; owned. Pure. */
char *dnsmasq_config(const char *dir, const struct net_config *config, bool forward, const char *user);
