/* What core knows of networks: segments with a bridge that guests attach to. Calls block and run in
 * workers, one at a time. `ensure` is idempotent and repairs what somebody removed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct net_config {
    const char *uuid;
    const char *name;
    const char *bridge;              /* link name; at most 15 characters */
    const char *cidr;                /* "10.77.0.1/24": the host's own address; NULL without one */
    const char *dhcp_from, *dhcp_to; /* both or none: an address server for the segment */
    const char *domain;              /* DNS domain; NULL: none */
    bool masquerade;                 /* guests reach out under the host's address */
    unsigned mtu;                    /* 0: 1500 */
};

struct net_options {
    const char *state_dir; /* LODGE_STATE: leases in run/net/<uuid>/ */
    const char *instance;  /* ifalias "lodge:<instance>", nft table lodge_<instance> */
};

struct net_lease {
    char mac[18];     /* lower case with colons */
    char address[46]; /* IPv4 or IPv6 text */
    char hostname[64];
    uint64_t expires_ms; /* unix time; 0: never */
};
typedef void net_lease_fn(void *arg, const struct net_lease *lease);

struct net_ops {
    const char *kind; /* as in the API: "nat", "isolated", "bridge" */
    const char *help;
    int (*open)(const struct net_options *options, void **ret_driver, struct err *e);
    void (*close)(void *driver); /* leaves the networks as they are */
    int (*ensure)(void *driver, const struct net_config *config, struct err *e);
    /* Removes what ensure made (never a bridge that is not ours); absent is success. */
    int (*remove)(void *driver, const struct net_config *config, struct err *e);
    /* Current leases; NULL where the kind has no address server. Cheap: reads one file. */
    int (*leases)(void *driver, const struct net_config *config, net_lease_fn *fn, void *arg, struct err *e);
    /* The folder whose change says that leases changed (for inotify), written into ret. */
    int (*lease_dir)(void *driver, const struct net_config *config, char *ret, size_t size);
    /* A pidfd of the network's address server, for the caller to close; -1 when none runs. NULL where the
     * kind has none. */
    int (*server)(void *driver, const struct net_config *config);
};

/* What one network card of a guest may send, by the name of its link on the host. */
struct net_guard {
    const char *link;
    const char *mac;
    /* A segment whose addresses are ours to give: only `addresses` may be used, and nobody else answers for
     * addresses, routes and names. Otherwise only the MAC is held, and `barred` is not to be taken. */
    bool held;
    const char *const
        *addresses; /* IPv4 and IPv6 text; the link-local address of the MAC goes without saying */
    size_t n_addresses;
    const char *barred; /* IPv4 of the host on that segment; NULL: none */
};

/* Anti-spoofing: packet rules for the links of guests, over all kinds of networks. Thread-safe. */
struct guard_ops {
    int (*open)(const struct net_options *options, void **ret_driver, struct err *e);
    void (*close)(void *driver); /* leaves the rules as they are */
    /* Makes the rules anew, at one stroke, for exactly these cards; none: they are removed. Comes first in a
     * process, and after any failure. */
    int (*replace)(void *driver, const struct net_guard *guards, size_t n, struct err *e);
    /* From now on these are all the cards whose link begins with `prefix`. */
    int (*set)(void *driver, const char *prefix, const struct net_guard *guards, size_t n, struct err *e);
    bool (*link_exists)(void *driver, const char *link);
};

extern const struct guard_ops guard_nft;

extern const struct net_ops net_nat;
extern const struct net_ops net_isolated;
extern const struct net_ops net_bridge;

/* The first /24 of 10.77.0.0/16 that this host routes nowhere else: "10.77.0.0/24". */
int net_free_subnet(char *ret_cidr, size_t size, struct err *e);
