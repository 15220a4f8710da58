#include "core/console_ring.h"

#include <string.h>

#include "base/mem.h"

void console_ring_add(struct console_ring *r, const void *data, size_t n)
{
    const uint8_t *p = data;
    if (n > CONSOLE_RING_SIZE) {
        size_t too_many = n - CONSOLE_RING_SIZE;
        r->end += too_many;
        p += too_many;
        n = CONSOLE_RING_SIZE;
    }
    size_t at = (size_t)(r->end % CONSOLE_RING_SIZE), first = MIN_OF(n, CONSOLE_RING_SIZE - at);
    memcpy(r->data + at, p, first);
    memcpy(r->data, p + first, n - first);
    r->end += n;
}

void console_ring_skip(struct console_ring *r, uint64_t n)
{
    r->end += n;
}

uint64_t console_ring_start(const struct console_ring *r)
{
    return r->end > CONSOLE_RING_SIZE ? r->end - CONSOLE_RING_SIZE : 0;
}

uint64_t console_ring_replay(const struct console_ring *r)
{
    if (r->end <= CONSOLE_REPLAY)
        return 0;
    uint64_t from = r->end - CONSOLE_REPLAY;
    for (uint64_t at = from; at < r->end; at++)
        if (r->data[at % CONSOLE_RING_SIZE] == '\n')
            return at + 1 < r->end ? at + 1 : from;
    while (from < r->end && (r->data[from % CONSOLE_RING_SIZE] & 0xc0) == 0x80)
        from++;
    return from;
}

size_t console_ring_peek(const struct console_ring *r, uint64_t at, size_t max, const uint8_t **ret)
{
    size_t offset = (size_t)(at % CONSOLE_RING_SIZE);
    size_t n = (size_t)MIN_OF(r->end - at, (uint64_t)(CONSOLE_RING_SIZE - offset));
    *ret = r->data + offset;
    return MIN_OF(n, max);
}

/* ---- seats ---- */

bool console_seats_add(struct console_seats *s, struct console_seat *seat)
{
    struct console_seat **tail = &s->first;
    while (*tail)
        tail = &(*tail)->next;
    seat->next = NULL;
    *tail = seat;
    if (s->writer || !seat->may_write)
        return false;
    s->writer = seat;
    return true;
}

struct console_seat *console_seats_remove(struct console_seats *s, struct console_seat *seat)
{
    struct console_seat **at = &s->first;
    while (*at && *at != seat)
        at = &(*at)->next;
    if (*at)
        *at = seat->next;
    if (s->writer != seat)
        return NULL;
    s->writer = s->first;
    while (s->writer && !s->writer->may_write)
        s->writer = s->writer->next;
    return s->writer;
}

bool console_seats_take(struct console_seats *s, struct console_seat *seat, struct console_seat **ret_before)
{
    *ret_before = NULL;
    if (!seat->may_write)
        return false;
    if (s->writer != seat)
        *ret_before = s->writer;
    s->writer = seat;
    return true;
}
