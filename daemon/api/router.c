#include "api/router.h"

#define PREFIX "/api/v1"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes in place; false on a broken escape, NUL or what is not UTF-8. */
static bool decode_percent(char *s, bool plus_is_space)
{
    char *out = s, *start = s;
    for (; *s; s++) {
        if (*s == '%') {
            int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);
            if (low < 0 || (high == 0 && low == 0))
                return false;
            *out++ = (char)(high << 4 | low);
            s += 2;
        } else {
            *out++ = plus_is_space && *s == '+' ? ' ' : *s;
        }
    }
    *out = '\0';
    return text_is_utf8(start, (size_t)(out - start));
}

/* Matches "/guests/{name}/actions/start" against segments of the path, which are still encoded. On a
 * match the segment of {name}, or whatever stands in the braces, is cut out of `path`. */
static bool match(const char *pattern, char *path, char **ret_name, size_t *ret_name_len)
{
    char *name = NULL;
    size_t name_len = 0;
    while (*pattern) {
        if (*pattern == '{') {
            name = path;
            name_len = strcspn(path, "/");
            if (!name_len)
                return false;
            path += name_len;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    *ret_name = name;
    *ret_name_len = name_len;
    return *path == '\0';
}

static int parse_method(const char *text)
{
    for (int i = 0; i < METHOD_COUNT; i++)
        if (streq(method_names[i], text))
            return i;
    return -1;
}

static int query_index(const char *name)
{
    for (int i = 0; i < QUERY_INDEX_COUNT; i++)
        if (streq(query_parameters[i].name, name))
            return i;
    return -1;
}

static void check_parameter(struct request *r, int index, const char *value, struct violations *v)
{
    char pointer[48];
    uint64_t number;
    snprintf(pointer, sizeof(pointer), "?%s", query_parameters[index].name);
    const char *type = query_parameters[index].type;
    if (r->query[index])
        violation_add(v, pointer, "is given twice");
    else if (streq(type, "boolean") && !streq(value, "true") && !streq(value, "false"))
        violation_add(v, pointer, "must be true or false");
    else if (streq(type, "integer") && !text_u64(value, &number))
        violation_add(v, pointer, "must be a whole number");
    r->query[index] = value;
}

static int parse_query(struct request *r, struct violations *v, struct err *e)
{
    if (!r->head.query || !*r->head.query)
        return 0;
    r->query_text = mem_strdup(r->head.query);
    char *rest = NULL;
    for (char *part = strtok_r(r->query_text, "&", &rest); part; part = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(part, '=');
        if (value)
            *value++ = '\0';
        else
            value = part + strlen(part);
        if (!decode_percent(part, true) || !decode_percent(value, true))
            return err_set(e, ERR_MALFORMED, "the query is not valid percent-encoded UTF-8");
        int index = query_index(part);
        char pointer[80];
        if (index < 0 || !(route_query(r->route) & 1U << index)) {
            snprintf(pointer, sizeof(pointer), "?%.60s", part);
            violation_add(v, pointer, "is not a parameter of this request");
            continue;
        }
        check_parameter(r, index, value, v);
    }
    return 0;
}

static int not_found(const struct request *r, struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "there is nothing at %.200s", r->head.path);
    return err_hint(e, "GET " PREFIX "/openapi.json lists everything there is");
}

int route_request(struct request *r, char **ret_allow, struct violations *v, struct err *e)
{
    const char *path = r->head.path ? r->head.path : "";
    bool metrics = streq(path, "/metrics");
    if (!metrics && (!text_starts(path, PREFIX) || path[strlen(PREFIX)] != '/'))
        return not_found(r, e);
    r->path = mem_strdup(metrics ? path : path + strlen(PREFIX));
    int method = parse_method(r->head.method ? r->head.method : "");
    _cleanup_buf_ struct buf allow = {0};
    char *name = NULL;
    size_t name_len = 0;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        char *n;
        size_t len;
        if (!match(routes[i].path, r->path, &n, &len))
            continue;
        if ((int)routes[i].method == method && !r->route) {
            r->route = &routes[i];
            name = n;
            name_len = len;
        }
        buf_printf(&allow, "%s%s", allow.len ? ", " : "", method_names[routes[i].method]);
    }
    if (!r->route && !allow.len)
        return not_found(r, e);
    if (!r->route) {
        *ret_allow = buf_take(&allow);
        return err_set(e, ERR_METHOD, "%s does not take %.16s, only %s", path,
            r->head.method ? r->head.method : "", *ret_allow);
    }
    if (name) {
        name[name_len] = '\0';
        if (!decode_percent(name, false))
            return err_set(e, ERR_MALFORMED, "the path is not valid percent-encoded UTF-8");
        r->name = name;
    }
    return parse_query(r, v, e);
}
