/* Networks without links, for tests. Leases are read from LODGE_STATE/run/net/<uuid>/leases, in
 * dnsmasq's format, which a test writes. Its calls in the plan are named as in net_ops. */
#pragma once

#include "base/fake_plan.h"
#include "network/net_ops.h"

extern const struct net_ops net_fake_nat;
extern const struct net_ops net_fake_isolated;
extern const struct net_ops net_fake_bridge;
/* Writes what the cards in its care may do into LODGE_STATE/run/guards, a line each: link, MAC, "held" or
 * "free", addresses. No link exists: leases change nothing. */
extern const struct guard_ops guard_fake;
extern struct fake_plan net_fake_plan;
