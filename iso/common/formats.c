#include "iso/common/formats.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <gnutls/gnutls.h>
#include <sys/stat.h>

#include "iso/common/secret.h"

#define ZONES "/usr/share/zoneinfo/"

static bool no(char *why, const char *text)
{
    snprintf(why, WHY_MAX, "%s", text);
    return false;
}

/* ---- names ---- */

const struct keyboard keyboards[] = {
    {"en-us", "us", "English (US)"},
    {"at", "at", "Austrian"},
    {"fr-be", "be", "Belgian"},
    {"bg", "bg", "Bulgarian"},
    {"fr-ca", "ca", "Canadian French"},
    {"colemak", "colemak", "Colemak"},
    {"hr", "hr", "Croatian"},
    {"cz", "cz", "Czech"},
    {"dk", "dk", "Danish"},
    {"nl", "nl", "Dutch"},
    {"dvorak", "dvorak", "Dvorak"},
    {"en-gb", "uk", "English (UK)"},
    {"ee", "ee", "Estonian"},
    {"fi", "fi", "Finnish"},
    {"fr", "fr", "French"},
    {"de", "de", "German"},
    {"de-nodeadkeys", "de-nodeadkeys", "German, without dead keys"},
    {"gr", "gr", "Greek"},
    {"il", "il", "Hebrew"},
    {"hu", "hu", "Hungarian"},
    {"is", "is", "Icelandic"},
    {"ie", "ie", "Irish"},
    {"it", "it", "Italian"},
    {"jp", "jp", "Japanese"},
    {"kr", "kr", "Korean"},
    {"lv", "lv", "Latvian"},
    {"lt", "lt", "Lithuanian"},
    {"no", "no", "Norwegian"},
    {"pl", "pl", "Polish"},
    {"pt", "pt", "Portuguese"},
    {"pt-br", "br", "Portuguese (Brazil)"},
    {"ro", "ro", "Romanian"},
    {"ru", "ru", "Russian"},
    {"rs", "rs", "Serbian"},
    {"sk", "sk", "Slovak"},
    {"si", "si", "Slovenian"},
    {"es", "es", "Spanish"},
    {"latam", "latam", "Spanish (Latin America)"},
    {"se", "se", "Swedish"},
    {"fr-ch", "ch-fr", "Swiss French"},
    {"de-ch", "ch-de", "Swiss German"},
    {"tr", "tr", "Turkish"},
    {"ua", "ua", "Ukrainian"},
};
const size_t n_keyboards = ARRAY_SIZE(keyboards);

const struct keyboard *keyboard_named(const char *name)
{
    for (size_t i = 0; i < n_keyboards; i++)
        if (streq(name, keyboards[i].name))
            return &keyboards[i];
    return NULL;
}

static bool keyboard(const char *text, char why[static WHY_MAX])
{
    if (keyboard_named(text))
        return true;
    no(why, "is no keyboard layout that Lodge has");
    for (size_t i = 0; i < n_keyboards; i++) /* as others call it: us, en-US */
        if (streq(text, keyboards[i].keymap) || strcasecmp(text, keyboards[i].name) == 0)
            snprintf(why, WHY_MAX, "is no keyboard layout that Lodge has; \"%s\" is", keyboards[i].name);
    return false;
}

/* Where there is no time zone database, the shape has to do. */
static bool timezone_known(const char *text, char why[static WHY_MAX])
{
    bool shape = isalpha((unsigned char)*text) && !strstr(text, "..") && strlen(text) < 64;
    for (const char *p = text; *p; p++)
        shape &= isalnum((unsigned char)*p) || strchr("/_+-", *p);
    struct stat st;
    if (!shape)
        return no(why, "does not look like a time zone");
    _cleanup_free_ char *path = mem_printf(ZONES "%s", text);
    if (stat(ZONES "UTC", &st) == 0 && (stat(path, &st) < 0 || !S_ISREG(st.st_mode)))
        return no(why, "is no time zone");
    return true;
}

static bool label_valid(const char *s, size_t n)
{
    if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool host_name(const char *text, char why[static WHY_MAX])
{
    size_t n = strcspn(text, ".");
    if (!label_valid(text, n) || n > 63)
        return no(why, "is no host name: letters, digits and hyphens, at most 63, no hyphen at either end");
    if (strspn(text, "0123456789") == n)
        return no(why, "is a host name of digits alone, which programs take for an address");
    if (strncmp(text, "localhost", n) == 0 && n == 9)
        return no(why, "is the name that every machine has for itself");
    return true;
}

static bool domain_labels(const char *text, char why[static WHY_MAX])
{
    if (strlen(text) > 253)
        return no(why, "is longer than 253 characters");
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ".");
        if (!label_valid(p, n))
            return no(why, "is no host name: each part has letters, digits and hyphens, at most 63");
        p += n;
        if (!*p)
            return true;
    }
}

static bool short_or_full_name(const char *text, char why[static WHY_MAX])
{
    return host_name(text, why) && domain_labels(text, why);
}

static bool fqdn(const char *text, char why[static WHY_MAX])
{
    if (!short_or_full_name(text, why))
        return false;
    return strchr(text, '.') ? true : no(why, "has no domain");
}

static bool time_server(const char *text, char why[static WHY_MAX])
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1)
        return true;
    return domain_labels(text, why);
}

/* ---- secrets and keys ---- */

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* The rule of Lodge's own users, so that the first administrator's password is one that Lodge takes. */
static bool password(const char *text, char why[static WHY_MAX])
{
    if (characters(text) < 8)
        return no(why, "has fewer than 8 characters");
    if (strlen(text) > 256)
        return no(why, "has more than 256 bytes");
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return no(why, "holds a control character");
    return true;
}

static bool password_hash(const char *text, char why[static WHY_MAX])
{
    static const char *const methods[] = {"$y$", "$gy$", "$7$", "$2b$", "$2y$", "$6$", "$5$"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
        known |= text_starts(text, methods[i]);
    if (!known)
        return no(why, *text == '$' ? "is a hash of a method that is not taken" : "is no password hash");
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr(":;*!\\", *p))
            return no(why, "holds a character that no hash has");
    return secret_hash_is_whole(text) ? true : no(why, "is cut off or altered: no password can match it");
}

/* Lodge's own users have no other method. */
static bool yescrypt_hash(const char *text, char why[static WHY_MAX])
{
    return text_starts(text, "$y$") ? password_hash(text, why) : no(why, "is no yescrypt hash");
}

/* RFC 4253, section 6.6: strings, each after its length in four bytes; the first repeats the kind. */
static bool key_is_whole(const char *base64, size_t len, const char *kind)
{
    gnutls_datum_t text = {.data = (unsigned char *)(uintptr_t)base64, .size = (unsigned)len}, blob = {0};
    if (gnutls_base64_decode2(&text, &blob) < 0)
        return false;
    size_t at = 0, n = strlen(kind), strings = 0;
    bool is_kind = blob.size >= 4 + n && memcmp(blob.data + 4, kind, n) == 0;
    for (; at + 4 <= blob.size; strings++) {
        const unsigned char *p = blob.data + at;
        at += 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
    }
    bool whole = is_kind && at == blob.size && strings >= 2;
    gnutls_free(blob.data);
    return whole;
}

static bool ssh_key(const char *text, char why[static WHY_MAX])
{
    static const char *const kinds[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521", "ssh-rsa", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"};
    size_t n = strcspn(text, " ");
    if (strstr(text, "PRIVATE KEY"))
        return no(why, "is a private key");
    if (strchr(text, '\n'))
        return no(why, "has more than one line");
    if (!text_is_utf8(text, strlen(text)))
        return no(why, "holds what is no UTF-8 text");
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return no(why, "holds a control character");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strlen(kinds[i]) != n || strncmp(text, kinds[i], n) != 0)
            continue;
        const char *body = text[n] ? text + n + 1 : "";
        size_t len = strspn(body, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
        bool whole = (!body[len] || body[len] == ' ') && key_is_whole(body, len, kinds[i]);
        return whole ? true : no(why, "is a public key that was cut off or altered");
    }
    return no(why, "is no public key of OpenSSH");
}

/* Links lead to disks on the machine itself only, and an answer can be compared with another one's inventory.
 */
static bool disk_name(const char *text, char why[static WHY_MAX])
{
    return text_starts(text, "/dev/disk/") ? no(why, "is the name of a link") : true;
}

static bool script(const char *text, char why[static WHY_MAX])
{
    return text_starts(text, "#!/") ? true : no(why, "does not begin with #! and a program");
}

/* ---- the network ---- */

bool cidr_parse(const char *text, struct cidr *ret)
{
    const char *slash = strchr(text, '/');
    uint64_t prefix;
    if (!slash || !text_u64(slash + 1, &prefix))
        return false;
    _cleanup_free_ char *address = mem_strndup(text, (size_t)(slash - text));
    struct cidr c = {.family = strchr(address, ':') ? AF_INET6 : AF_INET, .prefix = (unsigned)prefix};
    if (inet_pton(c.family, address, c.bytes) != 1 || prefix > (c.family == AF_INET ? 32 : 128))
        return false;
    *ret = c;
    return true;
}

static bool bit(const uint8_t *bytes, unsigned i)
{
    return bytes[i / 8] >> (7 - i % 8) & 1;
}

bool cidr_contains(const struct cidr *net, const char *address)
{
    uint8_t bytes[16];
    if (inet_pton(net->family, address, bytes) != 1)
        return false;
    for (unsigned i = 0; i < net->prefix; i++)
        if (bit(bytes, i) != bit(net->bytes, i))
            return false;
    return true;
}

static bool cidr(const char *text, char why[static WHY_MAX])
{
    struct cidr c;
    if (!cidr_parse(text, &c))
        return no(why, strchr(text, '/') ? "is no address with a prefix" : "has no prefix");
    unsigned bits = c.family == AF_INET ? 32 : 128, zeros = 0, ones = 0;
    for (unsigned i = c.prefix; i < bits; i++)
        *(bit(c.bytes, i) ? &ones : &zeros) += 1;
    if (c.prefix == 0)
        return no(why, "has the prefix 0, which holds every address there is");
    if (c.prefix + 1 < bits && ones == 0)
        return no(why, "is the address of the network itself, not of a host in it");
    if (c.family == AF_INET && c.prefix + 1 < bits && zeros == 0)
        return no(why, "is the broadcast address of its network");
    if (c.family == AF_INET && (c.bytes[0] == 0 || c.bytes[0] == 127 || c.bytes[0] >= 224))
        return no(why, "is no address that a host can have on a network");
    return true;
}

static bool address(const char *text, char why[static WHY_MAX])
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1)
        return true;
    return no(why, "is no IP address");
}

bool mac_parse(const char *text, char out[static 18])
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        bool separator =
            (*p == ':' || *p == '-') && n && n % 2 == 0 && n < 12 && isxdigit((unsigned char)p[1]);
        if (separator)
            continue;
        if (!isxdigit((unsigned char)*p) || n == 12)
            return false;
        if (n && n % 2 == 0)
            out[n / 2 * 3 - 1] = ':';
        out[n / 2 * 3 + n % 2] = (char)tolower((unsigned char)*p);
        n++;
    }
    out[n == 12 ? 17 : 0] = '\0';
    return n == 12;
}

static bool nic_mac(const char *text, char why[static WHY_MAX])
{
    char mac[18];
    if (!mac_parse(text, mac))
        return no(why, "is no MAC address");
    unsigned first = (unsigned)(strchr("0123456789abcdef", mac[1]) - "0123456789abcdef");
    return first & 1 ? no(why, "is a multicast address, which no card has") : true;
}

static bool https_url(const char *text, char why[static WHY_MAX])
{
    if (!text_starts(text, "https://"))
        return no(why, text_starts(text, "http://")
                           ? "is not encrypted, and anybody on the way could change it"
                           : "is no https:// address");
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return no(why, "holds a blank or another character that an address cannot have");
    return strlen(text) > 8 && text[8] != '/' ? true : no(why, "names no server");
}

static bool fingerprint(const char *text, char why[static WHY_MAX])
{
    size_t digits = 0;
    for (const char *p = text; *p; p++) {
        if (!isxdigit((unsigned char)*p) && *p != ':')
            return no(why, "holds what is neither a hexadecimal digit nor a colon");
        digits += *p != ':';
    }
    return digits == 64 ? true : no(why, "is not 32 bytes in hexadecimal digits");
}

/* ---- disks ---- */

static bool filter(const char *text, char why[static WHY_MAX])
{
    return text[strspn(text, "* ?")] ? true : no(why, "matches everything");
}

bool percent_parse(const char *text, unsigned *ret)
{
    size_t n = strlen(text);
    if (n < 2 || n > 4 || text[n - 1] != '%')
        return false;
    _cleanup_free_ char *number = mem_strndup(text, n - 1);
    uint64_t value;
    if (!text_u64(number, &value) || value > 100)
        return false;
    *ret = (unsigned)value;
    return true;
}

static bool local_size(const char *text, char why[static WHY_MAX])
{
    unsigned percent;
    uint64_t bytes;
    if (percent_parse(text, &percent))
        return percent >= 1 && percent <= 95 ? true : no(why, "is outside of 1% to 95%");
    if (!text_size(text, &bytes))
        return no(why, "is neither a size nor a share");
    return bytes >= UINT64_C(1) << 30 ? true : no(why, "is smaller than 1 GiB");
}

const struct format format_keyboard = {keyboard, "`lodge-installer keyboards` lists the layouts.", false};
const struct format format_timezone = {
    timezone_known, "Write a name such as \"Europe/Berlin\" or \"UTC\".", false};
const struct format format_fqdn = {fqdn, "Write host and domain, such as \"host1.example.org\".", false};
const struct format format_host_name = {
    short_or_full_name, "Write a name such as host1.example.org or host1.", false};
const struct format format_password = {password, "Choose a password of at least 8 characters.", true};
const struct format format_password_hash = {
    password_hash, "Write what `mkpasswd -m yescrypt` prints: \"$y$…\" or \"$6$…\".", true};
const struct format format_yescrypt_hash = {
    yescrypt_hash, "Write what `mkpasswd -m yescrypt` prints: \"$y$…\".", true};
const struct format format_ssh_key = {
    ssh_key, "Write the one line of a .pub file, such as \"ssh-ed25519 AAAA… name\".", false};
const struct format format_cidr = {cidr, "Write address and prefix, such as \"192.0.2.10/24\".", false};
const struct format format_address = {address, "Write an address such as \"192.0.2.1\".", false};
const struct format format_nic_mac = {nic_mac, "Write six bytes, such as \"52:54:00:12:34:56\".", false};
const struct format format_https_url = {
    https_url, "Write an address such as \"https://deploy.example.org/first-boot\".", false};
const struct format format_fingerprint = {
    fingerprint, "Write what `openssl x509 -noout -fingerprint -sha256` prints behind the = sign.", false};
const struct format format_time_server = {
    time_server, "Write a name or address such as \"ntp.example.org\".", false};
const struct format format_filter = {
    filter, "Write what it must be; * stands for any text, ? for one character.", false};
const struct format format_disk_name = {
    disk_name, "Write the serial number at its end, or the WWN as \"0x5002538e40a1b2c3\".", false};
const struct format format_script = {script, "Begin it with a line such as #!/bin/bash.", false};
const struct format format_local_size = {
    local_size, "Write a size such as \"100GiB\", or a share such as \"50%\".", false};
