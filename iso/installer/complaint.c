#include "iso/installer/complaint.h"

#include <stdarg.h>

/* More than a person reads; a file that is no answer file at all would fill the screen. */
#define COMPLAINTS_MAX 100

void complaints_free(struct complaints *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].key);
        free(c->items[i].why);
        free(c->items[i].write);
    }
    free(c->items);
    *c = (struct complaints){0};
}

static void add(struct complaints *c, bool warning, int line, const char *key, const char *write,
    const char *fmt, va_list args)
{
    if (!warning)
        c->errors++;
    if (c->n == COMPLAINTS_MAX)
        return;
    char why[1024];
    vsnprintf(why, sizeof(why), fmt, args);
    c->items = mem_resize(c->items, c->n + 1, sizeof(*c->items));
    c->items[c->n++] = (struct complaint){.line = line,
        .key = text_printable(key),
        .why = text_printable(why),
        .write = text_printable(write),
        .warning = warning};
}

void complain(struct complaints *c, int line, const char *key, const char *write, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(c, false, line, key, write, fmt, args);
    va_end(args);
}

void complain_softly(struct complaints *c, int line, const char *key, const char *write, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(c, true, line, key, write, fmt, args);
    va_end(args);
}

bool complained_of(const struct complaints *c, int line)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].line == line)
            return true;
    return false;
}

/* What is of no line comes last. Equal lines keep the order in which they were found. */
static bool comes_before(const struct complaint *a, const struct complaint *b)
{
    return a->line && (!b->line || a->line < b->line);
}

static void sort_by_line(struct complaint **sorted, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct complaint *moved = sorted[i];
        size_t at = i;
        for (; at && comes_before(moved, sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = moved;
    }
}

void complaints_print(const struct complaints *c, const char *file, struct buf *out)
{
    struct complaint *sorted[COMPLAINTS_MAX];
    for (size_t i = 0; i < c->n; i++)
        sorted[i] = &c->items[i];
    sort_by_line(sorted, c->n);
    for (size_t i = 0; i < c->n; i++) {
        const struct complaint *one = sorted[i];
        buf_str(out, file);
        if (one->line)
            buf_printf(out, ":%d", one->line);
        buf_printf(out, ": %s%s%s%s\n", one->warning ? "warning: " : "", one->key ? one->key : "",
            one->key ? ": " : "", one->why);
        if (one->write)
            buf_printf(out, "    %s\n", one->write);
    }
}
