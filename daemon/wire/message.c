#include "wire/message.h"

static void encode_member(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_str(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
    buf_str(out, name);
    buf_str(out, "\":");
    buf_json(out, value);
}

void request_head_encode(const struct request_head *head, struct buf *out)
{
    buf_str(out, "{");
#define X(member, help) encode_member(out, #member, head->member);
    REQUEST_HEAD_FIELDS(X)
#undef X
    buf_str(out, "}");
}

void response_head_encode(const struct response_head *head, struct buf *out)
{
    buf_str(out, "{\"status\":");
    buf_i64(out, head->status);
    if (head->stream)
        buf_str(out, ",\"stream\":true");
    if (head->fd_bytes) {
        buf_str(out, ",\"fd_bytes\":");
        buf_u64(out, head->fd_bytes);
    }
#define X(member, help) encode_member(out, #member, head->member);
    RESPONSE_HEAD_FIELDS(X)
#undef X
    buf_str(out, "}");
}

static int decode_object(const char *text, size_t n, const char *what, json_t **ret, struct err *e)
{
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(text, n, what, &json, e) < 0)
        return -1;
    if (!json_is_object(json))
        return err_set(e, ERR_MALFORMED, "%s is not an object", what);
    *ret = TAKE_PTR(json);
    return 0;
}

int request_head_decode(
    const char *text, size_t n, struct request_head *ret, json_t **ret_json, struct err *e)
{
    json_t *json;
    if (decode_object(text, n, "request head", &json, e) < 0)
        return -1;
    *ret = (struct request_head){
#define X(member, help) .member = json_get_str(json, #member, NULL),
        REQUEST_HEAD_FIELDS(X)
#undef X
    };
    *ret_json = json;
    return 0;
}

int response_head_decode(
    const char *text, size_t n, struct response_head *ret, json_t **ret_json, struct err *e)
{
    json_t *json;
    if (decode_object(text, n, "response head", &json, e) < 0)
        return -1;
    *ret = (struct response_head){.status = (int)json_get_int(json, "status", 500),
        .stream = json_get_bool(json, "stream", false),
        .fd_bytes = (uint64_t)json_get_int(json, "fd_bytes", 0),
#define X(member, help) .member = json_get_str(json, #member, NULL),
        RESPONSE_HEAD_FIELDS(X)
#undef X
    };
    *ret_json = json;
    return 0;
}
