#include "api/request.h"

void problem_text(const struct err *e, const struct violations *v, struct buf *out)
{
    buf_str(out, "{\"type\":\"about:blank\",\"title\":");
    buf_json(out, err_code_title(e->code));
    buf_printf(
        out, ",\"status\":%d,\"code\":\"%s\",\"detail\":", err_code_status(e->code), err_code_name(e->code));
    /* A detail that was cut in the middle of a character must not make broken JSON. */
    struct err copy = *e;
    for (size_t n = strlen(copy.detail); n && !text_is_utf8(copy.detail, n); n--)
        copy.detail[n - 1] = '\0';
    buf_json(out, copy.detail);
    if (e->hint[0]) {
        buf_str(out, ",\"hint\":");
        buf_json(out, e->hint);
    }
    if (e->parameter) {
        buf_str(out, ",\"parameter\":");
        buf_json(out, e->parameter);
    }
    if (v && v->n) {
        buf_str(out, ",\"errors\":[");
        for (size_t i = 0; i < v->n && i < VIOLATIONS_MAX; i++) {
            struct violation item = v->items[i];
            for (size_t n = strlen(item.message); n && !text_is_utf8(item.message, n); n--)
                item.message[n - 1] = '\0';
            for (size_t n = strlen(item.pointer); n && !text_is_utf8(item.pointer, n); n--)
                item.pointer[n - 1] = '\0';
            buf_str(out, i ? ",{\"pointer\":" : "{\"pointer\":");
            buf_json(out, item.pointer);
            buf_str(out, ",\"detail\":");
            buf_json(out, item.message);
            buf_str(out, "}");
        }
        buf_str(out, "]");
    }
    buf_str(out, "}");
}
