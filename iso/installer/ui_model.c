#include "iso/installer/ui_model.h"

void ui_model_init(struct ui_model *m, const struct inventory *i)
{
    *m = (struct ui_model){.inventory = i, .dhcp = true};
    snprintf(m->keyboard, sizeof(m->keyboard), "en-us");
    snprintf(m->zone, sizeof(m->zone), "UTC");
    while (m->disk + 1 < i->n_disks && disk_obstacle(&i->disks[m->disk]))
        m->disk++;
    m->second_disk = m->disk;
    for (size_t k = 0; k < i->n_disks; k++)
        if (k != m->disk && !disk_obstacle(&i->disks[k])) {
            m->second_disk = k;
            break;
        }
    while (m->nic + 1 < i->n_nics && !i->nics[m->nic].link)
        m->nic++;
    if (m->nic < i->n_nics && !i->nics[m->nic].link)
        m->nic = 0;
}

/* ---- rules, one for each screen that has any ---- */

static bool wrong(char *why, const char *subject, const struct format *f, const char *what)
{
    snprintf(why, 512, "%s %s. %s", subject, what, f ? f->write : "");
    return false;
}

static bool fits(const struct format *f, const char *text, const char *subject, char *why)
{
    char what[WHY_MAX];
    if (f->check(text, what))
        return true;
    return wrong(why, subject, f, *text ? what : "is missing");
}

static bool disk_free(const struct inventory *i, size_t index, char *why)
{
    char title[128];
    const char *obstacle = index < i->n_disks ? disk_obstacle(&i->disks[index]) : NULL;
    if (index >= i->n_disks && i->n_disks) {
        snprintf(
            why, 512, "That is a count of disks, not a disk: unplug some of them if you mean one of those.");
        return false;
    }
    if (index >= i->n_disks) {
        snprintf(why, 512,
            "No disk is seen. Switch the machine off, check the cables, and whether its firmware shows the "
            "disk (in AHCI mode, not RAID or RST); then start the medium again.");
        return false;
    }
    if (obstacle)
        snprintf(why, 512, "%s cannot be taken: %s. Choose another disk.",
            disk_title(&i->disks[index], title), obstacle);
    return !obstacle;
}

static bool leave_disk(const struct ui_model *m, char *why)
{
    return disk_free(m->inventory, m->disk, why);
}

static bool leave_second_disk(const struct ui_model *m, char *why)
{
    if (m->disk == m->second_disk)
        return wrong(why, "The second disk", NULL,
            "is the same as the first: choose another, or go back and remove the mirror");
    if (!disk_free(m->inventory, m->second_disk, why))
        return false;
    if (disks_are_one(&m->inventory->disks[m->disk], &m->inventory->disks[m->second_disk]))
        return wrong(why, "The second disk", NULL,
            "is the first one, seen over another path: choose another, or go back and remove the mirror");
    return true;
}

/* The next word of a list with blanks or commas; false at its end. */
static bool next_word(const char **text, char out[static UI_TEXT_MAX])
{
    *text += strspn(*text, " ,");
    size_t n = strcspn(*text, " ,");
    snprintf(out, UI_TEXT_MAX, "%.*s", (int)n, *text);
    *text += n;
    return n > 0;
}

static bool leave_address(const struct ui_model *m, char *why)
{
    struct cidr net;
    char word[UI_TEXT_MAX];
    size_t n = 0;
    if (!fits(&format_cidr, m->cidr, "The address", why) ||
        (*m->gateway && !fits(&format_address, m->gateway, "The router's address", why)))
        return false;
    size_t length = strcspn(m->cidr, "/");
    if (*m->gateway && strlen(m->gateway) == length && strncmp(m->gateway, m->cidr, length) == 0)
        return wrong(why, "The router", NULL, "has the address of the host itself");
    if (*m->gateway && cidr_parse(m->cidr, &net) && !cidr_contains(&net, m->gateway) &&
        !(net.family == AF_INET6 && text_starts(m->gateway, "fe80:")))
        return wrong(why, "The router", &format_cidr, "is not in the network of the address");
    for (const char *rest = m->dns; next_word(&rest, word); n++)
        if (!fits(&format_address, word, "A name server", why))
            return false;
    return n <= 3 ? true : wrong(why, "The name servers", NULL, "are more than three: remove some");
}

static bool leave_host(const struct ui_model *m, char *why)
{
    return fits(&format_host_name, m->host, "The name", why);
}

static bool passwords(const char *one, const char *two, const char *subject, char *why)
{
    if (!fits(&format_password, one, subject, why))
        return false;
    return streq(one, two)
               ? true
               : wrong(why, subject, NULL, "was typed differently the second time: type both again");
}

static bool leave_admin(const struct ui_model *m, char *why)
{
    return passwords(m->admin, m->admin_again, "The password", why);
}

static bool leave_root(const struct ui_model *m, char *why)
{
    if ((*m->root || *m->root_again) && !passwords(m->root, m->root_again, "The password of root", why))
        return false;
    return !*m->ssh_key || fits(&format_ssh_key, m->ssh_key, "The key", why);
}

static bool leave_confirm(const struct ui_model *m, char *why)
{
    char phrase[UI_TEXT_MAX];
    ui_model_phrase(m, phrase);
    if (streq(m->confirmed, phrase))
        return true;
    snprintf(why, 512, "Type %.100s to agree that all data on it is destroyed, or go back.", phrase);
    return false;
}

static bool (*const leave_rules[SCREEN_COUNT])(const struct ui_model *, char *) = {
    [SCREEN_DISK] = leave_disk,
    [SCREEN_SECOND_DISK] = leave_second_disk,
    [SCREEN_ADDRESS] = leave_address,
    [SCREEN_HOST] = leave_host,
    [SCREEN_ADMIN] = leave_admin,
    [SCREEN_ROOT] = leave_root,
    [SCREEN_CONFIRM] = leave_confirm,
};

bool ui_model_may_leave(const struct ui_model *m, char why[static 512])
{
    why[0] = '\0';
    return !leave_rules[m->at] || leave_rules[m->at](m, why);
}

/* ---- the way ---- */

static bool is_shown(const struct ui_model *m, enum ui_screen s)
{
    switch (s) {
    case SCREEN_SECOND_DISK: return m->mirror;
    case SCREEN_NETWORK: return m->inventory->n_nics > 0;
    case SCREEN_ADDRESS: return m->inventory->n_nics > 0 && !m->dhcp;
    case SCREEN_CONFIRM: return ui_model_destroys(m);
    default: return true;
    }
}

void ui_model_next(struct ui_model *m)
{
    if (m->at == SCREEN_SUMMARY)
        m->confirmed[0] = '\0'; /* agreed to anew each time */
    do
        m->at++;
    while (m->at < SCREEN_INSTALL && !is_shown(m, m->at));
}

void ui_model_back(struct ui_model *m)
{
    do {
        if (m->at == SCREEN_WELCOME)
            return;
        m->at--;
    } while (!is_shown(m, m->at));
}

void ui_model_position(const struct ui_model *m, char out[static 24])
{
    unsigned here = 0, all = 0;
    for (enum ui_screen s = SCREEN_WELCOME; s < SCREEN_INSTALL; s++) {
        all += is_shown(m, s);
        here += s <= m->at && is_shown(m, s);
    }
    snprintf(out, 24, "%u of %u", here, all);
}

static bool holds_data(const struct ui_model *m, size_t index)
{
    const struct inventory *i = m->inventory;
    return index < i->n_disks && (i->disks[index].state == DISK_DATA || i->disks[index].state == DISK_LODGE);
}

bool ui_model_destroys(const struct ui_model *m)
{
    return holds_data(m, m->disk) || (m->mirror && holds_data(m, m->second_disk));
}

void ui_model_phrase(const struct ui_model *m, char out[static UI_TEXT_MAX])
{
    const struct disk *disks = m->inventory->disks;
    if (m->mirror)
        snprintf(out, UI_TEXT_MAX, "%s %s", disks[m->disk].name, disks[m->second_disk].name);
    else
        snprintf(out, UI_TEXT_MAX, "%s", disks[m->disk].name);
}

/* ---- a machine that changes ---- */

/* n_disks when it is gone. */
static size_t place_of_disk(const struct inventory *from, size_t index, const struct inventory *now)
{
    size_t k = 0;
    while (k < now->n_disks && !(index < from->n_disks && disk_is(&from->disks[index], &now->disks[k])))
        k++;
    return k;
}

static bool is_as_shown(const struct ui_model *m, size_t index, const struct inventory *now)
{
    size_t k = place_of_disk(m->inventory, index, now);
    return k < now->n_disks && disk_holds_the_same(&m->inventory->disks[index], &now->disks[k]);
}

bool ui_model_is_current(const struct ui_model *m, const struct inventory *now)
{
    return is_as_shown(m, m->disk, now) && (!m->mirror || is_as_shown(m, m->second_disk, now));
}

bool ui_model_follow(struct ui_model *m, const struct inventory *now)
{
    const struct inventory *from = m->inventory;
    size_t first = place_of_disk(from, m->disk, now), second = place_of_disk(from, m->second_disk, now),
           nic = 0;
    bool there = first < now->n_disks && (!m->mirror || second < now->n_disks);
    while (nic < now->n_nics && !(m->nic < from->n_nics && streq(from->nics[m->nic].mac, now->nics[nic].mac)))
        nic++;
    m->disk = first < now->n_disks ? first : 0;
    m->second_disk = second < now->n_disks ? second : 0;
    m->nic = nic < now->n_nics ? nic : 0;
    m->inventory = now;
    return there;
}

/* ---- the answer ---- */

static void answer_network(struct ui_model *m, struct answer *a)
{
    if (m->inventory->n_nics) {
        snprintf(m->mac, sizeof(m->mac), "%s", m->inventory->nics[m->nic].mac);
        a->network.mac = m->mac;
    }
    if (m->dhcp || !m->inventory->n_nics)
        return;
    a->network.source = "from-answer";
    a->network.cidr = m->cidr;
    a->network.gateway = *m->gateway ? m->gateway : NULL;
    char *rest = NULL;
    snprintf(m->dns_words, sizeof(m->dns_words), "%s", m->dns);
    for (char *w = strtok_r(m->dns_words, " ,", &rest); w && a->network.dns.n < 3;
         w = strtok_r(NULL, " ,", &rest))
        a->network.dns.items[a->network.dns.n++] = w;
}

void ui_model_answer(struct ui_model *m, struct answer *ret)
{
    struct answer a;
    answer_defaults(&a);
    a.global.keyboard = m->keyboard;
    a.global.timezone = m->zone;
    snprintf(m->fqdn, sizeof(m->fqdn), "%s", m->host);
    a.global.fqdn = m->fqdn;
    a.global.root_password = *m->root ? m->root : NULL;
    if (*m->ssh_key)
        a.global.root_ssh_keys = (struct text_list){{m->ssh_key}, 1};
    a.users.admin_password = m->admin;
    a.disk.disks.items[a.disk.disks.n++] = m->inventory->disks[m->disk].path;
    a.disk.mirror = m->mirror;
    if (m->mirror)
        a.disk.disks.items[a.disk.disks.n++] = m->inventory->disks[m->second_disk].path;
    a.disk.wipe = true; /* the summary names what is lost, and a disk with data was agreed to by its name */
    answer_network(m, &a);
    *ret = a;
}
