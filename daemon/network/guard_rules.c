#include "network/guard_rules.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>

/* `%s` is the table. The kernel learns by itself what our address server has just given a card, for as long
 * as it takes lodged to read the lease: a guest that uses its address at once loses no packet. The card's own
 * MAC must stand in a request, or a guest could take and give back leases of others. Who is held sends
 * nothing but IP and ARP (and the RARP by which QEMU tells where a guest has moved to); the others no tagged
 * frames and nothing for the bridge itself. What there is no protocol field for in nft 1.0 is told by its
 * offset:
 *   @th,288,48  DHCP: the client's MAC           @th,192,32  DHCP: the address given
 *   @nh,96,32   IPv4: source                     @nh,112,32  ARP: sender's IPv4
 *   @th,64,128  neighbour advertisement: the address that it is for */
static const char rules[] =
    "add table bridge %s\n"
    "delete table bridge %s\n"
    "table bridge %s {\n"
    "  map cards { type ifname : verdict; }\n"
    "  set macs { type ifname . ether_addr; }\n"
    "  set addresses { type ifname . ipv4_addr; }\n"
    "  set addresses6 { type ifname . ipv6_addr; }\n"
    "  set barred { type ifname . ipv4_addr; }\n"
    "  set clients { typeof iifname . @th,288,48; }\n"
    "  set targets { typeof iifname . @th,64,128; }\n"
    "  set learned { typeof iifname . @nh,96,32; flags dynamic,timeout; timeout 1m; size 65536; }\n"
    "  chain identity {\n"
    "    iifname . ether saddr != @macs drop\n"
    "    ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop\n"
    "    ether type { 0x8100, 0x88a8, 0x9100 } drop\n"
    "    ether type arp iifname . arp saddr ether != @macs drop\n"
    "  }\n"
    "  chain free {\n"
    "    jump identity\n"
    "    iifname . arp saddr ip @barred drop\n"
    "    iifname . ip saddr @barred drop\n"
    "  }\n"
    "  chain held {\n"
    "    jump identity\n"
    "    ether type vmap { arp : goto held_arp, ip : goto held_ip, ip6 : goto held_ip6, 0x8035 : accept }\n"
    "    drop\n"
    "  }\n"
    "  chain held_arp {\n"
    "    iifname . arp saddr ip @addresses accept\n"
    "    iifname . @nh,112,32 @learned accept\n"
    "    arp operation request arp saddr ip 0.0.0.0 accept\n"
    "    drop\n"
    "  }\n"
    "  chain held_ip {\n"
    "    udp sport 67 drop\n"
    "    udp dport 67 iifname . @th,288,48 != @clients drop\n"
    "    iifname . ip saddr @addresses accept\n"
    "    iifname . @nh,96,32 @learned accept\n"
    "    ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept\n"
    "    drop\n"
    "  }\n"
    "  chain held_ip6 {\n"
    "    udp sport 547 drop\n"
    "    icmpv6 type { nd-router-advert, nd-redirect } drop\n"
    "    icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @targets drop\n"
    "    iifname . ip6 saddr @addresses6 accept\n"
    "    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report,"
    " mld2-listener-report } accept\n"
    "    drop\n"
    "  }\n"
    "  chain from_guests {\n"
    "    type filter hook prerouting priority -300; policy accept;\n"
    "    iifname vmap @cards\n"
    "  }\n"
    "  chain to_guests {\n"
    "    type filter hook output priority 0; policy accept;\n"
    "    udp sport 67 udp dport 68 @th,192,32 != 0 oifname . @th,288,48 @clients update @learned"
    " { oifname . @th,192,32 }\n"
    "  }\n"
    "}\n";

void guard_rules_table(const char *table, struct buf *out)
{
    buf_printf(out, rules, table, table, table);
}

static bool is_link(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    return n > 0 && n < 16;
}

static bool mac_parse(const char *text, uint8_t out[static 6])
{
    char hex[13];
    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 6; i++) {
        if (i && text[3 * i - 1] != ':')
            return false;
        memcpy(hex + 2 * i, text + 3 * i, 2);
    }
    hex[12] = '\0';
    return hex_decode(hex, out, 6);
}

static void element(struct guard_elements *set, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void element(struct guard_elements *set, const char *fmt, ...)
{
    char text[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    for (size_t i = 0; i < set->n; i++)
        if (streq(set->list[i], text))
            return;
    set->list = mem_resize(set->list, set->n + 1, sizeof(*set->list));
    set->list[set->n++] = mem_strdup(text);
}

static void address6(struct guard_elements *set, const char *link, const struct in6_addr *address)
{
    char text[INET6_ADDRSTRLEN], hex[33];
    hex_encode(address, sizeof(*address), hex);
    element(set, "addresses6 { \"%s\" . %s }", link, inet_ntop(AF_INET6, address, text, sizeof(text)));
    element(set, "targets { \"%s\" . 0x%s }", link, hex);
}

/* Modified EUI-64 (RFC 4291, appendix A). */
static struct in6_addr link_local(const uint8_t mac[static 6])
{
    return (struct in6_addr){.s6_addr = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe,
                                 mac[3], mac[4], mac[5]}};
}

static int add_address(
    struct guard_elements *set, const struct net_guard *guard, const char *address, struct err *e)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        element(set, "addresses { \"%s\" . %s }", guard->link, address);
    else if (inet_pton(AF_INET6, address, &v6) == 1)
        address6(set, guard->link, &v6);
    else
        return err_set(e, ERR_INVALID, "%.50s is no address", address);
    return 0;
}

int guard_rules_elements(const struct net_guard *guard, struct guard_elements *ret, struct err *e)
{
    struct guard_elements set = {0};
    uint8_t mac[6];
    struct in_addr barred;
    char hex[13];
    int r = 0;
    if (!is_link(guard->link) || !mac_parse(guard->mac, mac))
        return err_set(e, ERR_INVALID, "%.20s with %.20s is no network card", guard->link, guard->mac);
    if (guard->barred && inet_pton(AF_INET, guard->barred, &barred) != 1)
        return err_set(e, ERR_INVALID, "%.50s is no IPv4 address", guard->barred);
    hex_encode(mac, sizeof(mac), hex);
    element(&set, "cards { \"%s\" : goto %s }", guard->link, guard->held ? "held" : "free");
    element(&set, "macs { \"%s\" . %s }", guard->link, guard->mac);
    if (guard->held) {
        struct in6_addr own = link_local(mac);
        element(&set, "clients { \"%s\" . 0x%s }", guard->link, hex);
        address6(&set, guard->link, &own);
        for (size_t i = 0; i < guard->n_addresses && r == 0; i++)
            r = add_address(&set, guard, guard->addresses[i], e);
    } else if (guard->barred) {
        element(&set, "barred { \"%s\" . %s }", guard->link, guard->barred);
    }
    if (r < 0)
        guard_elements_clear(&set);
    else
        *ret = set;
    return r;
}

void guard_elements_clear(struct guard_elements *elements)
{
    for (size_t i = 0; i < elements->n; i++)
        free(elements->list[i]);
    free(elements->list);
    *elements = (struct guard_elements){0};
}

static bool has(const struct guard_elements *set, const char *text)
{
    for (size_t i = 0; set && i < set->n; i++)
        if (streq(set->list[i], text))
            return true;
    return false;
}

static void append(const char *verb, const char *table, const char *text, struct buf *out)
{
    int set = (int)strcspn(text, " ");
    buf_printf(out, "%s element bridge %s %.*s%s\n", verb, table, set, text, text + set);
}

void guard_rules_change(const char *table, const struct guard_elements *before,
    const struct guard_elements *after, struct buf *out)
{
    /* A card's verdict may be another: the old one must go before the new one comes. */
    for (size_t i = 0; before && i < before->n; i++)
        if (!has(after, before->list[i]))
            append("delete", table, before->list[i], out);
    for (size_t i = 0; after && i < after->n; i++)
        if (!has(before, after->list[i]))
            append("add", table, after->list[i], out);
}
