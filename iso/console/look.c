#include "iso/console/look.h"

#include <sys/statvfs.h>

#include "iso/console/host_file.h"
#include "iso/console/place.h"

#define CERTIFICATE "/var/lib/lodge/tls/cert.pem"
#define LOCAL       "/var/lib/lodge/local"
#define NOT_MADE    "/run/lodge/not-rendered" /* by lodge-host, when the host started */

static bool says(const char *card, const char *attribute, const char *wanted)
{
    _cleanup_free_ char *path = mem_printf("/sys/class/net/%s/%s", card, attribute), *text = NULL;
    return place_read(path, &text, NULL, NULL) == 0 && text_starts(text, wanted);
}

static void look_at_network(struct status *s)
{
    _cleanup_json_ json_t *host = NULL;
    struct network network;
    struct ifaddrs *all = NULL;
    struct err e;
    if (host_read(&host, &e) < 0) {
        snprintf(s->host, sizeof(s->host), "%.160s%s%.90s", e.detail, *e.hint ? ": " : "", e.hint);
        return;
    }
    const char *domain = json_get_str(host, "domain", "");
    snprintf(s->host, sizeof(s->host), "%s%s%s", json_get_str(host, "hostname", "without a name"),
        *domain ? "." : "", domain);
    network_of(host, &network);
    network_interface(&network, s->interface);
    snprintf(s->card, sizeof(s->card), "%s", network.card.name);
    s->dhcp = network.dhcp;
    s->card_there = says(s->card, "address", "");
    s->link = says(s->card, "carrier", "1");
    if (getifaddrs(&all) == 0)
        urls_of(all, s->interface, &s->urls);
    freeifaddrs(all);
}

static void look_at_start(struct status *s)
{
    _cleanup_free_ char *parts = NULL;
    if (place_read(NOT_MADE, &parts, NULL, NULL) == 0)
        snprintf(s->not_made, sizeof(s->not_made), "%.*s", (int)strcspn(parts, "\n"), parts);
}

static void look_at_certificate(struct status *s)
{
    _cleanup_free_ char *pem = NULL;
    size_t n;
    struct err e;
    if (place_read(CERTIFICATE, &pem, &n, &e) < 0)
        snprintf(s->no_fingerprint, sizeof(s->no_fingerprint), "%.250s",
            e.code == ERR_NOT_FOUND ? "none yet: lodge-gate makes it when it starts" : e.detail);
    else if (fingerprint_of(pem, n, s->fingerprint, &e) < 0)
        snprintf(s->no_fingerprint, sizeof(s->no_fingerprint), "%.250s", e.detail);
}

static void look_at_services(struct status *s)
{
    static const char *const argv[] = {"systemctl", "show", "--property=Id,LoadState,ActiveState,SubState",
        "lodged.service", "lodge-gate.service", "libvirtd.service", "libvirtd.socket", NULL};
    struct err e;
    char *shown = NULL;
    (void)place_ask(argv, 3000, &shown, &e);
    free(s->shown);
    s->shown = shown;
}

static void look_at_storage(struct status *s)
{
    _cleanup_free_ char *mounts = NULL, *mdstat = NULL, *state = place(HOST_FOLDER);
    struct statvfs v;
    s->local_mounted =
        place_read("/proc/self/mountinfo", &mounts, NULL, NULL) == 0 && is_mounted(mounts, LOCAL);
    s->mirror = place_read("/proc/mdstat", &mdstat, NULL, NULL) == 0 ? mirror_of(mdstat) : MIRROR_NONE;
    s->state_used_percent = -1;
    if (statvfs(state, &v) < 0)
        return;
    uint64_t used = v.f_blocks - v.f_bfree, all = used + v.f_bavail; /* without what is root's reserve */
    if (all)
        s->state_used_percent = (int)(used * 100 / all);
}

void status_look(struct status *s, bool ask_systemd)
{
    char *shown = TAKE_PTR(s->shown);
    *s = (struct status){.shown = shown};
    look_at_network(s);
    look_at_start(s);
    look_at_certificate(s);
    if (ask_systemd)
        look_at_services(s);
    look_at_storage(s);
}

void status_clear(struct status *s)
{
    free(s->shown);
    *s = (struct status){0};
}
