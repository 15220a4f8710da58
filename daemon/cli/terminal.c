/* What a guest or a stranger wrote must not steer the terminal of who reads it: it could move the cursor over
 * other text, set the title, or make the terminal answer as if somebody typed. */
#include "cli/cli.h"

/* Where the next byte falls. A sequence that does not end is over at the end of its line, lest it hides the
 * rest. */
enum place {
    PLACE_TEXT,
    PLACE_ESCAPE,  /* after ESC */
    PLACE_CONTROL, /* ESC [ … up to a letter */
    PLACE_STRING,  /* ESC ] … and the like up to BEL or ESC \ */
};

struct cleaner {
    enum place place;
    bool carriage; /* a CR that no LF has followed yet */
    char part[4];  /* of a character in UTF-8 */
    size_t have, need;
};

/* C1 controls, and the marks that turn the direction of writing. */
static bool is_steering(uint32_t c)
{
    return (c >= 0x80 && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static uint32_t code_point(const char *s, size_t n)
{
    uint32_t c = n == 2 ? s[0] & 0x1f : n == 3 ? s[0] & 0x0f : s[0] & 0x07;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3f);
    return c;
}

static void end_character(struct cleaner *c, struct buf *out)
{
    if (c->have < c->need || !text_is_utf8(c->part, c->need) || is_steering(code_point(c->part, c->need)))
        buf_str(out, "?");
    else
        buf_add(out, c->part, c->need);
    c->need = 0;
}

static void begin_character(struct cleaner *c, char byte, struct buf *out)
{
    unsigned char b = (unsigned char)byte;
    c->need = b >= 0xf0 && b < 0xf5 ? 4 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xc2 && b < 0xe0 ? 2 : 0;
    c->have = 1;
    c->part[0] = byte;
    if (!c->need)
        buf_str(out, "?");
}

static void clean_text(struct cleaner *c, char byte, struct buf *out)
{
    unsigned char b = (unsigned char)byte;
    if (c->carriage && b != '\r' && b != '\n')
        buf_str(out, "\n"); /* it would have been written over what stands in the line */
    c->carriage = b == '\r';
    if (b == '\x1b')
        c->place = PLACE_ESCAPE;
    else if (b >= 0x80)
        begin_character(c, byte, out);
    else if (b == '\n' || b == '\t' || (b >= 0x20 && b != 0x7f))
        buf_add(out, &byte, 1);
    else if (b != '\r')
        buf_str(out, "?");
}

static enum place after_escape(unsigned char b)
{
    if (b == '[')
        return PLACE_CONTROL;
    if (b && strchr("]PX^_", b))
        return PLACE_STRING;
    return b >= 0x20 && b < 0x30 ? PLACE_ESCAPE : PLACE_TEXT;
}

static void clean_sequence(struct cleaner *c, char byte, struct buf *out)
{
    unsigned char b = (unsigned char)byte;
    if (b == '\n') {
        c->place = PLACE_TEXT;
        buf_str(out, "\n");
    } else if (b == '\x1b') {
        c->place = PLACE_ESCAPE; /* of ESC \, or a new one */
    } else if (c->place == PLACE_ESCAPE) {
        c->place = after_escape(b);
    } else if (c->place == PLACE_CONTROL ? b >= 0x40 && b < 0x7f : b == '\a') {
        c->place = PLACE_TEXT;
    }
}

static void clean(struct cleaner *c, const char *data, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (c->need && ((unsigned char)data[i] & 0xc0) == 0x80) {
            c->part[c->have++] = data[i];
            if (c->have == c->need)
                end_character(c, out);
            continue;
        }
        if (c->need)
            end_character(c, out);
        if (c->place == PLACE_TEXT)
            clean_text(c, data[i], out);
        else
            clean_sequence(c, data[i], out);
    }
}

void print_bytes(const char *data, size_t n)
{
    static struct cleaner cleaner; /* a stream comes in pieces */
    static int terminal = -1;
    _cleanup_buf_ struct buf out = {0};
    if (terminal < 0)
        terminal = isatty(STDOUT_FILENO);
    if (!terminal) {
        fwrite(data, 1, n, stdout);
        return;
    }
    clean(&cleaner, data, n, &out);
    fwrite(out.data, 1, out.len, stdout);
}

void add_printable(struct buf *out, const char *s)
{
    struct cleaner c = {0};
    size_t start = out->len;
    clean(&c, s, strlen(s), out);
    if (c.need)
        end_character(&c, out);
    for (size_t i = start; i < out->len; i++)
        if (out->data[i] == '\n' || out->data[i] == '\t')
            out->data[i] = ' ';
}
