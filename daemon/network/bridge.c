#include "network/bridge.h"

#include <errno.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/socket.h>
#include <net/if.h>

static inline void nl_socket_free_p(struct nl_sock **sock)
{
    if (*sock)
        nl_socket_free(*sock);
}

static inline void rtnl_link_put_p(struct rtnl_link **link)
{
    if (*link)
        rtnl_link_put(*link);
}

static inline void rtnl_addr_put_p(struct rtnl_addr **addr)
{
    if (*addr)
        rtnl_addr_put(*addr);
}

static inline void nl_cache_free_p(struct nl_cache **cache)
{
    if (*cache)
        nl_cache_free(*cache);
}

static int set_netlink_error(struct err *e, int code, const char *what, const char *name)
{
    return err_set(e, ERR_INTERNAL, "cannot %s %s: %s", what, name, nl_geterror(code));
}

static int open_socket(struct nl_sock **ret, struct err *e)
{
    struct nl_sock *sock = nl_socket_alloc();
    int r = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;
    if (r < 0) {
        nl_socket_free_p(&sock);
        return err_set(
            e, ERR_INTERNAL, "cannot reach the kernel's network configuration: %s", nl_geterror(r));
    }
    *ret = sock;
    return 0;
}

/* *ret_link is NULL when there is none of that name. */
static int find_link(struct nl_sock *sock, const char *name, struct rtnl_link **ret_link, struct err *e)
{
    int r = rtnl_link_get_kernel(sock, 0, name, ret_link);
    if (r == -NLE_OBJ_NOTFOUND || r == -NLE_NODEV) {
        *ret_link = NULL;
        return 0;
    }
    return r < 0 ? set_netlink_error(e, r, "look up the link", name) : 0;
}

static bool is_bridge(struct rtnl_link *link)
{
    const char *type = rtnl_link_get_type(link);
    return type && streq(type, "bridge");
}

static bool is_ours(struct rtnl_link *link, const char *alias)
{
    const char *has = rtnl_link_get_ifalias(link);
    return is_bridge(link) && has && streq(has, alias);
}

/* The kernel takes no alias when it creates a link. A bridge that was never finished, because the daemon
 * died just then, is down and has none: that one may be taken over. */
static bool is_unfinished(struct rtnl_link *link)
{
    return is_bridge(link) && !rtnl_link_get_ifalias(link) && !(rtnl_link_get_flags(link) & IFF_UP);
}

static int create(struct nl_sock *sock, const char *name, struct err *e)
{
    struct rtnl_link *link __attribute__((cleanup(rtnl_link_put_p))) = rtnl_link_bridge_alloc();
    if (!link)
        return err_set(e, ERR_INTERNAL, "cannot create the bridge %s", name);
    rtnl_link_set_name(link, name);
    int r = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);
    return r < 0 ? set_netlink_error(e, r, "create the bridge", name) : 0;
}

static bool has_mac(struct rtnl_link *link, const uint8_t *mac)
{
    struct nl_addr *has = rtnl_link_get_addr(link);
    return has && nl_addr_get_len(has) == 6 && memcmp(nl_addr_get_binary_addr(has), mac, 6) == 0;
}

/* Alias, MTU, MAC and up: one request, and none when all is as it should be. */
static int configure(
    struct nl_sock *sock, struct rtnl_link *link, const struct bridge_spec *spec, struct err *e)
{
    bool mtu_fits = rtnl_link_get_mtu(link) == spec->mtu;
    if (is_ours(link, spec->alias) && mtu_fits && has_mac(link, spec->mac) &&
        (rtnl_link_get_flags(link) & IFF_UP))
        return 0;
    struct rtnl_link *change __attribute__((cleanup(rtnl_link_put_p))) = rtnl_link_alloc();
    struct nl_addr *mac = nl_addr_build(AF_LLC, spec->mac, 6);
    if (!change || !mac)
        return err_set(e, ERR_INTERNAL, "cannot configure the bridge %s", spec->name);
    rtnl_link_set_ifalias(change, spec->alias);
    rtnl_link_set_addr(change, mac);
    nl_addr_put(mac);
    if (!mtu_fits)
        rtnl_link_set_mtu(change, spec->mtu);
    rtnl_link_set_flags(change, IFF_UP);
    int r = rtnl_link_change(sock, link, change, 0);
    return r < 0 ? set_netlink_error(e, r, "configure the bridge", spec->name) : 0;
}

/* The bridge is ours, so are its IPv4 addresses: what is not wanted goes. */
static int remove_other_addresses(
    struct nl_sock *sock, int ifindex, struct nl_addr *wanted, bool *ret_present, struct err *e)
{
    struct nl_cache *cache __attribute__((cleanup(nl_cache_free_p))) = NULL;
    int r = rtnl_addr_alloc_cache(sock, &cache);
    if (r < 0)
        return err_set(e, ERR_INTERNAL, "cannot list addresses: %s", nl_geterror(r));
    *ret_present = false;
    for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
        struct rtnl_addr *addr = (struct rtnl_addr *)(void *)o;
        if (rtnl_addr_get_ifindex(addr) != ifindex || rtnl_addr_get_family(addr) != AF_INET)
            continue;
        struct nl_addr *local = rtnl_addr_get_local(addr);
        if (wanted && nl_addr_cmp(local, wanted) == 0)
            *ret_present = true;
        else if ((r = rtnl_addr_delete(sock, addr, 0)) < 0 && r != -NLE_NOADDR)
            return err_set(e, ERR_INTERNAL, "cannot remove an old address: %s", nl_geterror(r));
    }
    return 0;
}

static int set_address(struct nl_sock *sock, int ifindex, const struct bridge_spec *spec, struct err *e)
{
    struct nl_addr *wanted = NULL;
    if (spec->cidr && nl_addr_parse(spec->cidr, AF_INET, &wanted) < 0)
        return err_set(e, ERR_INVALID, "%s is no IPv4 address with a prefix length", spec->cidr);
    bool present = false;
    int r = remove_other_addresses(sock, ifindex, wanted, &present, e);
    if (r == 0 && wanted && !present) {
        struct rtnl_addr *addr __attribute__((cleanup(rtnl_addr_put_p))) = rtnl_addr_alloc();
        rtnl_addr_set_ifindex(addr, ifindex);
        rtnl_addr_set_local(addr, wanted);
        unsigned host_bits = 32 - nl_addr_get_prefixlen(wanted);
        if (host_bits > 1) {
            uint32_t bytes;
            memcpy(&bytes, nl_addr_get_binary_addr(wanted), sizeof(bytes));
            bytes |= htonl((uint32_t)((UINT64_C(1) << host_bits) - 1));
            struct nl_addr *broadcast = nl_addr_build(AF_INET, &bytes, sizeof(bytes));
            rtnl_addr_set_broadcast(addr, broadcast);
            nl_addr_put(broadcast);
        }
        r = rtnl_addr_add(sock, addr, 0);
        if (r < 0 && r != -NLE_EXIST)
            r = set_netlink_error(e, r, "give the address to", spec->name);
        else
            r = 0;
    }
    if (wanted)
        nl_addr_put(wanted);
    return r;
}

int bridge_ensure(const struct bridge_spec *spec, bool *ret_created, struct err *e)
{
    struct nl_sock *sock __attribute__((cleanup(nl_socket_free_p))) = NULL;
    struct rtnl_link *link __attribute__((cleanup(rtnl_link_put_p))) = NULL;
    if (open_socket(&sock, e) < 0 || find_link(sock, spec->name, &link, e) < 0)
        return -1;
    *ret_created = !link;
    if (!link && (create(sock, spec->name, e) < 0 || find_link(sock, spec->name, &link, e) < 0))
        return -1;
    if (!link)
        return err_set(e, ERR_INTERNAL, "the bridge %s vanished while it was made", spec->name);
    if (!is_ours(link, spec->alias) && !is_unfinished(link)) {
        const char *alias = rtnl_link_get_ifalias(link);
        err_set(e, ERR_CONFLICT, "the link %s exists already and belongs to somebody else%s%s", spec->name,
            alias ? ": " : "", alias ? alias : "");
        return err_hint(
            e, "choose another bridge name, or use a network of kind bridge to attach guests to it");
    }
    if (configure(sock, link, spec, e) < 0)
        return -1;
    return set_address(sock, rtnl_link_get_ifindex(link), spec, e);
}

int bridge_remove(const char *name, const char *alias, struct err *e)
{
    struct nl_sock *sock __attribute__((cleanup(nl_socket_free_p))) = NULL;
    struct rtnl_link *link __attribute__((cleanup(rtnl_link_put_p))) = NULL;
    if (open_socket(&sock, e) < 0 || find_link(sock, name, &link, e) < 0)
        return -1;
    if (!link || !is_ours(link, alias))
        return 0;
    int r = rtnl_link_delete(sock, link);
    return r < 0 && r != -NLE_NODEV && r != -NLE_OBJ_NOTFOUND
               ? set_netlink_error(e, r, "remove the bridge", name)
               : 0;
}

int bridge_check(const char *name, struct err *e)
{
    struct nl_sock *sock __attribute__((cleanup(nl_socket_free_p))) = NULL;
    struct rtnl_link *link __attribute__((cleanup(rtnl_link_put_p))) = NULL;
    if (open_socket(&sock, e) < 0 || find_link(sock, name, &link, e) < 0)
        return -1;
    if (!link) {
        err_set(e, ERR_NOT_FOUND, "the bridge %s does not exist on this host", name);
        return err_hint(e, "create it in the host's network configuration, or use a network of kind nat");
    }
    if (!is_bridge(link)) {
        const char *type = rtnl_link_get_type(link);
        err_set(e, ERR_INVALID, "%s is not a bridge but %s%s", name, type ? "of type " : "a network card",
            type ? type : "");
        return err_hint(e, "make a bridge on the host with %s as its port and name that one", name);
    }
    if (!(rtnl_link_get_flags(link) & IFF_UP)) {
        err_set(e, ERR_STATE, "the bridge %s is down", name);
        return err_hint(e, "set it up: ip link set %s up", name);
    }
    return 0;
}
