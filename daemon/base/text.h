/* Text: a growing buffer, JSON text written straight into it, and the small parsers and formats
 * that every layer shares (sizes, numbers, UUIDs, times, hex). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct buf {
    char *data; /* always NUL-terminated once something was appended; NULL while empty */
    size_t len;
    size_t cap;
};

static inline void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
#define _cleanup_buf_ __attribute__((cleanup(buf_free)))

void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) ATTR_PRINTF(2, 3);
void buf_u64(struct buf *b, uint64_t value);
void buf_i64(struct buf *b, int64_t value);
/* A JSON string with its quotes; `s` must be UTF-8. NULL writes null. */
void buf_json(struct buf *b, const char *s);
/* The text, owned by the caller ("" when empty); the buffer is empty afterwards. */
char *buf_take(struct buf *b);

/* Unsigned decimal, whole string, no sign, no blanks. False on anything else or overflow. */
bool text_u64(const char *s, uint64_t *ret);
/* Bytes: "1073741824", "1GiB", "512 MiB", "1.5TiB", "10G" is refused (say GiB). IEC units only. */
bool text_size(const char *s, uint64_t *ret);
/* "1.5 GiB": at most four significant digits, for people. */
#define TEXT_SIZE_MAX 32
const char *text_size_str(uint64_t bytes, char out[static TEXT_SIZE_MAX]);

bool text_is_utf8(const char *s, size_t n);
bool text_starts(const char *s, const char *prefix);

/* UUIDs in lower case with hyphens. */
#define UUID_LEN 36
void uuid_new(char out[static UUID_LEN + 1]);
/* Version 7: sorts by this time, so that names made of it list in the order in which they were made. */
void uuid_new_at(uint64_t unix_ms, char out[static UUID_LEN + 1]);
bool uuid_valid(const char *s);

/* RFC 3339 in UTC with milliseconds: 2026-11-21T08:00:00.000Z. */
#define TIME_LEN 24
void time_format(uint64_t unix_ms, char out[static TIME_LEN + 1]);
bool time_parse(const char *s, uint64_t *ret_unix_ms);

/* As a terminal may show it: what somebody else wrote neither moves the cursor nor adds lines. Owned; NULL of
 * NULL. */
char *text_printable(const char *text);

void hex_encode(const void *data, size_t n, char *out /* 2n + 1 */);
bool hex_decode(const char *s, uint8_t *out, size_t n); /* exactly n bytes */
void random_bytes(void *out, size_t n);                 /* from the kernel */
