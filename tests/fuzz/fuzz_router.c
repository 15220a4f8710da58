/* Method, path and query, each on a line. */
#include "api/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_free_ char *text = mem_strndup((const char *)data, n), *allow = NULL;
    _cleanup_free_ struct violations *v = mem_new(struct violations, 1);
    struct err e;
    char *rest = text, *method = strsep(&rest, "\n"), *path = strsep(&rest, "\n");
    struct request r = {.head = {.method = method, .path = path, .query = rest}};
    if (route_request(&r, &allow, v, &e) == 0) {
        if (!r.route || (r.name && !text_is_utf8(r.name, strlen(r.name))))
            abort();
        for (size_t i = 0; i < QUERY_INDEX_COUNT; i++)
            if (r.query[i] && !text_is_utf8(r.query[i], strlen(r.query[i])))
                abort();
    }
    free(r.path);
    free(r.query_text);
    return 0;
}
