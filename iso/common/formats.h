/* What texts of an answer may look like. Each check says in words what is wrong; the screens and the answer
 * file share them. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define WHY_MAX 256

struct format {
    /* False fills `why` with what is wrong, as it goes behind the value: "has no dot". */
    bool (*check)(const char *text, char why[static WHY_MAX]);
    const char *write; /* what to write instead */
    bool secret;       /* the value is never shown */
};

extern const struct format format_keyboard, format_timezone, format_fqdn, format_host_name, format_password,
    format_password_hash, format_yescrypt_hash, format_ssh_key, format_cidr, format_address, format_nic_mac,
    format_https_url, format_fingerprint, format_time_server, format_filter, format_disk_name, format_script,
    format_local_size;

struct keyboard {
    const char *name;   /* as in an answer; where Proxmox has the same layout, its name: "de-ch" */
    const char *keymap; /* of the console, as the host and its medium have it: "ch-de" */
    const char *shown;
};
extern const struct keyboard keyboards[];
extern const size_t n_keyboards;
const struct keyboard *keyboard_named(const char *name); /* NULL: there is none */

/* An address with its prefix, either family. */
struct cidr {
    int family;
    unsigned prefix;
    uint8_t bytes[16];
};
bool cidr_parse(const char *text, struct cidr *ret);
bool cidr_contains(const struct cidr *net, const char *address);
/* Colons and lower case, whatever separators it was written with; false when it is none. */
bool mac_parse(const char *text, char out[static 18]);
/* "60%" gives 60 and false is for anything else. */
bool percent_parse(const char *text, unsigned *ret);
