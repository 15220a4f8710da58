#include "network/leases.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/text.h"

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* dnsmasq puts the hardware type before a MAC that is not of Ethernet ("06-aa:…"): those are skipped. */
static bool is_mac(char *text)
{
    if (strlen(text) != 17)
        return false;
    for (int i = 0; i < 17; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
        text[i] = (char)tolower((unsigned char)text[i]);
    }
    return true;
}

static bool parse_line(const char *line, struct net_lease *ret)
{
    char expiry[24], mac[64], address[64], hostname[256];
    uint64_t seconds;
    if (sscanf(line, "%23s %63s %63s %255s", expiry, mac, address, hostname) != 4 ||
        !text_u64(expiry, &seconds) || !is_mac(mac) || !is_address(address))
        return false;
    *ret = (struct net_lease){.expires_ms = seconds * 1000};
    memcpy(ret->mac, mac, sizeof(ret->mac));
    memcpy(ret->address, address, strnlen(address, sizeof(ret->address) - 1));
    if (!streq(hostname, "*"))
        memcpy(ret->hostname, hostname, strnlen(hostname, sizeof(ret->hostname) - 1));
    return true;
}

void leases_parse(const char *text, net_lease_fn *fn, void *arg)
{
    while (*text) {
        const char *end = strchrnul(text, '\n');
        _cleanup_free_ char *line = mem_strndup(text, (size_t)(end - text));
        struct net_lease lease;
        if (parse_line(line, &lease))
            fn(arg, &lease);
        text = *end ? end + 1 : end;
    }
}

int leases_read(const char *path, net_lease_fn *fn, void *arg, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    struct err why = {0};
    if (fs_read(AT_FDCWD, path, 8 << 20, &text, NULL, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 0;
        if (e)
            *e = why;
        return -1;
    }
    leases_parse(text, fn, arg);
    return 0;
}
