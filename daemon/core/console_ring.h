/* The newest output of a console, and who may type into it. Pure: no descriptors, no threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_RING_SIZE (64 * 1024)
#define CONSOLE_REPLAY    (16 * 1024) /* what somebody who comes, or was left behind, is shown at most */

/* Positions count all bytes that ever came, so that they never wrap. */
struct console_ring {
    uint64_t end;
    uint8_t data[CONSOLE_RING_SIZE];
};

void console_ring_add(struct console_ring *r, const void *data, size_t n);
/* Bytes that came and were not seen: a reader that was before them has lost them. The next
 * CONSOLE_RING_SIZE bytes must follow before anybody reads. */
void console_ring_skip(struct console_ring *r, uint64_t n);
/* The oldest position that is still there. */
uint64_t console_ring_start(const struct console_ring *r);
/* Where to begin: the last CONSOLE_REPLAY bytes, from the beginning of a line where there is one, else
 * from that of a character. */
uint64_t console_ring_replay(const struct console_ring *r);
/* Bytes in one piece from `at` on, at most `max`; 0 at the end. `at` is not before the start. */
size_t console_ring_peek(const struct console_ring *r, uint64_t at, size_t max, const uint8_t **ret);

/* Those who look at one console, in the order in which they came. At most one writes. */
struct console_seat {
    struct console_seat *next;
    bool may_write;
};
struct console_seats {
    struct console_seat *first, *writer;
};

/* True when it becomes the writer: the first that may write does. */
bool console_seats_add(struct console_seats *s, struct console_seat *seat);
/* Returns the seat that became the writer by that, or NULL. */
struct console_seat *console_seats_remove(struct console_seats *s, struct console_seat *seat);
/* False when it may not write. *ret_before is who wrote until now (NULL: nobody, or itself). */
bool console_seats_take(struct console_seats *s, struct console_seat *seat, struct console_seat **ret_before);
