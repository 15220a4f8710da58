/* The host's configuration as the running system reads it: the installer's last word, with hashes only. */
#include "iso/installer/plan.h"

#include "base/json.h"

static json_t *texts(const struct text_list *list)
{
    json_t *a = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(a, json_string(list->items[i]));
    return a;
}

/* lan0 is the management card; the others follow in the order seen. */
static json_t *nic_json(const struct nic *nic, size_t number)
{
    char name[16];
    snprintf(name, sizeof(name), "lan%zu", number);
    return json_pack("{s:s, s:s}", "mac", nic->mac, "name", name);
}

static json_t *network_json(const struct plan_input *in)
{
    const struct answer *a = in->answer;
    const struct nic *management = in->target->nic;
    bool dhcp = streq(a->network.source, "from-dhcp");
    json_t *nics = json_array();
    size_t n = 0;
    if (management)
        json_array_append_new(nics, nic_json(management, n++));
    for (size_t i = 0; i < in->inventory->n_nics; i++)
        if (&in->inventory->nics[i] != management)
            json_array_append_new(nics, nic_json(&in->inventory->nics[i], n++));
    return json_pack("{s:s, s:o, s:o, s:s, s:s?, s:s?, s:o, s:o}", "bridge", "br0", "interface",
        management ? nic_json(management, 0) : json_null(), "nics", nics, "mode", dhcp ? "dhcp" : "static",
        "address", dhcp ? NULL : a->network.cidr, "gateway", dhcp ? NULL : a->network.gateway, "dns",
        texts(&a->network.dns), "vlan",
        a->network.vlan ? json_integer((json_int_t)a->network.vlan) : json_null());
}

static json_t *disks_json(const struct target *t)
{
    json_t *disks = json_array();
    for (size_t i = 0; i < t->n_disks; i++)
        json_array_append_new(disks, json_pack("{s:s, s:s, s:s}", "serial", t->disks[i]->serial, "wwn",
                                         t->disks[i]->wwn, "path_at_install", t->disks[i]->path));
    return disks;
}

char *host_json(const struct plan_input *in)
{
    const struct answer *a = in->answer;
    char host[64];
    answer_host(a, host);
    json_t *first_boot =
        in->first_boot ? json_pack("{s:s}", "script", "/var/lib/lodge-host/first-boot") : json_null();
    _cleanup_json_ json_t *whole = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:{s:s?, s:o}, s:{s:s?}, s:o, s:b, s:{s:o}, s:o, s:s, s:s}",
        "version", 1, "id", in->installation_id, "hostname", host, "domain", answer_domain(a), "timezone",
        a->global.timezone, "keyboard", keyboard_named(a->global.keyboard)->keymap, "network",
        network_json(in), "root", "password_hash", in->root_hash, "ssh_keys", texts(&a->global.root_ssh_keys),
        "admin", "password_hash", in->admin_hash, "disks", disks_json(in->target), "mirror",
        in->target->n_disks == 2, "time", "ntp", texts(&a->global.ntp), "first_boot", first_boot, "installed",
        in->now, "image", in->image_version);
    char *text = whole ? json_dumps(whole, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    return text ? text : mem_strdup("{}");
}
