/* The status as text: lines of a label and what there is to say, at most STATUS_WIDTH wide. */
#include "iso/console/facts.h"

#define LABEL_WIDTH 12
#define FULL_FROM   95 /* percent of the state's file system: what writes there begins to fail soon */

/* How much of `text` fits a line: up to a newline, else to the last blank, else all that fits. */
static size_t fitting(const char *text, size_t width)
{
    size_t n = strcspn(text, "\n");
    if (n <= width)
        return n;
    for (size_t i = width; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return width;
}

void status_line(struct buf *out, const char *label, const char *text)
{
    do {
        size_t n = fitting(text, STATUS_WIDTH - LABEL_WIDTH);
        buf_printf(out, "%-*s%.*s\n", LABEL_WIDTH, label, (int)n, text);
        text += n;
        text += *text == ' ' || *text == '\n';
        label = "";
    } while (*text);
}

/* Never more than URLS_MAX lines. */
static void say_urls(const struct status *s, struct buf *out)
{
    char more[64];
    size_t shown = s->urls.n > URLS_MAX ? URLS_MAX - 1 : s->urls.n;
    for (size_t i = 0; i < shown; i++)
        status_line(out, i ? "" : "Console", s->urls.text[i]);
    snprintf(more, sizeof(more), "and %zu more", s->urls.n - shown);
    if (s->urls.n > shown)
        status_line(out, "", more);
}

/* Why there is no address, and what to do. */
static char *no_address(const struct status *s)
{
    if (!*s->interface)
        return mem_strdup("No network card is set up for the console. Choose one: Network, below.");
    if (!s->card_there)
        return mem_printf("No address: the card %s is not in this machine any more. Put it back, or choose "
                          "another one: Network, below.",
            s->card);
    if (!s->link)
        return mem_printf("No address on %s: the card %s has no link. Is its cable plugged in, at both ends? "
                          "Another card: Network, below.",
            s->interface, s->card);
    if (s->dhcp)
        return mem_printf("No address on %s yet: no DHCP server has given one. Look for the server, or set a "
                          "static address: Network, below.",
            s->interface);
    return mem_printf(
        "The static address is not on %s (yet). When it does not come within a minute: Network, "
        "below.",
        s->interface);
}

void status_addresses(const struct status *s, struct buf *out)
{
    if (s->urls.n) {
        say_urls(s, out);
        return;
    }
    _cleanup_free_ char *why = no_address(s);
    status_line(out, "Console", why);
}

static void say_certificate(const struct status *s, struct buf *out)
{
    if (!*s->fingerprint) {
        status_line(out, "Certificate", s->no_fingerprint);
        return;
    }
    status_line(out, "Certificate", "SHA-256 fingerprint, the same as the browser shows:");
    status_line(out, "", s->fingerprint);
}

static void say_services(const struct status *s, struct buf *out)
{
    for (size_t i = 0; i < n_services; i++) {
        const char *words = service_words(&services[i], s->shown);
        bool failed = text_starts(words, "FAILED");
        _cleanup_free_ char *line = mem_printf("%-11s %s%s%s%s", services[i].name, words,
            failed ? " (journalctl -u " : "", failed ? services[i].name : "", failed ? ")" : "");
        status_line(out, i ? "" : "Services", line);
    }
}

static void say_storage(const struct status *s, struct buf *out)
{
    static const char *const mirrors[] = {[MIRROR_NONE] = "",
        [MIRROR_WHOLE] = ", on both disks",
        [MIRROR_REBUILDS] = ", the other disk is being filled",
        [MIRROR_HALF] = ", ONE DISK MISSING (lodge-mirror)"};
    char state[80] = "state       unknown";
    if (s->state_used_percent >= 0)
        snprintf(state, sizeof(state), "state       %d%% used%s", s->state_used_percent,
            s->state_used_percent >= FULL_FROM ? ": NEARLY FULL (du -xh -d2 /var)" : "");
    _cleanup_free_ char *local =
        mem_printf("local       %s%s", s->local_mounted ? "mounted" : "NOT MOUNTED", mirrors[s->mirror]);
    status_line(out, "Storage", local);
    status_line(out, "", state);
}

/* One line: there is no room for more. */
static void say_note(const struct status *s, struct buf *out)
{
    char wrong[STATUS_WIDTH];
    snprintf(wrong, sizeof(wrong), "host.json is WRONG, not in force: %.24s", s->not_made);
    if (s->note)
        status_line(out, "", s->note);
    else if (*s->not_made)
        status_line(out, "", wrong);
}

void status_text(const struct status *s, struct buf *out)
{
    status_line(out, "Host", s->host);
    status_addresses(s, out);
    buf_str(out, "\n");
    say_certificate(s, out);
    buf_str(out, "\n");
    say_services(s, out);
    buf_str(out, "\n");
    say_storage(s, out);
    say_note(s, out);
}
