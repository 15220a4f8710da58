/* A filter, a projection and an item, each on a line. */
#include "api/filter.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_free_ char *text = mem_strndup((const char *)data, n);
    char *rest = text, *terms = strsep(&rest, "\n"), *fields = strsep(&rest, "\n");
    struct filter *f = NULL;
    struct projection *p = NULL;
    struct err e;
    if (!fields || !rest)
        return 0;
    if (filter_parse(KIND_GUEST, terms, &f, &e) == 0)
        filter_matches(f, rest, strlen(rest));
    if (projection_parse(KIND_GUEST, fields, &p, &e) == 0) {
        _cleanup_buf_ struct buf out = {0};
        _cleanup_json_ json_t *json = NULL;
        buf_str(&out, rest);
        if (out.len) {
            projection_apply(p, &out, 0);
            json_parse(out.data, out.len, "projection", &json, &e);
        }
    }
    filter_free(f);
    projection_free(p);
    return 0;
}
