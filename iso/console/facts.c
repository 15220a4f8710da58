#include "iso/console/facts.h"

#include <arpa/inet.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* ---- addresses ---- */

/* In the order in which they are shown. A link-local address of IPv6 is none: browsers take no interface's
 * name. */
enum rank { RANK_IPV4, RANK_IPV6, RANK_LINK_LOCAL_IPV4, RANK_COUNT, RANK_NONE = RANK_COUNT };

static enum rank rank_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        uint32_t host = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
        return host >> 16 == 0xa9fe ? RANK_LINK_LOCAL_IPV4 : RANK_IPV4;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LINKLOCAL(v6) ? RANK_NONE : RANK_IPV6;
}

static void url_of(const struct sockaddr *address, char out[static URL_MAX])
{
    char text[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        inet_ntop(
            AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text, sizeof(text));
        snprintf(out, URL_MAX, "https://%s", text);
        return;
    }
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text, sizeof(text));
    snprintf(out, URL_MAX, "https://[%s]", text);
}

static bool is_of(const struct ifaddrs *a, const char *interface)
{
    return a->ifa_addr && streq(a->ifa_name, interface) &&
           (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6);
}

void urls_of(const struct ifaddrs *all, const char *interface, struct urls *ret)
{
    *ret = (struct urls){0};
    for (int rank = RANK_IPV4; rank < RANK_COUNT; rank++) {
        if (rank == RANK_LINK_LOCAL_IPV4 && ret->n)
            return;
        for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
            if (!is_of(a, interface) || (int)rank_of(a->ifa_addr) != rank)
                continue;
            if (ret->n < URLS_MAX)
                url_of(a->ifa_addr, ret->text[ret->n]);
            ret->n++;
        }
    }
}

/* ---- the certificate ---- */

static void fingerprint_format(const unsigned char *bytes, char *out)
{
    for (size_t i = 0; i < 32; i++)
        out += snprintf(out, 5, "%02X%s", bytes[i], i == 31 ? "" : i == 15 ? ":\n" : ":");
}

int fingerprint_of(const char *pem, size_t n, char out[static FINGERPRINT_MAX], struct err *e)
{
    unsigned char bytes[32] = {0};
    size_t size = sizeof(bytes);
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t text = {.data = (unsigned char *)(uintptr_t)pem, .size = (unsigned)n};
    int r = gnutls_x509_crt_init(&crt);
    if (r == 0)
        r = gnutls_x509_crt_import(crt, &text, GNUTLS_X509_FMT_PEM);
    if (r == 0)
        r = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, bytes, &size);
    gnutls_x509_crt_deinit(crt);
    if (r < 0)
        return err_set(e, ERR_DAMAGED, "the certificate cannot be read: %s", gnutls_strerror(r));
    fingerprint_format(bytes, out);
    return 0;
}

/* ---- services ---- */

const struct service services[] = {
    {"lodged", "lodged.service", NULL},
    {"lodge-gate", "lodge-gate.service", NULL},
    {"libvirtd", "libvirtd.service", "libvirtd.socket"},
};
const size_t n_services = ARRAY_SIZE(services);

static const struct {
    const char *active, *sub; /* NULL: any */
    const char *words;
} state_words[] = {
    {"active", NULL, "running"},
    {"reloading", NULL, "running, reads its configuration again"},
    {"activating", "auto-restart", "FAILED, retrying"},
    {"activating", NULL, "starting"},
    {"deactivating", NULL, "stopping"},
    {"failed", NULL, "FAILED"},
    {"inactive", NULL, "STOPPED"},
};

/* The value of `key` in the block of lines that begins at `block`; "" without one. */
static void block_value(const char *block, const char *key, char *out, size_t n)
{
    size_t length = strlen(key);
    snprintf(out, n, "%s", "");
    for (const char *line = block; *line && *line != '\n';) {
        size_t end = strcspn(line, "\n");
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            snprintf(out, n, "%.*s", (int)(end - length - 1), line + length + 1);
        line += end + (line[end] == '\n');
    }
}

/* Blocks are separated by an empty line. */
static const char *block_of(const char *shown, const char *unit)
{
    char id[64];
    for (const char *block = shown; block;) {
        block_value(block, "Id", id, sizeof(id));
        if (streq(id, unit))
            return block;
        block = strstr(block, "\n\n");
        block = block ? block + 2 : NULL;
    }
    return NULL;
}

static bool is_active(const char *shown, const char *unit)
{
    char active[32];
    const char *block = unit ? block_of(shown, unit) : NULL;
    if (block)
        block_value(block, "ActiveState", active, sizeof(active));
    return block && streq(active, "active");
}

const char *service_words(const struct service *s, const char *shown)
{
    char load[32], active[32], sub[32];
    const char *block = shown ? block_of(shown, s->unit) : NULL;
    if (!block)
        return "unknown: systemd does not answer";
    block_value(block, "LoadState", load, sizeof(load));
    block_value(block, "ActiveState", active, sizeof(active));
    block_value(block, "SubState", sub, sizeof(sub));
    if (streq(load, "not-found"))
        return "NOT INSTALLED";
    if (streq(active, "inactive") && is_active(shown, s->socket))
        return "ready: starts when it is needed";
    for (size_t i = 0; i < ARRAY_SIZE(state_words); i++)
        if (streq(state_words[i].active, active) && (!state_words[i].sub || streq(state_words[i].sub, sub)))
            return state_words[i].words;
    return "unknown";
}

/* ---- storage ---- */

/* The fifth field of a line is where; the image's paths have no blank that would be written otherwise. */
bool is_mounted(const char *mountinfo, const char *folder)
{
    size_t n = strlen(folder);
    for (const char *line = mountinfo; *line;) {
        const char *field = line;
        for (int i = 0; i < 4; i++) {
            field += strcspn(field, " \n");
            field += *field == ' ';
        }
        if (strncmp(field, folder, n) == 0 && field[n] == ' ')
            return true;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return false;
}
