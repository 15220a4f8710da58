/* Every key of an answer file, row by row. A new key is a row here, a member of struct answer, and a pair of
 * files in tests/golden/answers. */
#include "iso/installer/answer.h"

#define AT(member) offsetof(struct answer, member)
#define GIB        (UINT64_C(1) << 30)
#define TIB        (UINT64_C(1) << 40)

const struct answer_section answer_sections[] = {
    {"global", "The host itself."},
    {"users", "Who may use Lodge. The first administrator is named admin."},
    {"network", "The network card and address over which the host is managed. It is always bridged, as br0."},
    {"disk-setup",
        "Which disk is installed on: by disk-list, or by a filter that exactly one disk matches (two with "
        "mirror = true). All that is on it is lost."},
    {"storage", "How the disk is shared out."},
    {"first-boot",
        "A script that runs once, as root, when the installed host has started for the first time."},
};
const size_t n_answer_sections = ARRAY_SIZE(answer_sections);

static const char *const reboot_modes[] = {"reboot", "power-off", NULL};
static const char *const network_sources[] = {"from-dhcp", "from-answer", NULL};
static const char *const first_boot_sources[] = {"from-answer", "from-iso", "from-url", NULL};

const struct answer_row answer_rows[] = {
    {"global", "fqdn", ROW_TEXT, AT(global.fqdn), .format = &format_fqdn, .example = "\"host1.example.org\"",
        .help = "Host name and domain. Required."},
    {"global", "keyboard", ROW_TEXT, AT(global.keyboard), .format = &format_keyboard,
        .otherwise = "\"en-us\"", .example = "\"de\"", .help = "Keyboard layout of the console."},
    {"global", "timezone", ROW_TEXT, AT(global.timezone), .format = &format_timezone, .otherwise = "\"UTC\"",
        .example = "\"Europe/Berlin\"", .help = "Time zone."},
    {"global", "ntp", ROW_TEXTS, AT(global.ntp), .format = &format_time_server, .min = 1, .max = 8,
        .example = "[\"ntp.example.org\"]", .help = "Time servers instead of Debian's pool."},
    {"global", "root-password", ROW_TEXT, AT(global.root_password), .format = &format_password,
        .example = "\"correct horse battery\"",
        .help =
            "Password of root, for a login at the host's screen and for ssh. Without it and without keys ssh "
            "stays off; who administers Lodge still gets a root shell at the host's screen."},
    {"global", "root-password-hashed", ROW_TEXT, AT(global.root_password_hash),
        .format = &format_password_hash,
        .example = "\"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7\"",
        .help = "The same as a hash, instead of root-password: `mkpasswd -m yescrypt` (Debian's package "
                "whois) or `openssl passwd -6` makes one."},
    {"global", "root-ssh-keys", ROW_TEXTS, AT(global.root_ssh_keys), .format = &format_ssh_key, .min = 1,
        .max = 32,
        .example =
            "[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QpH6zGkq5n0H2E4m1N6J0rXWQy0l3i2uYb0g7c9aP you\"]",
        .help = "Public keys that may sign in as root over ssh."},
    {"global", "reboot-mode", ROW_TEXT, AT(global.reboot_mode), .words = reboot_modes,
        .otherwise = "\"reboot\"", .example = "\"power-off\"",
        .help = "What follows an unattended installation: \"reboot\" or \"power-off\"."},

    {"users", "admin-password", ROW_TEXT, AT(users.admin_password), .format = &format_password,
        .example = "\"change me soon\"",
        .help = "Password of the first administrator. Required, unless admin-password-hashed is there."},
    {"users", "admin-password-hashed", ROW_TEXT, AT(users.admin_password_hash),
        .format = &format_yescrypt_hash,
        .example = "\"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7\"",
        .help = "The same as a yescrypt hash, the only method that Lodge takes: `mkpasswd -m yescrypt` makes "
                "one."},

    {"network", "source", ROW_TEXT, AT(network.source), .words = network_sources,
        .otherwise = "\"from-dhcp\"", .example = "\"from-answer\"",
        .help = "Where the address comes from: \"from-dhcp\", or \"from-answer\" (cidr, gateway, dns)."},
    {"network", "cidr", ROW_TEXT, AT(network.cidr), .format = &format_cidr, .example = "\"192.0.2.10/24\"",
        .help = "Address and prefix, IPv4 or IPv6. Required with from-answer."},
    {"network", "gateway", ROW_TEXT, AT(network.gateway), .format = &format_address,
        .example = "\"192.0.2.1\"", .help = "Router, in the network of cidr."},
    {"network", "dns", ROW_TEXTS, AT(network.dns), .format = &format_address, .min = 1, .max = 3,
        .example = "[\"192.0.2.1\"]", .help = "Name servers. One address may stand without brackets."},
    {"network", "vlan", ROW_INTEGER, AT(network.vlan), .min = 1, .max = 4094, .example = "100",
        .help = "VLAN of the management address, when the switch sends it tagged."},
    {"network", "filter.mac", ROW_TEXT, AT(network.mac), .format = &format_nic_mac,
        .example = "\"52:54:00:12:34:56\"",
        .help =
            "The card with this MAC address. Without a filter: the only card, or the first that has a link."},
    {"network", "filter.name", ROW_TEXT, AT(network.name), .format = &format_filter, .example = "\"enp1s0\"",
        .help = "The card that the medium calls so (`ip link` in its rescue shell; the host calls it lan0); "
                "* stands "
                "for any text."},

    {"disk-setup", "disk-list", ROW_TEXTS, AT(disk.disks), .format = &format_disk_name, .min = 1, .max = 2,
        .example = "[\"sda\"]",
        .help = "Disks by serial number, WWN or device name; one, or two with mirror = true. Device names "
                "change from "
                "start to start where there are several controllers: prefer the others."},
    {"disk-setup", "filter.serial", ROW_TEXT, AT(disk.serial), .format = &format_filter,
        .example = "\"S4EVNX0M1*\"",
        .help = "Instead of disk-list: what the disk's serial number must be. * and ? work in all four."},
    {"disk-setup", "filter.wwn", ROW_TEXT, AT(disk.wwn), .format = &format_filter,
        .example = "\"0x5002538e40a1b2c3\"", .help = "What its World Wide Name must be."},
    {"disk-setup", "filter.model", ROW_TEXT, AT(disk.model), .format = &format_filter,
        .example = "\"Samsung SSD 980*\"", .help = "What its model must be."},
    {"disk-setup", "filter.name", ROW_TEXT, AT(disk.name), .format = &format_filter, .example = "\"nvme0n1\"",
        .help = "What its device name must be."},
    {"disk-setup", "filter.size-min", ROW_SIZE, AT(disk.size_min_bytes), .min = 1, .max = 1024 * TIB,
        .example = "\"200GiB\"", .help = "Smallest size."},
    {"disk-setup", "filter.size-max", ROW_SIZE, AT(disk.size_max_bytes), .min = 1, .max = 1024 * TIB,
        .example = "\"2TiB\"", .help = "Largest size."},
    {"disk-setup", "wipe", ROW_BOOL, AT(disk.wipe), .otherwise = "false", .example = "true",
        .help = "Whether what is on exactly this disk (or these two) may be destroyed. Without it only an "
                "empty one is "
                "taken."},
    {"disk-setup", "mirror", ROW_BOOL, AT(disk.mirror), .otherwise = "false", .example = "true",
        .help = "Two disks with the same content, either of which starts the host."},

    {"storage", "state", ROW_SIZE, AT(storage.state_bytes), .min = 4 * GIB, .max = TIB, .example = "\"8GiB\"",
        .help = "File system of what the host itself writes. Without it: a tenth of the disk, 4 to 16 GiB."},
    {"storage", "local", ROW_TEXT, AT(storage.local), .format = &format_local_size, .otherwise = "\"50%\"",
        .example = "\"100GiB\"",
        .help = "Pool local (images, container and VM volumes as files): a size, or a share of "
                "what is left, 95% at most. The rest becomes the thin pool guests, which this version does "
                "not use yet."},

    {"first-boot", "source", ROW_TEXT, AT(first_boot.source), .words = first_boot_sources,
        .example = "\"from-answer\"",
        .help =
            "\"from-answer\" (the key script), \"from-iso\" (a file first-boot beside the answer file: on a "
            "volume labelled LODGE-ANSWER, or by `make iso ANSWER=file FIRST_BOOT=script`) or \"from-url\"."},
    {"first-boot", "script", ROW_TEXT, AT(first_boot.script), .format = &format_script,
        .example = "'''\n#!/bin/bash\necho installed | systemd-cat\n'''", .help = "The script itself."},
    {"first-boot", "url", ROW_TEXT, AT(first_boot.url), .format = &format_https_url,
        .example = "\"https://deploy.example.org/first-boot\"",
        .help = "Where the installer fetches it, before it writes anything."},
    {"first-boot", "cert-fingerprint", ROW_TEXT, AT(first_boot.cert_fingerprint),
        .format = &format_fingerprint,
        .example = "\"9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:"
                   "F0:0A:08\"",
        .help = "SHA-256 of that server's certificate; instead of a certificate that the system trusts."},
};
const size_t n_answer_rows = ARRAY_SIZE(answer_rows);

char *answer_key(const struct answer_row *row)
{
    return mem_printf("[%s] %s", row->section, row->name);
}
