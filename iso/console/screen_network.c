/* The network's pages: which card, which address, what changes, and whether it stays. */
#include "iso/console/screens.h"

#include "base/clock.h"
#include "base/log.h"
#include "iso/common/ui_page.h"
#include "iso/console/look.h"
#include "iso/console/place.h"
#include "iso/console/trial.h"
#include "iso/installer/inventory.h"

#define LIST_ROWS  5
#define REFRESH_MS 1000

static void keep(char *into, size_t n, newtComponent entry)
{
    const char *text = newtEntryGetValue(entry);
    text += strspn(text, " \t");
    snprintf(into, n, "%s", text);
    for (size_t end = strlen(into); end && strchr(" \t", into[end - 1]);)
        into[--end] = '\0';
}

/* ---- the card ---- */

static void card_line(const struct nic *n, char *out, size_t size)
{
    char speed[32] = "";
    if (n->speed_mbit)
        snprintf(speed, sizeof(speed), ", %llu Mbit/s", (unsigned long long)n->speed_mbit);
    snprintf(out, size, "%-10s %s  %-12.12s %s%s", n->name, n->mac, n->driver ? n->driver : "",
        n->link ? "link" : "no link", speed);
}

static void read_cards(struct inventory *i)
{
    struct err e;
    _cleanup_free_ char *sysfs = place("/sys/class/net");
    if (inventory_read_nics(i, sysfs, &e) < 0)
        log_warning("%s", e.detail);
}

static void *number(size_t n)
{
    return (void *)(uintptr_t)(n + 1);
}

static newtComponent list_cards(struct page *p, const struct inventory *i, const struct network *n)
{
    char line[160];
    newtComponent list = page_list(p, LIST_ROWS);
    for (size_t k = 0; k < i->n_nics; k++) {
        card_line(&i->nics[k], line, sizeof(line));
        newtListboxAppendEntry(list, line, number(k));
        if (streq(i->nics[k].mac, n->card.mac))
            newtListboxSetCurrentByKey(list, number(k));
    }
    if (!i->n_nics)
        newtListboxAppendEntry(list, "(no network card found)", NULL);
    return list;
}

/* Links follow the cables while the page is open. */
static enum page_action run_cards(struct page *p, newtComponent list, struct inventory *i)
{
    char line[160];
    size_t n = i->n_nics;
    uint64_t end = clock_monotonic_ms(&clock_system) + IDLE_MS;
    enum page_action action;
    while ((action = page_run(p, REFRESH_MS)) == PAGE_TIMER && clock_monotonic_ms(&clock_system) < end) {
        read_cards(i);
        if (n == 0 && i->n_nics)
            newtListboxClear(list); /* the line that says there is none */
        for (size_t k = 0; k < i->n_nics; k++) {
            card_line(&i->nics[k], line, sizeof(line));
            if (k < n)
                newtListboxSetEntry(list, (int)k, line);
            else
                newtListboxAppendEntry(list, line, number(k));
        }
        n = i->n_nics;
    }
    return action;
}

static enum page_action ask_card(struct network *n, struct inventory *i)
{
    char fixed = ' ';
    struct page p = page_open("Network (1 of 2)",
        "Over which card is this host managed? The VLAN stays empty unless the switch sends it tagged.",
        "Next", "Back", NULL);
    newtComponent list = list_cards(&p, i, n);
    page_check(&p, "Static address, entered next (otherwise by DHCP)", !n->dhcp, &fixed);
    newtComponent vlan = page_entry(&p, "VLAN", n->vlan, 0);
    enum page_action action = run_cards(&p, list, i);
    const void *key = newtListboxGetCurrent(list);
    if (key) {
        const struct nic *nic = &i->nics[(size_t)(uintptr_t)key - 1];
        snprintf(n->card.name, sizeof(n->card.name), "%s", nic->name);
        snprintf(n->card.mac, sizeof(n->card.mac), "%s", nic->mac);
    }
    n->dhcp = fixed != '*';
    keep(n->vlan, sizeof(n->vlan), vlan);
    page_close(&p);
    return action;
}

/* ---- the address ---- */

static enum page_action ask_address(struct network *n)
{
    if (n->dhcp)
        return PAGE_NEXT;
    struct page p = page_open("Network (2 of 2)",
        "The host's address with its prefix, such as 192.0.2.10/24; the router, and name servers with blanks "
        "between them.",
        "Next", "Back", NULL);
    newtComponent address = page_entry(&p, "Address and prefix", n->address, 0);
    newtComponent gateway = page_entry(&p, "Router", n->gateway, 0);
    newtComponent dns = page_entry(&p, "Name servers", n->dns, 0);
    enum page_action action = page_run(&p, IDLE_MS);
    keep(n->address, sizeof(n->address), address);
    keep(n->gateway, sizeof(n->gateway), gateway);
    keep(n->dns, sizeof(n->dns), dns);
    page_close(&p);
    return action;
}

/* ---- what changes ---- */

static bool agree(const struct network *from, const struct network *to)
{
    char why[512];
    if (!network_valid(to, why)) {
        screen_say("Not yet", why);
        return false;
    }
    _cleanup_free_ char *changes = network_changes(from, to), *warnings = network_warnings(to);
    _cleanup_free_ char *text =
        mem_printf("%s%s%s\nIt is tried now. Whoever is connected to the host by network "
                   "may lose the connection. What is not confirmed within %d seconds "
                   "goes back.",
            *changes ? changes : "Nothing is different from now; it is applied once more.\n",
            *warnings ? "\n" : "", warnings, TRIAL_SECONDS);
    struct page p = page_open("Network: this will change", text, "Apply", "Back", NULL);
    enum page_action action = page_run(&p, IDLE_MS);
    page_close(&p);
    return action == PAGE_NEXT;
}

/* ---- whether it stays ---- */

static void trial_text(newtComponent box, unsigned left_s)
{
    struct status s = {0};
    struct buf text = {0};
    status_look(&s, false);
    status_addresses(&s, &text);
    buf_printf(&text,
        "\nIs the host reached there? Without an answer the old configuration comes back in %u "
        "second%s.",
        left_s, left_s == 1 ? "" : "s");
    newtTextboxSetText(box, text.data);
    buf_free(&text);
    status_clear(&s);
}

static bool ask_keep(void)
{
    struct page p =
        page_open("Network: does it work?", "The new configuration is in force.", "Keep", "Undo", NULL);
    newtComponent box = newtTextbox(1, p.row, STATUS_WIDTH, 8, NEWT_FLAG_WRAP);
    newtFormAddComponent(p.form, box);
    uint64_t end = clock_monotonic_ms(&clock_system) + TRIAL_SECONDS * 1000, now;
    enum page_action action = PAGE_TIMER;
    while (action == PAGE_TIMER && (now = clock_monotonic_ms(&clock_system)) < end) {
        trial_text(box, (unsigned)((end - now + 999) / 1000));
        action = page_run(&p, REFRESH_MS);
    }
    page_close(&p);
    if (action == PAGE_TIMER)
        log_notice("the new network was not confirmed in time");
    return action == PAGE_NEXT;
}

static void try_network(const struct network *n)
{
    struct trial t;
    struct err e, why;
    newtComponent busy = page_busy("The network is being changed.");
    int r = trial_begin(n, &t, &e);
    page_busy_end(busy);
    if (r < 0) {
        screen_say_error("Network", &e);
        return;
    }
    bool wanted = ask_keep();
    if (wanted && trial_keep(&t, &why) == 0) {
        log_notice("the network was changed");
        return;
    }
    busy = page_busy("The network goes back to what it was.");
    r = trial_revert(&t, &e);
    page_busy_end(busy);
    if (r == 0 && !wanted) {
        screen_say("Network", "The new configuration was not confirmed: the old one is in force again.");
        return;
    }
    if (r == 0)
        err_hint(&why, "the old configuration is in force again");
    screen_say_error("Network", r < 0 ? &e : &why);
}

void screen_network(void)
{
    _cleanup_json_ json_t *host = NULL;
    _cleanup_free_ struct inventory *cards = NULL;
    struct network from, to;
    struct err e;
    if (!screen_proof("Network"))
        return;
    if (host_read(&host, &e) < 0) {
        screen_say_error("Network", &e);
        return;
    }
    cards = mem_new(struct inventory, 1);
    network_of(host, &from);
    to = from;
    read_cards(cards);
    while (ask_card(&to, cards) == PAGE_NEXT) {
        if (ask_address(&to) != PAGE_NEXT || !agree(&from, &to))
            continue;
        try_network(&to);
        break;
    }
    arena_free(&cards->arena);
}
