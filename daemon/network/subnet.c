/* Which private subnet is free on this host, for the first network. */
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>

#include "network/net_ops.h"

#define BASE (UINT32_C(10) << 24 | UINT32_C(77) << 16)

/* Marks the /24 of 10.77.0.0/16 that a route covers. A default route covers everything and nothing. */
static void mark_route(struct nl_object *object, void *arg)
{
    bool *taken = arg;
    struct rtnl_route *route = (struct rtnl_route *)(void *)object;
    struct nl_addr *dst = rtnl_route_get_dst(route);
    if (rtnl_route_get_family(route) != AF_INET || !dst || nl_addr_get_len(dst) != 4)
        return;
    unsigned prefix = nl_addr_get_prefixlen(dst);
    if (prefix == 0 || prefix > 32)
        return;
    uint32_t bytes;
    memcpy(&bytes, nl_addr_get_binary_addr(dst), sizeof(bytes));
    uint32_t mask = ~UINT32_C(0) << (32 - prefix), first = ntohl(bytes) & mask, last = first | ~mask;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t from = BASE | i << 8;
        if (first <= (from | 255) && last >= from)
            taken[i] = true;
    }
}

int net_free_subnet(char *ret_cidr, size_t size, struct err *e)
{
    struct nl_sock *sock = nl_socket_alloc();
    struct nl_cache *cache = NULL;
    int r = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;
    if (r == 0)
        r = rtnl_route_alloc_cache(sock, AF_INET, 0, &cache);
    bool taken[256] = {false};
    if (r == 0) {
        nl_cache_foreach(cache, mark_route, taken);
        nl_cache_free(cache);
    }
    if (sock)
        nl_socket_free(sock);
    if (r < 0)
        return err_set(e, ERR_INTERNAL, "cannot read this host's routes: %s", nl_geterror(r));
    for (unsigned i = 0; i < 256; i++)
        if (!taken[i]) {
            snprintf(ret_cidr, size, "10.77.%u.0/24", i);
            return 0;
        }
    err_set(e, ERR_CAPACITY, "every subnet of 10.77.0.0/16 is routed on this host already");
    return err_hint(e, "give the network a subnet of your own");
}
