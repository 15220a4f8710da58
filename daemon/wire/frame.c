#include "wire/frame.h"

#include <endian.h>
#include <string.h>

void frame_header_encode(uint8_t out[static FRAME_HEADER_SIZE], uint32_t len, uint16_t type, uint64_t stream)
{
    uint32_t l = htole32(len);
    uint16_t v = htole16(FRAME_VERSION), t = htole16(type);
    uint64_t s = htole64(stream);
    memcpy(out, &l, 4);
    memcpy(out + 4, &v, 2);
    memcpy(out + 6, &t, 2);
    memcpy(out + 8, &s, 8);
}

static bool type_known(uint16_t type)
{
    switch (type) {
#define X(symbol, number, help) case FRAME_##symbol:
        FRAME_TYPES(X)
#undef X
        return true;
    default: return false;
    }
}

enum frame_result frame_decode(
    const char *data, size_t n, struct frame *ret, size_t *ret_size, bool *ret_has_fd)
{
    if (n < FRAME_HEADER_SIZE)
        return FRAME_INCOMPLETE;
    uint32_t len;
    uint16_t version, type;
    uint64_t stream;
    memcpy(&len, data, 4);
    memcpy(&version, data + 4, 2);
    memcpy(&type, data + 6, 2);
    memcpy(&stream, data + 8, 8);
    len = le32toh(len);
    type = le16toh(type);
    if (le16toh(version) != FRAME_VERSION || len > FRAME_PAYLOAD_MAX ||
        !type_known(type & ~FRAME_HAS_FD & 0xffff))
        return FRAME_BAD;
    if (n - FRAME_HEADER_SIZE < len)
        return FRAME_INCOMPLETE;
    *ret = (struct frame){
        .type = (uint16_t)(type & ~FRAME_HAS_FD),
        .stream = le64toh(stream),
        .payload = data + FRAME_HEADER_SIZE,
        .len = len,
        .fd = -1,
    };
    *ret_size = FRAME_HEADER_SIZE + len;
    *ret_has_fd = type & FRAME_HAS_FD;
    return FRAME_OK;
}

void frame_split(const struct frame *f, const char **ret_head, size_t *ret_head_len, const char **ret_body,
    size_t *ret_body_len)
{
    const char *newline = f->len ? memchr(f->payload, '\n', f->len) : NULL;
    *ret_head = f->payload;
    *ret_head_len = newline ? (size_t)(newline - f->payload) : f->len;
    *ret_body = newline ? newline + 1 : f->payload + f->len;
    *ret_body_len = newline ? f->len - *ret_head_len - 1 : 0;
}
