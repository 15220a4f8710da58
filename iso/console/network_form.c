/* What somebody typed about the network: whether it can work, and what it changes. */
#include <arpa/inet.h>

#include "base/text.h"
#include "iso/common/formats.h"
#include "iso/console/host_file.h"

static bool no(char *why, const char *what, const char *reason)
{
    snprintf(why, 512, "%s %s.", what, reason);
    return false;
}

static bool fits(const struct format *f, const char *what, const char *text, char *why)
{
    char reason[WHY_MAX];
    if (f->check(text, reason))
        return true;
    _cleanup_free_ char *value = mem_printf("%s %s", what, text);
    return no(why, value, reason);
}

static bool gateway_valid(const struct network *n, char *why)
{
    struct cidr net;
    size_t length = strcspn(n->address, "/");
    if (!*n->gateway)
        return true;
    if (!fits(&format_address, "The router", n->gateway, why))
        return false;
    if (strlen(n->gateway) == length && strncmp(n->gateway, n->address, length) == 0)
        return no(why, "The router", "has the address of the host itself");
    if (cidr_parse(n->address, &net) && !cidr_contains(&net, n->gateway) && !text_starts(n->gateway, "fe80:"))
        return no(why, "The router", "is not in the network of the host's address: mind its prefix");
    return true;
}

static bool dns_valid(const char *dns, char *why)
{
    while (*(dns += strspn(dns, " ,\t"))) {
        size_t n = strcspn(dns, " ,\t");
        _cleanup_free_ char *server = mem_strndup(dns, n);
        if (!fits(&format_address, "The name server", server, why))
            return false;
        dns += n;
    }
    return true;
}

static bool vlan_valid(const char *vlan, char *why)
{
    uint64_t number;
    if (!*vlan || (text_u64(vlan, &number) && number >= 1 && number <= 4094))
        return true;
    return no(why, "The VLAN", "is a number from 1 to 4094, or left empty");
}

bool network_valid(const struct network *n, char why[static 512])
{
    if (!*n->card.name)
        return no(why, "A network card", "has to be chosen");
    if (!vlan_valid(n->vlan, why))
        return false;
    if (n->dhcp)
        return true;
    if (!*n->address)
        return no(why, "The address", "is missing: type it with its prefix, such as 192.0.2.10/24");
    return fits(&format_cidr, "The address", n->address, why) && gateway_valid(n, why) &&
           dns_valid(n->dns, why);
}

/* ---- what changes ---- */

static const char *unless_dhcp(const struct network *n, const char *value)
{
    return n->dhcp ? "by DHCP" : value;
}

char *network_changes(const struct network *from, const struct network *to)
{
    const struct {
        const char *label, *before, *after;
    } rows[] = {
        {"Card", from->card.name, to->card.name},
        {"Its MAC", from->card.mac, to->card.mac},
        {"VLAN", from->vlan, to->vlan},
        {"Address", unless_dhcp(from, from->address), unless_dhcp(to, to->address)},
        {"Router", unless_dhcp(from, from->gateway), unless_dhcp(to, to->gateway)},
        {"Name servers", unless_dhcp(from, from->dns), unless_dhcp(to, to->dns)},
    };
    struct buf out = {0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (!streq(rows[i].before, rows[i].after))
            buf_printf(&out, "%-13s %s -> %s\n", rows[i].label, *rows[i].before ? rows[i].before : "none",
                *rows[i].after ? rows[i].after : "none");
    return buf_take(&out);
}

char *network_warnings(const struct network *n)
{
    struct buf out = {0};
    if (!n->dhcp && !*n->gateway)
        buf_str(&out, "Without a router the host reaches its own network only.\n");
    if (!n->dhcp && !n->dns[strspn(n->dns, " ,\t")])
        buf_str(&out, "Without name servers the host resolves no names.\n");
    return buf_take(&out);
}
