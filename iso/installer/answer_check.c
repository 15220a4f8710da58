/* The rules of an answer that concern several keys: one function each, all of them run. */
#include "iso/installer/answer.h"

struct checking {
    const struct answer *a;
    struct complaints *c;
};

static size_t row_index(const char *section, const char *name)
{
    size_t i = 0;
    while (i < n_answer_rows && !(streq(answer_rows[i].section, section) && streq(answer_rows[i].name, name)))
        i++;
    return i;
}

int answer_line(const struct answer *answer, const char *section, const char *name)
{
    size_t i = row_index(section, name);
    return answer->lines && i < n_answer_rows ? answer->lines[i] : 0;
}

static int line_of(const struct checking *k, const char *section, const char *name)
{
    return answer_line(k->a, section, name);
}

/* Whether the file has the key, be it with a value that was refused: a refused one is not also missing. */
static bool given(const struct checking *k, const char *section, const char *name)
{
    return line_of(k, section, name) > 0;
}

static void refuse(
    const struct checking *k, const char *section, const char *name, const char *write, const char *why)
{
    _cleanup_free_ char *key = mem_printf("[%s] %s", section, name);
    complain(k->c, line_of(k, section, name), key, write, "%s", why);
}

static void host_has_a_name(const struct checking *k)
{
    if (!k->a->global.fqdn && !given(k, "global", "fqdn"))
        refuse(k, "global", "fqdn", "Write: fqdn = \"host1.example.org\"", "is missing");
}

static void one_form_of_each_password(const struct checking *k)
{
    if (k->a->global.root_password && k->a->global.root_password_hash)
        refuse(k, "global", "root-password-hashed", "Keep one of the two.", "is there beside root-password");
    if (k->a->users.admin_password && k->a->users.admin_password_hash)
        refuse(k, "users", "admin-password-hashed", "Keep one of the two.", "is there beside admin-password");
}

static void administrator_has_a_password(const struct checking *k)
{
    if (k->a->users.admin_password || k->a->users.admin_password_hash ||
        given(k, "users", "admin-password") || given(k, "users", "admin-password-hashed"))
        return;
    refuse(k, "users", "admin-password",
        "Write: admin-password = \"…\" below [users]; or admin-password-hashed = \"$y$…\"",
        "is missing: nobody could sign in to Lodge");
}

static void root_keys_are_asked_for(const struct checking *k)
{
    if (!answer_has_root_login(k->a) && k->c->errors == 0 && k->a->lines)
        complain_softly(k->c, 0, "[global] root-ssh-keys", NULL,
            "neither root-ssh-keys nor a root password is there: ssh stays off; a root shell is on the "
            "host's own screen, for an administrator of Lodge");
}

static void static_address_is_whole(const struct checking *k)
{
    if (!streq(k->a->network.source, "from-answer"))
        return;
    if (!k->a->network.cidr && !given(k, "network", "cidr"))
        refuse(k, "network", "cidr", "Write: cidr = \"192.0.2.10/24\", or source = \"from-dhcp\"",
            "is missing, and source = \"from-answer\" needs it");
    if (k->c->errors == 0 && !k->a->network.gateway)
        complain_softly(k->c, line_of(k, "network", "source"), "[network] gateway", NULL,
            "is missing: the host will only reach its own network");
    if (k->c->errors == 0 && !k->a->network.dns.n)
        complain_softly(k->c, line_of(k, "network", "source"), "[network] dns", NULL,
            "is missing: the host will resolve no names");
}

static void dhcp_brings_its_own_address(const struct checking *k)
{
    static const char *const keys[] = {"cidr", "gateway", "dns"};
    int source = line_of(k, "network", "source");
    if (!streq(k->a->network.source, "from-dhcp") || (source && complained_of(k->c, source)))
        return; /* a value that was refused is not known to mean DHCP */
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (given(k, "network", keys[i]))
            refuse(k, "network", keys[i], "Write: source = \"from-answer\", or remove it.",
                "is there, but the address comes from DHCP");
}

static void gateway_is_in_the_network(const struct checking *k)
{
    struct cidr net;
    const char *gateway = k->a->network.gateway;
    if (!gateway || !k->a->network.cidr || !cidr_parse(k->a->network.cidr, &net))
        return;
    size_t n = strcspn(k->a->network.cidr, "/");
    _cleanup_free_ char *why = NULL;
    if (strlen(gateway) == n && strncmp(gateway, k->a->network.cidr, n) == 0)
        why = mem_printf("%s is the address of the host itself", gateway);
    else if (!cidr_contains(&net, gateway) && !text_starts(gateway, "fe80:"))
        why = mem_printf("%s is not in the network of %s", gateway, k->a->network.cidr);
    if (why)
        refuse(k, "network", "gateway", "Write the router's address in the host's own network.", why);
}

static bool has_disk_filter(const struct answer *a)
{
    return a->disk.serial || a->disk.wwn || a->disk.model || a->disk.name || a->disk.size_min_bytes ||
           a->disk.size_max_bytes;
}

static bool disk_key_given(const struct checking *k)
{
    for (size_t i = 0; k->a->lines && i < n_answer_rows; i++)
        if (k->a->lines[i] && streq(answer_rows[i].section, "disk-setup") &&
            (streq(answer_rows[i].name, "disk-list") || text_starts(answer_rows[i].name, "filter.")))
            return true;
    return false;
}

static void disks_are_chosen_one_way(const struct checking *k)
{
    if (k->a->disk.disks.n && has_disk_filter(k->a))
        refuse(k, "disk-setup", "disk-list", "Keep one of the two.", "is there beside a filter");
    if (!k->a->disk.disks.n && !has_disk_filter(k->a) && !disk_key_given(k))
        refuse(k, "disk-setup", "disk-list",
            "Write: disk-list = [\"serial number\"], or a filter such as filter.model = \"…\"",
            "is missing, and so is a filter: no disk is chosen");
}

static void a_mirror_has_two_disks(const struct checking *k)
{
    size_t n = k->a->disk.disks.n;
    if (n == 1 && k->a->disk.mirror)
        refuse(k, "disk-setup", "disk-list", "Name a second disk, or remove mirror.",
            "has one disk, and mirror = true needs two");
    if (n == 2 && !k->a->disk.mirror)
        refuse(k, "disk-setup", "disk-list", "Write: mirror = true, or name one disk.",
            "has two disks, which only mirror = true takes");
}

static void sizes_have_an_order(const struct checking *k)
{
    if (k->a->disk.size_max_bytes && k->a->disk.size_min_bytes > k->a->disk.size_max_bytes)
        refuse(k, "disk-setup", "filter.size-max", "Write a size that is not below filter.size-min.",
            "is smaller than filter.size-min: no disk can match");
}

static void one_filter_for_the_card(const struct checking *k)
{
    if (k->a->network.mac && k->a->network.name)
        refuse(k, "network", "filter.name", "Keep one of the two.", "is there beside filter.mac");
}

/* Each source of a first-boot script has one key of its own. */
static void first_boot_is_whole(const struct checking *k)
{
    static const struct {
        const char *source, *key;
    } companions[] = {{"from-answer", "script"}, {"from-url", "url"}, {"from-url", "cert-fingerprint"}};
    const char *source = k->a->first_boot.source;
    for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
        const char *key = companions[i].key;
        bool there = given(k, "first-boot", key), wanted = source && streq(source, companions[i].source);
        _cleanup_free_ char *write = mem_printf("Write: source = \"%s\"", companions[i].source);
        _cleanup_free_ char *example = mem_printf("Write: %s = …, or remove [first-boot].", key);
        _cleanup_free_ char *missing =
            mem_printf("is missing, and source = \"%s\" needs it", companions[i].source);
        if (there && !wanted && !given(k, "first-boot", "source"))
            refuse(k, "first-boot", key, write, "is there, but no source says to use it");
        else if (there && !wanted && source)
            refuse(k, "first-boot", key, write, "is there, but source says something else");
        else if (!there && wanted && !streq(key, "cert-fingerprint"))
            refuse(k, "first-boot", key, example, missing);
    }
}

static void (*const rules[])(const struct checking *) = {host_has_a_name, one_form_of_each_password,
    administrator_has_a_password, static_address_is_whole, dhcp_brings_its_own_address,
    gateway_is_in_the_network, disks_are_chosen_one_way, a_mirror_has_two_disks, sizes_have_an_order,
    one_filter_for_the_card, first_boot_is_whole, root_keys_are_asked_for};

void answer_check(const struct answer *answer, struct complaints *c)
{
    struct checking k = {answer, c};
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
        rules[i](&k);
}

bool answer_has_root_login(const struct answer *answer)
{
    return answer->global.root_password || answer->global.root_password_hash ||
           answer->global.root_ssh_keys.n;
}

void answer_host(const struct answer *answer, char out[static 64])
{
    snprintf(out, 64, "%.*s", (int)strcspn(answer->global.fqdn, "."), answer->global.fqdn);
}

const char *answer_domain(const struct answer *answer)
{
    const char *dot = strchr(answer->global.fqdn, '.');
    return dot ? dot + 1 : "";
}
