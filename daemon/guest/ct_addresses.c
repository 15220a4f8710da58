#include "guest/ct_addresses.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"

#define TABLE_MAX (256 * 1024) /* a container with more routes than that keeps its addresses to itself */

#define SCOPE_GLOBAL  0x00
#define FLAG_UNUSABLE (0x08 | 0x20 | 0x40) /* duplicate, deprecated, tentative */

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

/* "|-- 192.0.2.10", and below it "/32 host LOCAL" where it is an address of its own. */
static void parse_ipv4(const char *table, struct guest_addresses *ret)
{
    char address[INET_ADDRSTRLEN] = "";
    for (const char *line = table; *line; line = next_line(line)) {
        const char *word = line + strspn(line, " ");
        if (sscanf(word, "|-- %15[0-9.]", address) == 1)
            continue;
        if (text_starts(word, "/32 host LOCAL") && *address && !text_starts(address, "127."))
            guest_addresses_add(ret, address);
    }
}

/* "fd00…0001 02 40 00 80 eth0": address, interface, prefix, scope, flags. */
static void parse_ipv6(const char *table, struct guest_addresses *ret)
{
    for (const char *line = table; *line; line = next_line(line)) {
        char digits[33], address[INET6_ADDRSTRLEN];
        unsigned interface, prefix, scope, flags;
        uint8_t bytes[16];
        if (sscanf(line, "%32[0-9a-f] %x %x %x %x", digits, &interface, &prefix, &scope, &flags) == 5 &&
            hex_decode(digits, bytes, sizeof(bytes)) && scope == SCOPE_GLOBAL && !(flags & FLAG_UNUSABLE) &&
            inet_ntop(AF_INET6, bytes, address, sizeof(address)))
            guest_addresses_add(ret, address);
    }
}

void ct_addresses_parse(const char *fib_trie, const char *if_inet6, struct guest_addresses *ret)
{
    *ret = (struct guest_addresses){0};
    if (fib_trie)
        parse_ipv4(fib_trie, ret);
    if (if_inet6)
        parse_ipv6(if_inet6, ret);
}

static char *table_of(pid_t init, const char *name)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/net/%s", (int)init, name);
    char *text = NULL;
    return fs_read(AT_FDCWD, path, TABLE_MAX, &text, NULL, NULL) == 0 ? text : NULL;
}

void ct_addresses_read(pid_t init, struct guest_addresses *ret)
{
    _cleanup_free_ char *fib_trie = table_of(init, "fib_trie"), *if_inet6 = table_of(init, "if_inet6");
    ct_addresses_parse(fib_trie, if_inet6, ret);
}
