/* Byte streams of a peer, and the heads in their frames. */
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void decode_heads(const struct frame *f)
{
    const char *head, *body;
    size_t head_len, body_len;
    frame_split(f, &head, &head_len, &body, &body_len);
    if (head_len + body_len > f->len || (body_len && body + body_len != f->payload + f->len))
        abort();
    struct request_head request;
    struct response_head response;
    struct err e;
    _cleanup_json_ json_t *a = NULL, *b = NULL;
    if (request_head_decode(head, head_len, &request, &a, &e) == 0) {
        _cleanup_buf_ struct buf text = {0};
        _cleanup_json_ json_t *again = NULL;
        request_head_encode(&request, &text);
        if (request_head_decode(text.data, text.len, &request, &again, &e) < 0)
            abort(); /* what was understood can be passed on */
    }
    if (response_head_decode(head, head_len, &response, &b, &e) == 0) {
        _cleanup_buf_ struct buf text = {0};
        response_head_encode(&response, &text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *at = (const char *)data;
    struct frame f;
    size_t size;
    bool has_fd;
    while (frame_decode(at, n, &f, &size, &has_fd) == FRAME_OK) {
        if (size > n || size < FRAME_HEADER_SIZE)
            abort();
        decode_heads(&f);
        at += size;
        n -= size;
    }
    return 0;
}
