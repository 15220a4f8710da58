/* The kinds of networks: nat and isolated have a bridge, packet rules and an address server of ours; a
 * bridge is the host's own and only looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>

#include "base/crypto.h"
#include "base/fs.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/dnsmasq.h"
#include "network/forwarding.h"
#include "network/leases.h"
#include "network/net_ops.h"
#include "network/nft.h"

struct driver {
    char *state_dir;
    char *alias;
    struct nft *nft;
};

static void driver_close(void *arg)
{
    struct driver *driver = arg;
    nft_close(driver->nft);
    free(driver->state_dir);
    free(driver->alias);
    free(driver);
}

static int driver_open(const struct net_options *options, void **ret_driver, struct err *e)
{
    struct driver *driver = mem_new(struct driver, 1);
    driver->state_dir = mem_strdup(options->state_dir);
    driver->alias = mem_printf("lodge:%s", options->instance);
    if (nft_open(options->instance, &driver->nft, e) < 0) {
        driver_close(driver);
        return -1;
    }
    *ret_driver = driver;
    return 0;
}

static char *network_dir(const struct driver *driver, const struct net_config *config)
{
    return mem_printf("%s/run/net/%s", driver->state_dir, config->uuid);
}

static int write_sysctl(const char *path, const char *value, struct err *e)
{
    _cleanup_free_ char *present = NULL;
    if (fs_read(AT_FDCWD, path, 64, &present, NULL, NULL) == 0 && strncmp(present, value, strlen(value)) == 0)
        return 0;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return err_errno(e, errno, "cannot write %s", path);
    return 0;
}

/* The host must not take its routes or addresses from a guest's router advertisements. A kernel without
 * IPv6 has no such file. */
static void refuse_advertisements(const char *bridge)
{
    static const char *const names[] = {"accept_ra", "autoconf"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = mem_printf("/proc/sys/net/ipv6/conf/%s/%s", bridge, names[i]);
        write_sysctl(path, "0", NULL);
    }
}

/* Its MAC follows from its uuid (locally administered), so that guests keep their neighbour entry. */
static void bridge_mac(const char *uuid, uint8_t mac[static 6])
{
    char hex[SHA256_HEX_LEN + 1];
    sha256_hex(uuid, strlen(uuid), hex);
    hex[12] = '\0';
    hex_decode(hex, mac, 6);
    mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

/* "10.77.0.1/24" → "10.77.0.0/24", owned; NULL when it is none. */
static char *subnet_of(const char *cidr)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr bytes;
    uint64_t prefix;
    const char *slash = cidr ? strchr(cidr, '/') : NULL;
    _cleanup_free_ char *host = slash ? mem_strndup(cidr, (size_t)(slash - cidr)) : NULL;
    if (!host || inet_pton(AF_INET, host, &bytes) != 1 || !text_u64(slash + 1, &prefix) || prefix > 32)
        return NULL;
    bytes.s_addr &= prefix ? htonl(~UINT32_C(0) << (32 - prefix)) : 0;
    return mem_printf(
        "%s/%llu", inet_ntop(AF_INET, &bytes, address, sizeof(address)), (unsigned long long)prefix);
}

static int ensure(struct driver *driver, const struct net_config *config, enum nft_kind kind, struct err *e)
{
    uint8_t mac[6];
    bridge_mac(config->uuid, mac);
    _cleanup_free_ char *subnet = subnet_of(config->cidr), *dir = network_dir(driver, config);
    if (config->cidr && !subnet)
        return err_set(e, ERR_INVALID, "%s is no IPv4 address with a prefix length", config->cidr);
    struct bridge_spec bridge = {.name = config->bridge,
        .alias = driver->alias,
        .cidr = config->cidr,
        .mtu = config->mtu ? config->mtu : 1500,
        .mac = mac};
    struct nft_network rules = {kind, config->uuid, config->bridge, subnet};
    /* The rules come first: a guest must not find the bridge before its walls stand. */
    bool new_bridge;
    if (nft_ensure(driver->nft, &rules, e) < 0)
        return -1;
    if (bridge_ensure(&bridge, &new_bridge, e) < 0) {
        nft_remove(driver->nft, config->uuid, NULL); /* that name may be somebody else's link */
        return -1;
    }
    refuse_advertisements(config->bridge);
    _cleanup_free_ char *run = mem_printf("%s/run", driver->state_dir);
    if (kind != NFT_ISOLATED && config->cidr && forwarding_ensure("/proc/sys/net/ipv4", run, e) < 0)
        return err_prefix(e, "cannot let guests reach out");
    if (!config->cidr)
        return dnsmasq_remove(dir, e);
    return dnsmasq_ensure(dir, config, kind != NFT_ISOLATED, new_bridge, e);
}

static int nat_ensure(void *driver, const struct net_config *config, struct err *e)
{
    if (ensure(driver, config, config->masquerade ? NFT_NAT : NFT_ROUTED, e) < 0)
        return err_prefix(e, "network %s", config->name);
    return 0;
}

static int isolated_ensure(void *driver, const struct net_config *config, struct err *e)
{
    if (ensure(driver, config, NFT_ISOLATED, e) < 0)
        return err_prefix(e, "network %s", config->name);
    return 0;
}

static int own_remove(void *arg, const struct net_config *config, struct err *e)
{
    struct driver *driver = arg;
    _cleanup_free_ char *dir = network_dir(driver, config),
                        *parent = mem_printf("%s/run/net", driver->state_dir);
    if (dnsmasq_remove(dir, e) < 0 || bridge_remove(config->bridge, driver->alias, e) < 0 ||
        nft_remove(driver->nft, config->uuid, e) < 0)
        return err_prefix(e, "network %s", config->name);
    _cleanup_close_ int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? 0 : fs_remove_tree(fd, config->uuid, e);
}

static int own_leases(
    void *driver, const struct net_config *config, net_lease_fn *fn, void *arg, struct err *e)
{
    _cleanup_free_ char *dir = network_dir(driver, config), *path = mem_printf("%s/leases", dir);
    return leases_read(path, fn, arg, e);
}

static int own_lease_dir(void *driver, const struct net_config *config, char *ret, size_t size)
{
    _cleanup_free_ char *dir = network_dir(driver, config);
    return snprintf(ret, size, "%s", dir) < (int)size ? 0 : -1;
}

static int own_server(void *driver, const struct net_config *config)
{
    _cleanup_free_ char *dir = network_dir(driver, config);
    return dnsmasq_running(dir);
}

static int bridge_open(const struct net_options *options, void **ret_driver, struct err *e)
{
    (void)options;
    (void)e;
    *ret_driver = NULL;
    return 0;
}

static void bridge_close(void *driver)
{
    (void)driver;
}

static int bridge_kind_ensure(void *driver, const struct net_config *config, struct err *e)
{
    (void)driver;
    return bridge_check(config->bridge, e) < 0 ? err_prefix(e, "network %s", config->name) : 0;
}

static int bridge_kind_remove(void *driver, const struct net_config *config, struct err *e)
{
    (void)driver;
    (void)config;
    (void)e;
    return 0;
}

const struct net_ops net_nat = {
    .kind = "nat",
    .help = "a private segment with an address server; guests reach out under the host's address",
    .open = driver_open,
    .close = driver_close,
    .ensure = nat_ensure,
    .remove = own_remove,
    .leases = own_leases,
    .lease_dir = own_lease_dir,
    .server = own_server,
};

const struct net_ops net_isolated = {
    .kind = "isolated",
    .help = "a private segment: guests reach each other, and of the host only its address and name server",
    .open = driver_open,
    .close = driver_close,
    .ensure = isolated_ensure,
    .remove = own_remove,
    .leases = own_leases,
    .lease_dir = own_lease_dir,
    .server = own_server,
};

const struct net_ops net_bridge = {
    .kind = "bridge",
    .help = "a bridge that this host has already",
    .open = bridge_open,
    .close = bridge_close,
    .ensure = bridge_kind_ensure,
    .remove = bridge_kind_remove,
};
