#include "network/nft_rules.h"

#include "base/crypto.h"
#include "base/text.h"

/* json_pack gives NULL only for a wrong format or no memory. */
static json_t *built(json_t *value)
{
    if (!value)
        abort();
    return value;
}

static json_t *match(const char *op, json_t *left, json_t *right)
{
    return built(json_pack("{s:{s:s, s:o, s:o}}", "match", "op", op, "left", left, "right", right));
}

static json_t *match_link(const char *op, const char *which, const char *link)
{
    return match(op, built(json_pack("{s:{s:s}}", "meta", "key", which)), built(json_string(link)));
}

static json_t *field(const char *protocol, const char *name)
{
    return built(json_pack("{s:{s:s, s:s}}", "payload", "protocol", protocol, "field", name));
}

static json_t *match_source(const char *op, const char *subnet)
{
    _cleanup_free_ char *address = mem_strndup(subnet, strcspn(subnet, "/"));
    uint64_t prefix = 32;
    if (strchr(subnet, '/'))
        text_u64(strchr(subnet, '/') + 1, &prefix);
    return match(op, field("ip", "saddr"),
        built(json_pack("{s:{s:s, s:I}}", "prefix", "addr", address, "len", (json_int_t)prefix)));
}

static json_t *match_answers(void)
{
    return match("in", built(json_pack("{s:{s:s}}", "ct", "key", "state")),
        built(json_pack("[s, s]", "established", "related")));
}

static json_t *verdict(const char *name)
{
    return built(json_pack("{s:n}", name));
}

static json_t *refuse(void)
{
    return built(json_pack("{s:{s:s, s:s}}", "reject", "type", "icmpx", "expr", "admin-prohibited"));
}

struct rules {
    json_t *list;
    const char *table;
    const char *comment;
};

/* Adds a rule of up to four expressions; the last one that is not NULL is its verdict. */
static void add(struct rules *rules, const char *chain, json_t *a, json_t *b, json_t *c, json_t *d)
{
    json_t *expressions = json_array();
    json_t *all[] = {a, b, c, d};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (all[i])
            json_array_append_new(expressions, all[i]);
    json_array_append_new(
        rules->list, built(json_pack("{s:{s:s, s:s, s:s, s:s, s:o}}", "rule", "family", "inet", "table",
                         rules->table, "chain", chain, "comment", rules->comment, "expr", expressions)));
}

static void add_nat(struct rules *r, const struct nft_network *net)
{
    if (net->subnet)
        add(r, "forward", match_link("==", "iifname", net->bridge), match_link("!=", "oifname", net->bridge),
            match_source("!=", net->subnet), verdict("drop"));
    add(r, "forward", match_link("==", "oifname", net->bridge), match_link("!=", "iifname", net->bridge),
        match_answers(), verdict("accept"));
    add(r, "forward", match_link("==", "oifname", net->bridge), match_link("!=", "iifname", net->bridge),
        refuse(), NULL);
    if (net->subnet)
        add(r, "postrouting", match_source("==", net->subnet), match_link("!=", "oifname", net->bridge),
            verdict("masquerade"), NULL);
}

static json_t *match_ports(const char *protocol, json_t *ports)
{
    return match("==", field(protocol, "dport"), ports);
}

static void add_isolated(struct rules *r, const struct nft_network *net)
{
    const char *bridge = net->bridge;
    add(r, "forward", match_link("==", "iifname", bridge), match_link("!=", "oifname", bridge), refuse(),
        NULL);
    add(r, "forward", match_link("==", "oifname", bridge), match_link("!=", "iifname", bridge), refuse(),
        NULL);
    add(r, "input", match_link("==", "iifname", bridge), match_answers(), verdict("accept"), NULL);
    add(r, "input", match_link("==", "iifname", bridge),
        match_ports("udp", built(json_pack("{s:[i, i]}", "set", 53, 67))), verdict("accept"), NULL);
    add(r, "input", match_link("==", "iifname", bridge), match_ports("tcp", json_integer(53)),
        verdict("accept"), NULL);
    add(r, "input", match_link("==", "iifname", bridge),
        match("==", field("icmp", "type"), built(json_string("echo-request"))), verdict("accept"), NULL);
    add(r, "input", match_link("==", "iifname", bridge), verdict("drop"), NULL, NULL);
}

static void add_routed(struct rules *r, const struct nft_network *net)
{
    (void)r;
    (void)net;
}

json_t *nft_rules_network(const char *table, const struct nft_network *network)
{
    static void (*const adders[])(struct rules *, const struct nft_network *) = {
        [NFT_NAT] = add_nat, [NFT_ISOLATED] = add_isolated, [NFT_ROUTED] = add_routed};
    /* The fingerprint is of all that the rules depend on, and of the rules' own version. */
    char hash[SHA256_HEX_LEN + 1];
    _cleanup_free_ char *all =
        mem_printf("1 %d %s %s", network->kind, network->bridge, network->subnet ? network->subnet : "-");
    sha256_hex(all, strlen(all), hash);
    _cleanup_free_ char *comment = mem_printf("%s %.16s", network->uuid, hash);
    struct rules rules = {json_array(), table, comment};
    adders[network->kind](&rules, network);
    return rules.list;
}

json_t *nft_rules_chains(const char *table)
{
    static const struct {
        const char *name, *type, *hook;
        int priority;
    } chains[] = {
        {"input", "filter", "input", 0},
        {"forward", "filter", "forward", 0},
        {"postrouting", "nat", "postrouting", 100},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
        json_array_append_new(
            list, built(json_pack("{s:{s:s, s:s, s:s, s:s, s:s, s:i, s:s}}", "chain", "family", "inet",
                      "table", table, "name", chains[i].name, "type", chains[i].type, "hook", chains[i].hook,
                      "prio", chains[i].priority, "policy", "accept")));
    return list;
}

bool nft_rules_is_of(const char *comment, const char *uuid)
{
    size_t n = strlen(uuid);
    return comment && strncmp(comment, uuid, n) == 0 && comment[n] == ' ';
}
