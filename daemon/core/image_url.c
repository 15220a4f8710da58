#include "core/image_url.h"

#include "base/mem.h"
#include "base/text.h"

/* Where the host begins, and where what stands before it ends: "https://user:password@host/path". False
 * without a login. */
static bool find_login(const char *url, size_t *ret_start, size_t *ret_end)
{
    const char *scheme_end = strstr(url, "://");
    if (!scheme_end)
        return false;
    const char *authority = scheme_end + 3;
    size_t n = strcspn(authority, "/?#\\");
    const char *at = memrchr(authority, '@', n);
    if (!at)
        return false;
    *ret_start = (size_t)(authority - url);
    *ret_end = (size_t)(at - url);
    return true;
}

char *image_url_take_login(json_t *spec)
{
    json_t *source = json_get_obj(spec, "source");
    const char *url = json_get_str(source, "url", NULL);
    size_t start, end;
    if (!url || !find_login(url, &start, &end))
        return NULL;
    char *login = mem_strndup(url + start, end - start);
    _cleanup_free_ char *rest = mem_printf("%.*s%s", (int)start, url, url + end + 1);
    json_object_set_new(source, "url", json_string(rest));
    return login;
}

char *image_url_with_login(const char *url, const char *login)
{
    const char *scheme_end = strstr(url, "://");
    size_t start = scheme_end ? (size_t)(scheme_end - url) + 3 : 0;
    return mem_printf("%.*s%s@%s", (int)start, url, login, url + start);
}
