#include "iso/installer/ui_screens.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/proc.h"

#define ZONE_TABLE "/usr/share/zoneinfo/zone1970.tab"
#define REFRESH_MS 1000

static void *number(size_t n)
{
    return (void *)(uintptr_t)(n + 1);
}

static size_t chosen(newtComponent list)
{
    return (size_t)(uintptr_t)newtListboxGetCurrent(list) - 1;
}

static struct page open_page(const struct ui_model *m, const char *title, const char *text)
{
    char position[24], full[64];
    ui_model_position(m, position);
    snprintf(full, sizeof(full), "%s (%s)", title, position);
    return page_open(full, text, "Next", m->at == SCREEN_WELCOME ? NULL : "Back", NULL);
}

static void keep(char *into, size_t n, newtComponent entry)
{
    const char *text = newtEntryGetValue(entry);
    text += strspn(text, " \t");
    snprintf(into, n, "%s", text);
}

/* ---- each screen ---- */

static enum page_action welcome(struct ui_model *m)
{
    struct page p = open_page(m, "Installing Lodge",
        "Lodge makes this machine a host for virtual machines and containers.\n\n"
        "The next screens ask for a keyboard, a disk, the network, a name, passwords and a time zone. "
        "Nothing is written "
        "before the last screen, which shows exactly what will happen; until then Back leads to every screen "
        "before, and "
        "what was entered stays.\n\n"
        "Tab and the arrow keys move, Space marks, Enter chooses, F12 is Next, Esc is Back.");
    enum page_action action = page_run(&p, 0);
    page_close(&p);
    return action;
}

/* The map of this console, so that passwords are typed as they will be later. A serial line has its own
 * keyboard. */
static void load_keymap(const char *keyboard)
{
    const char *term = getenv("TERM"), *const argv[] = {
                                           "loadkeys", "-q", keyboard_named(keyboard)->keymap, NULL};
    struct err e;
    if (!term || !streq(term, "linux"))
        return;
    if (proc_check(&(struct proc_spec){.argv = argv}, 10000, &e) < 0)
        page_say("Keyboard",
            "This medium cannot switch to that layout: until the host has started, keys are as on an "
            "English (US) keyboard. Mind that when you type passwords.");
}

static enum page_action keyboard(struct ui_model *m)
{
    struct page p = open_page(m, "Keyboard", "Which keyboard does this machine have?");
    newtComponent list = page_list(&p, 12);
    for (size_t i = 0; i < n_keyboards; i++) {
        newtListboxAppendEntry(list, keyboards[i].shown, number(i));
        if (streq(keyboards[i].name, m->keyboard))
            newtListboxSetCurrentByKey(list, number(i));
    }
    enum page_action action = page_run(&p, 0);
    snprintf(m->keyboard, sizeof(m->keyboard), "%s", keyboards[chosen(list)].name);
    page_close(&p);
    return action;
}

static void disk_line(const struct disk *d, char *out, size_t n)
{
    char size[TEXT_SIZE_MAX];
    const char *obstacle = disk_obstacle(d);
    snprintf(out, n, "%-8s %9s  %-22.22s %s", d->name, text_size_str(d->size_bytes, size),
        *d->model ? d->model : "no model", obstacle ? obstacle : d->holds);
}

/* Of the disk on which the cursor stands: what tells it from another one of its model, and all that a line of
 * the list has no room for. */
struct disk_note {
    const struct inventory *inventory;
    newtComponent box;
};

static void tell_disk(newtComponent list, void *data)
{
    const struct disk_note *note = data;
    size_t k = chosen(list);
    if (k >= note->inventory->n_disks) {
        newtTextboxSetText(note->box, "");
        return;
    }
    const struct disk *d = &note->inventory->disks[k];
    const char *obstacle = disk_obstacle(d);
    _cleanup_free_ char *text = mem_printf("%s, serial number %s: %s", d->name,
        *d->serial ? d->serial : "not told", obstacle ? obstacle : d->holds);
    newtTextboxSetText(note->box, text);
}

/* `note` lives as long as the page. */
static newtComponent disk_list(
    struct page *p, const struct inventory *i, size_t current, struct disk_note *note)
{
    char line[160];
    newtComponent list = page_list(p, 5);
    *note = (struct disk_note){i, page_note(p, 3)};
    newtComponentAddCallback(list, tell_disk, note);
    for (size_t k = 0; k < i->n_disks; k++) {
        disk_line(&i->disks[k], line, sizeof(line));
        newtListboxAppendEntry(list, line, number(k));
    }
    if (!i->n_disks)
        newtListboxAppendEntry(list, "(no disk found)", number(0));
    if (i->disks_left_out) {
        snprintf(line, sizeof(line), "(and %zu more, too many to be looked at)", i->disks_left_out);
        newtListboxAppendEntry(list, line, number(i->n_disks));
    }
    newtListboxSetCurrentByKey(list, number(current));
    tell_disk(list, note);
    return list;
}

static enum page_action disk(struct ui_model *m)
{
    struct page p = open_page(m, "Disk", "Which disk should Lodge be installed on? All of it will be used.");
    char mirror = ' ';
    struct disk_note note;
    newtComponent list = disk_list(&p, m->inventory, m->disk, &note);
    if (m->inventory->n_disks > 1)
        page_check(&p, "Mirror: a second disk with the same content, chosen next", m->mirror, &mirror);
    enum page_action action = page_run(&p, 0);
    m->disk = chosen(list);
    m->mirror = mirror == '*';
    page_close(&p);
    return action;
}

static enum page_action second_disk(struct ui_model *m)
{
    struct page p = open_page(m, "Second disk",
        "Which disk should be the other half of the mirror? When they differ in size, the smaller one "
        "counts.");
    struct disk_note note;
    newtComponent list = disk_list(&p, m->inventory, m->second_disk, &note);
    enum page_action action = page_run(&p, 0);
    m->second_disk = chosen(list);
    page_close(&p);
    return action;
}

static void nic_line(const struct nic *n, char *out, size_t size)
{
    char speed[32] = "";
    if (n->speed_mbit)
        snprintf(speed, sizeof(speed), ", %llu Mbit/s", (unsigned long long)n->speed_mbit);
    snprintf(out, size, "%-10s %s  %-12.12s %s%s", n->name, n->mac, n->driver, n->link ? "link" : "no link",
        speed);
}

static enum page_action network(struct ui_model *m, struct inventory *i, bool live)
{
    struct page p = open_page(m, "Network",
        "Over which network card will this host be managed? The list follows cables as "
        "they are plugged in.");
    char line[160], fixed = ' ';
    newtComponent list = page_list(&p, 7);
    for (size_t k = 0; k < i->n_nics; k++) {
        nic_line(&i->nics[k], line, sizeof(line));
        newtListboxAppendEntry(list, line, number(k));
    }
    newtListboxSetCurrentByKey(list, number(m->nic));
    page_check(&p, "Static address, entered next (otherwise by DHCP)", !m->dhcp, &fixed);
    enum page_action action;
    struct err e;
    size_t n = i->n_nics;
    while ((action = page_run(&p, REFRESH_MS)) == PAGE_TIMER) {
        if (!live || inventory_read_nics(i, "/sys/class/net", &e) < 0)
            continue;
        for (size_t k = 0; k < i->n_nics; k++) {
            nic_line(&i->nics[k], line, sizeof(line));
            if (k < n)
                newtListboxSetEntry(list, (int)k, line);
            else
                newtListboxAppendEntry(list, line, number(k));
        }
        n = i->n_nics;
    }
    m->nic = chosen(list);
    m->dhcp = fixed != '*';
    page_close(&p);
    return action;
}

static enum page_action address(struct ui_model *m)
{
    struct page p = open_page(m, "Address",
        "The host's address with its prefix, such as 192.0.2.10/24; the router, and name "
        "servers with blanks between them.");
    newtComponent cidr = page_entry(&p, "Address and prefix", m->cidr, 0);
    newtComponent gateway = page_entry(&p, "Router", m->gateway, 0);
    newtComponent dns = page_entry(&p, "Name servers", m->dns, 0);
    enum page_action action = page_run(&p, 0);
    keep(m->cidr, sizeof(m->cidr), cidr);
    keep(m->gateway, sizeof(m->gateway), gateway);
    keep(m->dns, sizeof(m->dns), dns);
    page_close(&p);
    return action;
}

static enum page_action host(struct ui_model *m)
{
    struct page p =
        open_page(m, "Name", "The host's name, with its domain if it has one, such as host1.example.org.");
    newtComponent name = page_entry(&p, "Name", m->host, 0);
    enum page_action action = page_run(&p, 0);
    keep(m->host, sizeof(m->host), name);
    page_close(&p);
    return action;
}

static enum page_action admin(struct ui_model *m)
{
    struct page p = open_page(m, "Administrator",
        "Lodge's first administrator is the user admin: in the web console, by API and "
        "by command line. At least 8 characters.");
    newtComponent one = page_entry(&p, "Password of admin", m->admin, NEWT_FLAG_PASSWORD);
    newtComponent two = page_entry(&p, "Once more", m->admin_again, NEWT_FLAG_PASSWORD);
    enum page_action action = page_run(&p, 0);
    snprintf(m->admin, sizeof(m->admin), "%s", newtEntryGetValue(one));
    snprintf(m->admin_again, sizeof(m->admin_again), "%s", newtEntryGetValue(two));
    page_close(&p);
    return action;
}

static enum page_action root(struct ui_model *m)
{
    struct page p = open_page(m, "Shell access",
        "For root, at the host's screen or by ssh: a password, a public key, both or neither. With neither "
        "ssh "
        "stays off; an administrator of Lodge still gets a root shell at the host's screen.");
    newtComponent one = page_entry(&p, "Password of root", m->root, NEWT_FLAG_PASSWORD);
    newtComponent two = page_entry(&p, "Once more", m->root_again, NEWT_FLAG_PASSWORD);
    newtComponent key = page_entry(&p, "Public key for ssh", m->ssh_key, 0);
    enum page_action action = page_run(&p, 0);
    snprintf(m->root, sizeof(m->root), "%s", newtEntryGetValue(one));
    snprintf(m->root_again, sizeof(m->root_again), "%s", newtEntryGetValue(two));
    keep(m->ssh_key, sizeof(m->ssh_key), key);
    page_close(&p);
    return action;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in the third column of the table; UTC first. Owned strings. */
static size_t read_zones(char **names, size_t max)
{
    _cleanup_free_ char *text = NULL;
    struct err e;
    size_t n = 0;
    names[n++] = mem_strdup("UTC");
    if (fs_read(AT_FDCWD, ZONE_TABLE, 1024 * 1024, &text, NULL, &e) < 0)
        return n;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line && n < max; line = strtok_r(NULL, "\n", &rest)) {
        char *name = *line == '#' ? NULL : strchr(line, '\t');
        name = name ? strchr(name + 1, '\t') : NULL;
        if (name)
            names[n++] = mem_strndup(name + 1, strcspn(name + 1, "\t"));
    }
    qsort(names + 1, n - 1, sizeof(*names), by_name);
    return n;
}

static enum page_action zone(struct ui_model *m)
{
    static char *names[600];
    static size_t n;
    if (!n)
        n = read_zones(names, ARRAY_SIZE(names));
    struct page p = open_page(
        m, "Time zone", "Which time zone is this host in? A letter leads to the next name that begins so.");
    newtComponent list = page_list(&p, 11);
    for (size_t i = 0; i < n; i++) {
        newtListboxAppendEntry(list, names[i], number(i));
        if (streq(names[i], m->zone))
            newtListboxSetCurrentByKey(list, number(i));
    }
    enum page_action action = page_run(&p, 0);
    snprintf(m->zone, sizeof(m->zone), "%s", names[chosen(list)]);
    page_close(&p);
    return action;
}

enum page_action screen_summary(const struct ui_model *m, const char *text, const char *warnings)
{
    char position[24], title[64];
    _cleanup_free_ char *whole = mem_printf("%s%s%s", text, *warnings ? "\n" : "", warnings);
    ui_model_position(m, position);
    snprintf(title, sizeof(title), "Summary (%s)", position);
    struct page p =
        page_open(title, "This will be done now:", ui_model_destroys(m) ? "Next" : "Install", "Back", NULL);
    newtComponent box =
        newtTextbox(1, p.row, PAGE_WIDTH - 4, PAGE_HEIGHT - p.row - 2, NEWT_FLAG_SCROLL | NEWT_FLAG_WRAP);
    newtTextboxSetText(box, whole);
    newtFormAddComponent(p.form, box);
    enum page_action action = page_run(&p, 0);
    page_close(&p);
    return action;
}

static enum page_action confirm(struct ui_model *m)
{
    char phrase[UI_TEXT_MAX], first[128], second[128];
    const struct disk *d = m->inventory->disks;
    ui_model_phrase(m, phrase);
    _cleanup_free_ char *text = mem_printf(
        "%s holds: %s%s%s%s%s.\n\nALL OF IT WILL BE DESTROYED, and nothing brings it back. To agree, type %s",
        disk_title(&d[m->disk], first), d[m->disk].holds, m->mirror ? "; " : "",
        m->mirror ? disk_title(&d[m->second_disk], second) : "", m->mirror ? " holds: " : "",
        m->mirror ? d[m->second_disk].holds : "", phrase);
    struct page p = page_open("Data will be lost", text, "Install", "Back", NULL);
    newtComponent entry = page_entry(&p, m->mirror ? "The disks' names" : "The disk's name", "", 0);
    enum page_action action = page_run(&p, 0);
    keep(m->confirmed, sizeof(m->confirmed), entry);
    page_close(&p);
    return action;
}

static enum page_action (*const screens[SCREEN_COUNT])(struct ui_model *) = {
    [SCREEN_WELCOME] = welcome,
    [SCREEN_KEYBOARD] = keyboard,
    [SCREEN_DISK] = disk,
    [SCREEN_SECOND_DISK] = second_disk,
    [SCREEN_ADDRESS] = address,
    [SCREEN_HOST] = host,
    [SCREEN_ADMIN] = admin,
    [SCREEN_ROOT] = root,
    [SCREEN_ZONE] = zone,
    [SCREEN_CONFIRM] = confirm,
};

enum page_action screen_run(struct ui_model *m, struct inventory *i, bool live)
{
    if (m->at == SCREEN_NETWORK)
        return network(m, i, live);
    bool keys = m->at == SCREEN_KEYBOARD && live;
    enum page_action action = screens[m->at](m);
    if (keys && action == PAGE_NEXT)
        load_keymap(m->keyboard);
    return action;
}
