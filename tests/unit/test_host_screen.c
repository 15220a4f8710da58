/* What the screen of an installed host says and takes: addresses, the certificate, services, the status as a
 * whole, the network's form, and how long wrong passwords wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>

#include "iso/common/secret.h"
#include "iso/console/facts.h"
#include "iso/console/host_file.h"
#include "iso/console/proof.h"

/* ---- addresses ---- */

struct interface_row {
    const char *interface, *address;
};

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

#define ROWS_MAX 8

/* The list as the system gives it, with one link-layer entry without an address first. */
static void list_of(const struct interface_row *rows, size_t n, struct ifaddrs list[static ROWS_MAX + 1],
    union any_address addresses[static ROWS_MAX])
{
    list[0] = (struct ifaddrs){.ifa_name = (char[]){"br0"}};
    for (size_t i = 0; i < n; i++) {
        bool v6 = strchr(rows[i].address, ':') != NULL;
        addresses[i] = (union any_address){.any.sa_family = v6 ? AF_INET6 : AF_INET};
        void *bytes = v6 ? (void *)&addresses[i].v6.sin6_addr : (void *)&addresses[i].v4.sin_addr;
        assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, rows[i].address, bytes), 1);
        list[i + 1] =
            (struct ifaddrs){.ifa_name = (char *)(uintptr_t)rows[i].interface, .ifa_addr = &addresses[i].any};
        list[i].ifa_next = &list[i + 1];
    }
}

static void addresses_are_those_of_the_bridge_with_ipv4_first(void **state)
{
    (void)state;
    static const struct {
        struct interface_row rows[6];
        size_t n, count;
        const char *urls;
    } cases[] = {
        {{{"br0", "2001:db8::1"}, {"br0", "192.0.2.1"}, {"lan1", "192.0.2.9"}, {"br0", "fe80::1"}}, 4, 2,
            "https://192.0.2.1 https://[2001:db8::1] "},
        {{{"br0", "fe80::1"}}, 1, 0, ""},
        {{{"br0", "fe80::1"}, {"br0", "169.254.3.4"}}, 2, 1, "https://169.254.3.4 "},
        {{{"br0", "169.254.3.4"}, {"br0", "2001:db8::2"}}, 2, 1, "https://[2001:db8::2] "},
        {{{"br0.12", "192.0.2.1"}, {"br1", "192.0.2.2"}}, 2, 0, ""},
        {{{"br0", "192.0.2.1"}, {"br0", "192.0.2.2"}, {"br0", "192.0.2.3"}, {"br0", "192.0.2.4"},
             {"br0", "192.0.2.5"}},
            5, 5, "https://192.0.2.1 https://192.0.2.2 https://192.0.2.3 "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ifaddrs list[ROWS_MAX + 1];
        union any_address addresses[ROWS_MAX];
        struct urls urls;
        _cleanup_buf_ struct buf shown = {0};
        list_of(cases[i].rows, cases[i].n, list, addresses);
        urls_of(list, "br0", &urls);
        assert_int_equal(urls.n, cases[i].count);
        for (size_t k = 0; k < MIN_OF(urls.n, (size_t)URLS_MAX); k++)
            buf_printf(&shown, "%s ", urls.text[k]);
        assert_string_equal(shown.data ? shown.data : "", cases[i].urls);
    }
}

/* ---- the certificate ---- */

static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                          "MIIBdzCCAR2gAwIBAgIUReZtpt87tcCXUOBsK92YtO30Vf0wCgYIKoZIzj0EAwIw\n"
                          "EDEOMAwGA1UEAwwFaG9zdDEwIBcNMjYxMTI2MTkyNDI1WhgPMjEyNjExMDIxOTI0\n"
                          "MjVaMBAxDjAMBgNVBAMMBWhvc3QxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
                          "QAHevuLAtl9BmARHcTpKETkzgnHzy15pv8Oi9JodFr6wokTtMp5lBvOq8pjNsbpJ\n"
                          "SFu5nXBEf/KzCuKl3J1rK6NTMFEwHQYDVR0OBBYEFNbdW5RD2yPfJN6ZgXx5XVwx\n"
                          "+GigMB8GA1UdIwQYMBaAFNbdW5RD2yPfJN6ZgXx5XVwx+GigMA8GA1UdEwEB/wQF\n"
                          "MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgJ5i5aB3JvfFRGH37wfDIM2bE01ifPzbA\n"
                          "hOipsXGHghoCIQCt9IF6AwtaRLlffelWyhjQnZpoYEMmuWu4pY613YFdhw==\n"
                          "-----END CERTIFICATE-----\n";

static void the_fingerprint_is_what_a_browser_shows(void **state)
{
    (void)state;
    char text[FINGERPRINT_MAX];
    struct err e;
    assert_int_equal(fingerprint_of(pem, strlen(pem), text, &e), 0);
    assert_string_equal(text, "B4:70:EF:64:FD:D0:E0:95:42:7B:A8:BB:65:EC:2E:9A:\n"
                              "43:A4:78:ED:13:5A:E2:DF:A3:0F:BE:9C:A6:58:2A:BD");
    assert_true(fingerprint_of("no PEM", 6, text, &e) < 0);
    assert_true(fingerprint_of("", 0, text, &e) < 0);
    assert_true(fingerprint_of(pem, strlen(pem) / 2, text, &e) < 0);
}

/* ---- services and mounts ---- */

static const struct service unit = {"x", "x.service", "x.socket"};

static void a_service_is_told_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *active, *sub, *words;
    } rows[] = {
        {"active", "running", "running"},
        {"active", "exited", "running"},
        {"activating", "start", "starting"},
        {"activating", "auto-restart", "FAILED, retrying"},
        {"deactivating", "stop-sigterm", "stopping"},
        {"failed", "failed", "FAILED"},
        {"inactive", "dead", "STOPPED"},
        {"reloading", "reload", "running, reads its configuration again"},
        {"never heard of", "", "unknown"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *shown =
            mem_printf("Id=other.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\n"
                       "Id=x.service\nLoadState=loaded\nActiveState=%s\nSubState=%s\n",
                rows[i].active, rows[i].sub);
        assert_string_equal(service_words(&unit, shown), rows[i].words);
    }
}

static void a_service_that_is_not_there_or_waits_for_its_socket_says_so(void **state)
{
    (void)state;
    const char *waits = "Id=x.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\n\n"
                        "Id=x.socket\nLoadState=loaded\nActiveState=active\nSubState=listening\n";
    const char *lacks = "Id=x.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n";
    assert_string_equal(service_words(&unit, waits), "ready: starts when it is needed");
    assert_string_equal(service_words(&unit, lacks), "NOT INSTALLED");
    assert_string_equal(service_words(&unit, NULL), "unknown: systemd does not answer");
    assert_string_equal(service_words(&unit, ""), "unknown: systemd does not answer");
    assert_string_equal(service_words(&unit, "Id=x.service"), "unknown");
    assert_string_equal(service_words(&unit, "\n\n\n\nId"), "unknown: systemd does not answer");
}

static void only_the_very_folder_counts_as_mounted(void **state)
{
    (void)state;
    const char *mounts = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                         "36 35 98:0 / /var/lib/lodge/local rw,noatime shared:1 - xfs /dev/dm-1 rw\n"
                         "37 35 98:0 /images /srv/images rw - xfs /dev/dm-1 rw\n";
    assert_true(is_mounted(mounts, "/var/lib/lodge/local"));
    assert_true(is_mounted(mounts, "/"));
    assert_false(is_mounted(mounts, "/var/lib/lodge"));
    assert_false(is_mounted(mounts, "/images"));
    assert_false(is_mounted("", "/"));
    assert_false(is_mounted("36 35\n", "/"));
}

/* ---- the whole ---- */

static void lines_are_wrapped_at_blanks(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = {0};
    status_line(&out, "Label",
        "a word and another one and many more until the line is full, then the rest\nand a line of its own");
    assert_string_equal(out.data, "Label       a word and another one and many more until the line is\n"
                                  "            full, then the rest\n"
                                  "            and a line of its own\n");
}

/* Whatever there is to say fits the window: no line is wider, and there are not more than it has. */
static void assert_fits(const char *text)
{
    size_t lines = 0;
    for (const char *line = text; *line; lines++) {
        size_t n = strcspn(line, "\n");
        assert_true(n <= STATUS_WIDTH);
        line += n + (line[n] == '\n');
    }
    assert_true(lines <= 16);
}

static struct status good(void)
{
    struct status s = {.host = "host1.example.org",
        .interface = "br0",
        .card = "lan0",
        .card_there = true,
        .link = true,
        .dhcp = true,
        .local_mounted = true,
        .state_used_percent = 12};
    memset(s.fingerprint, 'A', FINGERPRINT_MAX - 1);
    s.fingerprint[48] = '\n';
    return s;
}

static void what_is_wrong_with_the_address_is_said_with_what_to_do(void **state)
{
    (void)state;
    static const struct {
        bool card, there, link, dhcp;
        const char *words;
    } rows[] = {
        {false, false, false, true, "No network card is set up"},
        {true, false, false, true, "the card lan0 is not in this machine any more"},
        {true, true, false, true, "the card lan0 has no link"},
        {true, true, true, true, "no DHCP server has given one"},
        {true, true, true, false, "The static address is not on br0"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct status s = good();
        _cleanup_buf_ struct buf out = {0};
        snprintf(s.interface, sizeof(s.interface), "%s", rows[i].card ? "br0" : "");
        s.card_there = rows[i].there;
        s.link = rows[i].link;
        s.dhcp = rows[i].dhcp;
        status_text(&s, &out);
        assert_non_null(strstr(out.data, rows[i].words));
        assert_non_null(strstr(out.data, rows[i].there || !rows[i].card ? "Network," : "choose"));
        assert_fits(out.data);
    }
}

static void what_was_not_put_in_force_is_said_in_one_line(void **state)
{
    (void)state;
    struct status s = good();
    _cleanup_buf_ struct buf out = {0};
    snprintf(s.not_made, sizeof(s.not_made), "network time mounts root admin machine_id names keys");
    status_text(&s, &out);
    assert_non_null(strstr(out.data, "host.json is WRONG, not in force: network time"));
    assert_fits(out.data);
}

static void the_fullest_screen_still_fits(void **state)
{
    (void)state;
    struct status s = good();
    _cleanup_buf_ struct buf out = {0};
    s.urls.n = 12;
    for (size_t i = 0; i < URLS_MAX; i++)
        snprintf(s.urls.text[i], URL_MAX, "https://[2001:db8:1111:2222:3333:4444:5555:666%zu]", i);
    s.state_used_percent = 100;
    s.local_mounted = false;
    s.mirror = MIRROR_HALF;
    s.note = "A network that nobody confirmed was taken back.";
    _cleanup_free_ char *shown =
        mem_strdup("Id=lodged.service\nActiveState=activating\nSubState=auto-restart\n\n"
                   "Id=lodge-gate.service\nActiveState=activating\nSubState=auto-restart\n\n"
                   "Id=libvirtd.service\nActiveState=failed\nSubState=failed\n");
    s.shown = shown;
    status_text(&s, &out);
    assert_fits(out.data);
    assert_non_null(strstr(out.data, "6661]\n            and 10 more\n"));
    assert_non_null(strstr(out.data, "NOT MOUNTED, ONE DISK MISSING (lodge-mirror)\n"));
    assert_non_null(strstr(out.data, "100% used: NEARLY FULL"));
    assert_non_null(strstr(out.data, "FAILED, retrying (journalctl -u lodge-gate)"));
}

/* ---- the network's form ---- */

static struct network typed(const char *address, const char *gateway, const char *dns, const char *vlan)
{
    struct network n = {.bridge = "br0", .card = {"lan0", "52:54:00:00:00:01"}};
    snprintf(n.address, sizeof(n.address), "%s", address);
    snprintf(n.gateway, sizeof(n.gateway), "%s", gateway);
    snprintf(n.dns, sizeof(n.dns), "%s", dns);
    snprintf(n.vlan, sizeof(n.vlan), "%s", vlan);
    return n;
}

static void what_was_typed_is_checked_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *address, *gateway, *dns, *vlan, *why; /* why NULL: it is good */
    } rows[] = {
        {"192.0.2.10/24", "192.0.2.1", "192.0.2.53, 2001:db8::53", "12", NULL},
        {"2001:db8::10/64", "fe80::1", "", "", NULL},
        {"192.0.2.10/24", "", "", "4094", NULL},
        {"", "", "", "", "The address is missing"},
        {"192.0.2.10", "", "", "", "has no prefix"},
        {"192.0.2.10/33", "", "", "", "The address 192.0.2.10/33"},
        {"192.0.2.0/24", "", "", "", "The address 192.0.2.0/24"},
        {"192.0.2.10/24", "192.0.3.1", "", "", "not in the network"},
        {"192.0.2.10/24", "192.0.2.10", "", "", "the address of the host itself"},
        {"192.0.2.10/24", "router", "", "", "The router router"},
        {"192.0.2.10/24", "", "192.0.2.53 name", "", "The name server name"},
        {"192.0.2.10/24", "", "", "0", "from 1 to 4094"},
        {"192.0.2.10/24", "", "", "4095", "from 1 to 4094"},
        {"192.0.2.10/24", "", "", "1x", "from 1 to 4094"},
    };
    char why[512];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct network n = typed(rows[i].address, rows[i].gateway, rows[i].dns, rows[i].vlan);
        bool valid = network_valid(&n, why);
        assert_int_equal(valid, rows[i].why == NULL);
        if (rows[i].why)
            assert_non_null(strstr(why, rows[i].why));
    }
}

static void by_dhcp_only_card_and_vlan_count(void **state)
{
    (void)state;
    char why[512];
    struct network n = typed("nonsense", "nonsense", "nonsense", "");
    n.dhcp = true;
    assert_true(network_valid(&n, why));
    snprintf(n.vlan, sizeof(n.vlan), "x");
    assert_false(network_valid(&n, why));
    n = typed("", "", "", "");
    n.dhcp = true;
    n.card = (struct card){0};
    assert_false(network_valid(&n, why));
    assert_non_null(strstr(why, "card"));
}

static void changes_are_shown_line_by_line(void **state)
{
    (void)state;
    struct network from = typed("", "", "", ""), to = typed("192.0.2.10/24", "192.0.2.1", "192.0.2.53", "12");
    from.dhcp = true;
    _cleanup_free_ char *changes = network_changes(&from, &to), *none = network_changes(&to, &to);
    assert_string_equal(changes, "VLAN          none -> 12\n"
                                 "Address       by DHCP -> 192.0.2.10/24\n"
                                 "Router        by DHCP -> 192.0.2.1\n"
                                 "Name servers  by DHCP -> 192.0.2.53\n");
    assert_string_equal(none, "");
    struct network bare = typed("192.0.2.10/24", "", " ", "");
    _cleanup_free_ char *warned = network_warnings(&bare), *quiet = network_warnings(&to);
    assert_non_null(strstr(warned, "router"));
    assert_non_null(strstr(warned, "name servers"));
    assert_string_equal(quiet, "");
}

static void a_network_goes_into_the_file_and_comes_back_and_the_rest_stays(void **state)
{
    (void)state;
    static const char text[] = "{\"version\":1,\"network\":{\"bridge\":\"br0\",\"interface\":{\"mac\":\"52:"
                               "54:00:00:00:01\",\"name\":\"lan0\"},"
                               "\"nics\":[{\"mac\":\"52:54:00:00:00:01\",\"name\":\"lan0\"}],\"mode\":"
                               "\"dhcp\",\"address\":null,\"gateway\":null,"
                               "\"dns\":[],\"vlan\":null,\"own\":7},\"root\":{\"password_hash\":\"$y$x\"}}";
    _cleanup_json_ json_t *host = NULL;
    struct network n, back;
    char interface[32];
    assert_int_equal(json_parse(text, strlen(text), "host", &host, NULL), 0);
    network_of(host, &n);
    assert_true(n.dhcp);
    network_interface(&n, interface);
    assert_string_equal(interface, "br0");
    _cleanup_free_ char *before = json_text(host);
    network_store(host, &n);
    _cleanup_free_ char *same = json_text(host);
    assert_string_equal(same, before);
    n = typed("192.0.2.10/24", "192.0.2.1", "192.0.2.53, 192.0.2.54", "12");
    n.card = (struct card){"ens9", "52:54:00:00:00:09"};
    network_store(host, &n);
    network_of(host, &back);
    assert_string_equal(back.dns, "192.0.2.53 192.0.2.54");
    assert_string_equal(back.card.name, "ens9");
    network_interface(&back, interface);
    assert_string_equal(interface, "br0.12");
    json_t *network = json_get_obj(host, "network");
    assert_int_equal(json_array_size(json_get_arr(network, "nics")), 2);
    assert_int_equal(json_get_int(network, "own", 0), 7);
    assert_string_equal(json_get_str(json_get_obj(host, "root"), "password_hash", ""), "$y$x");
}

static void a_file_of_another_shape_harms_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "{\"network\":7}",
        "{\"network\":{\"interface\":[],\"dns\":\"x\",\"vlan\":\"12\",\"mode\":false,\"nics\":{}}}",
        "{\"network\":{\"interface\":null,\"dns\":[1,null],\"vlan\":99999}}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_json_ json_t *host = NULL;
        struct network n;
        char interface[32], why[512];
        assert_int_equal(json_parse(texts[i], strlen(texts[i]), "host", &host, NULL), 0);
        network_of(host, &n);
        network_interface(&n, interface);
        assert_string_equal(interface, "");
        assert_false(network_valid(&n, why));
        network_store(host, &n);
        assert_non_null(json_get_obj(host, "network"));
    }
}

/* ---- proof ---- */

static void wrong_passwords_wait_longer_each_time_and_never_for_ever(void **state)
{
    (void)state;
    assert_int_equal(proof_wait_s(0), 0);
    unsigned last = 0;
    for (unsigned i = 1; i < 100; i++) {
        unsigned wait = proof_wait_s(i);
        assert_true(wait >= last && wait >= 1 && wait <= 60);
        last = wait;
    }
    assert_int_equal(last, 60);
}

/* What stood on the stack before is taken for a file by whoever closes what was never opened. */
static __attribute__((noinline)) void fill_the_stack(int fd)
{
    volatile int numbers[4096];
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        numbers[i] = fd;
}

static void an_attempt_without_a_name_is_refused_and_closes_nothing(void **state)
{
    (void)state;
    struct err e;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    fill_the_stack(fd);
    assert_int_equal(proof_check("", "secret", &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
}

static void a_hash_takes_its_password_and_no_other(void **state)
{
    (void)state;
    _cleanup_secret_ char *hash = NULL;
    struct err e;
    assert_int_equal(secret_hash("correct horse", &hash, &e), 0);
    assert_true(secret_matches("correct horse", hash));
    assert_false(secret_matches("correct horsf", hash));
    assert_false(secret_matches("", hash));
    static const char *const locked[] = {"", "*", "!", "!$y$j9T$", "x", "$y$", NULL};
    for (size_t i = 0; i < ARRAY_SIZE(locked); i++) {
        assert_false(secret_matches("", locked[i]));
        assert_false(secret_matches("*", locked[i]));
        assert_false(secret_matches("correct horse", locked[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_those_of_the_bridge_with_ipv4_first),
        cmocka_unit_test(the_fingerprint_is_what_a_browser_shows),
        cmocka_unit_test(a_service_is_told_in_words),
        cmocka_unit_test(a_service_that_is_not_there_or_waits_for_its_socket_says_so),
        cmocka_unit_test(only_the_very_folder_counts_as_mounted),
        cmocka_unit_test(lines_are_wrapped_at_blanks),
        cmocka_unit_test(what_is_wrong_with_the_address_is_said_with_what_to_do),
        cmocka_unit_test(what_was_not_put_in_force_is_said_in_one_line),
        cmocka_unit_test(the_fullest_screen_still_fits),
        cmocka_unit_test(what_was_typed_is_checked_with_a_reason),
        cmocka_unit_test(by_dhcp_only_card_and_vlan_count),
        cmocka_unit_test(changes_are_shown_line_by_line),
        cmocka_unit_test(a_network_goes_into_the_file_and_comes_back_and_the_rest_stays),
        cmocka_unit_test(a_file_of_another_shape_harms_nothing),
        cmocka_unit_test(wrong_passwords_wait_longer_each_time_and_never_for_ever),
        cmocka_unit_test(an_attempt_without_a_name_is_refused_and_closes_nothing),
        cmocka_unit_test(a_hash_takes_its_password_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
