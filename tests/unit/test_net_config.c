/* Packet rules, the address server's configuration, and its leases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/text.h"
#include "network/dnsmasq.h"
#include "network/guard_rules.h"
#include "network/leases.h"
#include "network/nft_rules.h"

#define UUID "11111111-1111-4111-8111-111111111111"

static const struct nft_network nat = {NFT_NAT, UUID, "lodge0", "10.77.0.0/24"};
static const struct nft_network isolated = {NFT_ISOLATED, UUID, "lodge1", "10.78.0.0/24"};
static const struct nft_network routed = {NFT_ROUTED, UUID, "lodge2", "10.79.0.0/24"};

/* How many of its rules are in this chain. */
static size_t rules_in(const struct nft_network *network, const char *chain)
{
    _cleanup_json_ json_t *rules = nft_rules_network("t", network);
    size_t i, n = 0;
    json_t *entry;
    json_array_foreach (rules, i, entry)
        if (streq(json_get_str(json_get_obj(entry, "rule"), "chain", ""), chain))
            n++;
    return n;
}

static char *text_of(const struct nft_network *network)
{
    _cleanup_json_ json_t *rules = nft_rules_network("t", network);
    return json_text(rules);
}

static void a_nat_network_hides_its_guests_and_lets_nobody_in(void **state)
{
    (void)state;
    assert_int_equal(rules_in(&nat, "postrouting"), 1);
    assert_int_equal(rules_in(&nat, "forward"), 3);
    assert_int_equal(rules_in(&nat, "input"), 0);
    _cleanup_free_ char *text = text_of(&nat);
    assert_non_null(strstr(text, "masquerade"));
    assert_non_null(strstr(text, "admin-prohibited"));
}

static void an_isolated_network_reaches_only_the_hosts_address_and_name_server(void **state)
{
    (void)state;
    assert_int_equal(rules_in(&isolated, "postrouting"), 0);
    assert_int_equal(rules_in(&isolated, "forward"), 2);
    assert_int_equal(rules_in(&isolated, "input"), 5);
    _cleanup_json_ json_t *rules = nft_rules_network("t", &isolated);
    json_t *last = json_get_obj(json_array_get(rules, json_array_size(rules) - 1), "rule");
    _cleanup_free_ char *text = json_text(last);
    assert_non_null(strstr(text, "drop"));
}

static void a_routed_network_has_no_rules(void **state)
{
    (void)state;
    _cleanup_json_ json_t *rules = nft_rules_network("t", &routed);
    assert_int_equal(json_array_size(rules), 0);
}

static const char *comment_of(const struct nft_network *network, char out[static 128])
{
    _cleanup_json_ json_t *rules = nft_rules_network("t", network);
    snprintf(out, 128, "%s", json_get_str(json_get_obj(json_array_get(rules, 0), "rule"), "comment", ""));
    return out;
}

static void what_changes_the_rules_changes_their_fingerprint(void **state)
{
    (void)state;
    char a[128], b[128];
    struct nft_network other = nat;
    assert_string_equal(comment_of(&nat, a), comment_of(&other, b));
    other.bridge = "lodge9";
    assert_string_not_equal(a, comment_of(&other, b));
    other = nat;
    other.subnet = "10.77.1.0/24";
    assert_string_not_equal(a, comment_of(&other, b));
    other = nat;
    other.kind = NFT_ISOLATED;
    assert_string_not_equal(a, comment_of(&other, b));
    assert_true(nft_rules_is_of(a, UUID));
    assert_false(nft_rules_is_of(a, "11111111-1111-4111-8111-11111111111"));
    assert_false(nft_rules_is_of(NULL, UUID));
}

static struct net_config network(void)
{
    return (struct net_config){.uuid = UUID,
        .name = "default",
        .bridge = "lodge0",
        .cidr = "10.77.0.1/20",
        .dhcp_from = "10.77.0.100",
        .dhcp_to = "10.77.0.250",
        .domain = "lodge.test",
        .mtu = 9000};
}

static void the_address_server_listens_on_its_bridge_only(void **state)
{
    (void)state;
    struct net_config config = network();
    _cleanup_free_ char *text = dnsmasq_config("/run/net/x", &config, true, "nobody");
    assert_non_null(strstr(text, "\ninterface=lodge0\nexcept-interface=lo\nbind-dynamic\n"));
    assert_non_null(strstr(text, "\ndhcp-range=10.77.0.100,10.77.0.250,255.255.240.0,3600\n"));
    assert_non_null(strstr(text, "\ndomain=lodge.test\nlocal=/lodge.test/\n"));
    assert_non_null(strstr(text, "\ndhcp-option=option:mtu,9000\n"));
    assert_null(strstr(text, "no-resolv"));
    assert_null(strstr(text, "option:router"));
}

static void an_isolated_network_has_no_router_and_asks_nobody(void **state)
{
    (void)state;
    struct net_config config = network();
    _cleanup_free_ char *text = dnsmasq_config("/run/net/x", &config, false, "nobody");
    assert_non_null(strstr(text, "\nno-resolv\n"));
    assert_non_null(strstr(text, "\ndhcp-option=option:router\n"));
    assert_null(strstr(text, "resolv-file"));
}

static void without_a_range_there_is_no_dhcp(void **state)
{
    (void)state;
    struct net_config config = network();
    config.dhcp_from = config.dhcp_to = config.domain = NULL;
    _cleanup_free_ char *text = dnsmasq_config("/run/net/x", &config, true, "nobody");
    assert_null(strstr(text, "dhcp-range"));
    assert_null(strstr(text, "domain="));
}

struct seen {
    struct net_lease list[8];
    size_t n;
};

static void see(void *arg, const struct net_lease *lease)
{
    struct seen *seen = arg;
    assert_true(seen->n < ARRAY_SIZE(seen->list));
    seen->list[seen->n++] = *lease;
}

static void leases_are_read_and_what_is_none_is_skipped(void **state)
{
    (void)state;
    struct seen seen = {0};
    leases_parse("1700000000 52:54:00:AA:bb:cc 10.77.0.100 web1 01:52:54:00:aa:bb:cc\n"
                 "0 52:54:00:00:00:02 10.77.0.101 * *\n"
                 "duid 00:01:00:01:2a\n"
                 "1700000000 1234 fd00::5 six 00:01\n"
                 "1700000000 06-52:54:00:00:00:03 10.77.0.102 x *\n"
                 "1700000000 52:54:00:00:00:04 10.77.0.999 x *\n"
                 "-5 52:54:00:00:00:04 10.77.0.9 x *\n"
                 "1700000000 52:54:00:00:00:05 10.77.0.1",
        see, &seen);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.list[0].mac, "52:54:00:aa:bb:cc");
    assert_string_equal(seen.list[0].address, "10.77.0.100");
    assert_string_equal(seen.list[0].hostname, "web1");
    assert_int_equal(seen.list[0].expires_ms, UINT64_C(1700000000000));
    assert_string_equal(seen.list[1].hostname, "");
    assert_int_equal(seen.list[1].expires_ms, 0);
}

static void a_missing_lease_file_has_no_leases(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct err e = {0};
    assert_int_equal(leases_read("/nonexistent/leases", see, &seen, &e), 0);
    assert_int_equal(seen.n, 0);
}

#define LINK "lg11111111.0"
#define MAC  "02:4c:00:00:00:0a"

/* The elements of a card, a line each. */
static char *elements_of(const struct net_guard *guard)
{
    struct guard_elements elements = {0};
    struct buf out = {0};
    struct err e = {0};
    assert_int_equal(guard_rules_elements(guard, &elements, &e), 0);
    for (size_t i = 0; i < elements.n; i++)
        buf_printf(&out, "%s\n", elements.list[i]);
    guard_elements_clear(&elements);
    return buf_take(&out);
}

static void a_held_card_has_its_mac_its_addresses_and_the_link_local_one(void **state)
{
    (void)state;
    const char *addresses[] = {"10.77.0.101", "2001:db8::9", "10.77.0.101"};
    struct net_guard guard = {
        .link = LINK, .mac = MAC, .held = true, .addresses = addresses, .n_addresses = 3};
    _cleanup_free_ char *text = elements_of(&guard);
    assert_string_equal(text, "cards { \"" LINK "\" : goto held }\n"
                              "macs { \"" LINK "\" . 02:4c:00:00:00:0a }\n"
                              "clients { \"" LINK "\" . 0x024c0000000a }\n"
                              "addresses6 { \"" LINK "\" . fe80::4c:ff:fe00:a }\n"
                              "targets { \"" LINK "\" . 0xfe80000000000000004c00fffe00000a }\n"
                              "addresses { \"" LINK "\" . 10.77.0.101 }\n"
                              "addresses6 { \"" LINK "\" . 2001:db8::9 }\n"
                              "targets { \"" LINK "\" . 0x20010db8000000000000000000000009 }\n");
}

static void a_free_card_has_its_mac_and_may_not_be_the_host(void **state)
{
    (void)state;
    struct net_guard guard = {.link = LINK, .mac = MAC, .barred = "10.78.0.1"};
    _cleanup_free_ char *text = elements_of(&guard);
    assert_string_equal(text, "cards { \"" LINK "\" : goto free }\n"
                              "macs { \"" LINK "\" . 02:4c:00:00:00:0a }\n"
                              "barred { \"" LINK "\" . 10.78.0.1 }\n");
}

static void a_new_lease_changes_nothing_but_the_address(void **state)
{
    (void)state;
    const char *old[] = {"10.77.0.101"}, *new[] = {"10.77.0.102"};
    struct net_guard guard = {.link = LINK, .mac = MAC, .held = true, .addresses = old, .n_addresses = 1};
    struct guard_elements before = {0}, after = {0};
    struct err e = {0};
    _cleanup_buf_ struct buf out = {0};
    assert_int_equal(guard_rules_elements(&guard, &before, &e), 0);
    guard.addresses = new;
    assert_int_equal(guard_rules_elements(&guard, &after, &e), 0);
    guard_rules_change("t", &before, &before, &out);
    assert_int_equal(out.len, 0);
    guard_rules_change("t", &before, &after, &out);
    assert_string_equal(out.data, "delete element bridge t addresses { \"" LINK "\" . 10.77.0.101 }\n"
                                  "add element bridge t addresses { \"" LINK "\" . 10.77.0.102 }\n");
    guard_elements_clear(&before);
    guard_elements_clear(&after);
}

static void what_is_no_card_never_becomes_a_rule(void **state)
{
    (void)state;
    const char *odd[] = {"10.77.0.1 } ; drop"};
    const struct net_guard guards[] = {
        {.link = "lg\" ; flush", .mac = MAC},
        {.link = "", .mac = MAC},
        {.link = "lg0123456789abcde", .mac = MAC},
        {.link = LINK, .mac = "02:4c:00:00:00:0"},
        {.link = LINK, .mac = "02:4c:00:00:00:0a;"},
        {.link = LINK, .mac = "zz:4c:00:00:00:0a"},
        {.link = LINK, .mac = MAC, .barred = "::1"},
        {.link = LINK, .mac = MAC, .held = true, .addresses = odd, .n_addresses = 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
        struct guard_elements elements = {0};
        struct err e = {0};
        assert_int_equal(guard_rules_elements(&guards[i], &elements, &e), -1);
        assert_int_equal(e.code, ERR_INVALID);
        assert_int_equal(elements.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nat_network_hides_its_guests_and_lets_nobody_in),
        cmocka_unit_test(an_isolated_network_reaches_only_the_hosts_address_and_name_server),
        cmocka_unit_test(a_routed_network_has_no_rules),
        cmocka_unit_test(what_changes_the_rules_changes_their_fingerprint),
        cmocka_unit_test(the_address_server_listens_on_its_bridge_only),
        cmocka_unit_test(an_isolated_network_has_no_router_and_asks_nobody),
        cmocka_unit_test(without_a_range_there_is_no_dhcp),
        cmocka_unit_test(leases_are_read_and_what_is_none_is_skipped),
        cmocka_unit_test(a_missing_lease_file_has_no_leases),
        cmocka_unit_test(a_held_card_has_its_mac_its_addresses_and_the_link_local_one),
        cmocka_unit_test(a_free_card_has_its_mac_and_may_not_be_the_host),
        cmocka_unit_test(a_new_lease_changes_nothing_but_the_address),
        cmocka_unit_test(what_is_no_card_never_becomes_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
