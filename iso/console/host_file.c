#include "iso/console/host_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "base/text.h"
#include "iso/console/place.h"

/* ---- reading ---- */

static void keep(char *out, size_t n, const json_t *object, const char *key)
{
    snprintf(out, n, "%s", json_get_str(object, key, ""));
}

static void card_of(const json_t *object, struct card *ret)
{
    keep(ret->name, sizeof(ret->name), object, "name");
    keep(ret->mac, sizeof(ret->mac), object, "mac");
}

void network_of(const json_t *host, struct network *ret)
{
    const json_t *network = json_get_obj(host, "network"), *server;
    size_t i;
    *ret = (struct network){.dhcp = !streq(json_get_str(network, "mode", "dhcp"), "static")};
    snprintf(ret->bridge, sizeof(ret->bridge), "%s", json_get_str(network, "bridge", "br0"));
    card_of(json_get_obj(network, "interface"), &ret->card);
    keep(ret->address, sizeof(ret->address), network, "address");
    keep(ret->gateway, sizeof(ret->gateway), network, "gateway");
    json_array_foreach (json_get_arr(network, "dns"), i, server) {
        size_t used = strlen(ret->dns);
        snprintf(ret->dns + used, sizeof(ret->dns) - used, "%s%s", used ? " " : "",
            json_is_string(server) ? json_string_value(server) : "");
    }
    int64_t vlan = json_get_int(network, "vlan", 0);
    if (vlan > 0 && vlan < 4095)
        snprintf(ret->vlan, sizeof(ret->vlan), "%d", (int)vlan);
}

void network_interface(const struct network *n, char out[static 32])
{
    snprintf(out, 32, "%s%s%s", *n->card.name ? n->bridge : "", *n->card.name && *n->vlan ? "." : "",
        *n->card.name ? n->vlan : "");
}

/* ---- changing ---- */

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *words(const char *text)
{
    json_t *list = json_array();
    while (*(text += strspn(text, " ,\t"))) {
        size_t n = strcspn(text, " ,\t");
        json_array_append_new(list, json_stringn(text, n));
        text += n;
    }
    return list;
}

static json_t *card_json(const struct card *card)
{
    return json_pack("{s:s, s:s}", "mac", card->mac, "name", card->name);
}

/* A card that came into the machine after its installation is known from now on, and keeps its name. */
static void remember_card(json_t *network, const struct card *card)
{
    json_t *list = json_get_arr(network, "nics"), *known;
    size_t i;
    if (!list) {
        list = json_array();
        json_object_set_new(network, "nics", list);
    }
    json_array_foreach (list, i, known)
        if (streq(json_get_str(known, "mac", ""), card->mac))
            return;
    json_array_append_new(list, card_json(card));
}

void network_store(json_t *host, const struct network *n)
{
    json_t *network = json_get_obj(host, "network");
    uint64_t vlan = 0;
    if (!network) {
        network = json_object();
        json_object_set_new(host, "network", network);
    }
    json_object_set_new(network, "bridge", json_string(n->bridge));
    json_object_set_new(network, "interface", *n->card.name ? card_json(&n->card) : json_null());
    if (*n->card.name)
        remember_card(network, &n->card);
    json_object_set_new(network, "mode", json_string(n->dhcp ? "dhcp" : "static"));
    json_object_set_new(network, "address", n->dhcp ? json_null() : text_or_null(n->address));
    json_object_set_new(network, "gateway", n->dhcp ? json_null() : text_or_null(n->gateway));
    json_object_set_new(network, "dns", n->dhcp ? json_array() : words(n->dns));
    json_object_set_new(
        network, "vlan", text_u64(n->vlan, &vlan) ? json_integer((json_int_t)vlan) : json_null());
}

/* ---- the file ---- */

int host_read(json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    if (place_read(HOST_FOLDER "/" HOST_FILE, &text, &n, e) < 0 ||
        json_parse(text, n, HOST_FOLDER "/" HOST_FILE, ret, e) < 0)
        return err_hint(e, "the rescue shell of the installation medium helps to look at it");
    if (json_is_object(*ret))
        return 0;
    json_decref(TAKE_PTR(*ret));
    return err_set(e, ERR_DAMAGED, "%s is no object", HOST_FOLDER "/" HOST_FILE);
}

int host_lock(int *ret_fd, struct err *e)
{
    _cleanup_free_ char *folder = place(HOST_FOLDER);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return err_errno(e, errno, "cannot lock %s", folder);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int host_write(const json_t *host, struct err *e)
{
    _cleanup_free_ char *folder = place(HOST_FOLDER), *text = json_dumps(host, JSON_INDENT(1));
    _cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || !text)
        return err_errno(e, errno, "cannot open %s", folder);
    return fs_write_atomic(dir, HOST_FILE, text, strlen(text), 0600, e);
}
