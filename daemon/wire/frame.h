/* The frames between lodged, the gate, the command line and helpers: a 16-byte little-endian header
 * and a payload of at most 1 MiB. A payload is one line of JSON (the head), a newline, and the body
 * as raw bytes: what a server has rendered passes through untouched. Larger bodies travel as a
 * sealed memfd beside the frame. Many streams share a connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_SIZE 16
#define FRAME_PAYLOAD_MAX (1024 * 1024)
#define FRAME_VERSION     1

/* Or'ed to the type: one descriptor came with the frame. */
#define FRAME_HAS_FD 0x8000

/* X(symbol, number, direction and meaning) */
#define FRAME_TYPES(X)                                                                                       \
    X(REQUEST, 1, "client: a request; opens the stream")                                                     \
    X(RESPONSE, 2, "server: the whole answer, or with \"stream\":true its beginning")                        \
    X(DATA, 3, "server: more of a streamed answer, no head")                                                 \
    X(END, 4, "server: a streamed answer is complete")                                                       \
    X(CANCEL, 5, "client: nobody waits for this stream any more")

enum frame_type {
#define X(symbol, number, help) FRAME_##symbol = (number),
    FRAME_TYPES(X)
#undef X
};

struct frame {
    uint16_t type; /* without FRAME_HAS_FD */
    uint64_t stream;
    const char *payload; /* borrowed, not terminated */
    size_t len;
    int fd; /* -1, or owned by whoever takes it: closed after the handler unless set to -1 */
};

void frame_header_encode(uint8_t out[static FRAME_HEADER_SIZE], uint32_t len, uint16_t type, uint64_t stream);

enum frame_result { FRAME_OK, FRAME_INCOMPLETE, FRAME_BAD };
/* Looks at the beginning of a byte stream. FRAME_BAD: wrong version, unknown type or too long; the
 * connection cannot go on. On FRAME_OK *ret_size is the bytes that the frame takes, ret->fd is -1
 * and *ret_has_fd says whether one belongs to it. */
enum frame_result frame_decode(
    const char *data, size_t n, struct frame *ret, size_t *ret_size, bool *ret_has_fd);

/* Splits a payload at its first newline; a payload without one is all head. */
void frame_split(const struct frame *f, const char **ret_head, size_t *ret_head_len, const char **ret_body,
    size_t *ret_body_len);
