/* Specs of roles and bindings: checking them, and compiling a binding into what is asked thousands of
 * times for a list. */
#include "auth/grant.h"

#include "base/text.h"

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

void grant_free(struct grant *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_selector; i++) {
        free((char *)(uintptr_t)g->selector[i].key);
        free((char *)(uintptr_t)g->selector[i].value);
    }
    free(g->selector);
    free(g->pattern);
    free(g);
}

/* ---- parsing ---- */

int permissions_parse(const json_t *array, struct permission_set *set, struct err *e)
{
    size_t i;
    json_t *item;
    json_array_foreach ((json_t *)(uintptr_t)array, i, item) {
        const char *text = json_string_value(item);
        if (!text)
            return err_set(e, ERR_INVALID, "a permission must be a string");
        if (permission_set_add(set, text, e) < 0)
            return -1;
    }
    return 0;
}

/* "/" is everything, "/guests" a collection, "/guests/web-*" names in it; "/" + "*" is any collection. */
static int parse_path(struct grant *g, const char *path, struct err *e)
{
    if (path[0] != '/')
        return err_set(e, ERR_INVALID, "the path %.100s must begin with /", path);
    const char *collection = path + 1, *slash = strchr(collection, '/');
    size_t len = slash ? (size_t)(slash - collection) : strlen(collection);
    const char *name = slash ? slash + 1 : "";
    if (strchr(name, '/')) {
        err_set(e, ERR_INVALID, "the path %.100s has too many parts", path);
        return err_hint(e, "A path is /, /collection or /collection/name, with * for anything in the name.");
    }
    if (len && !(len == 1 && *collection == '*')) {
        int only = access_collection_parse(collection, len);
        if (only < 0)
            return err_set(e, ERR_INVALID, "the path %.100s names no collection", path);
        for (int c = 0; c < ACCESS_COLLECTION_COUNT; c++)
            if (c != only)
                g->set.verbs[c] = 0;
    }
    g->pattern = *name && !streq(name, "*") ? mem_strdup(name) : NULL;
    return 0;
}

static int parse_selector(struct grant *g, const json_t *selector, struct err *e)
{
    const char *key;
    json_t *value;
    if (!json_object_size(selector))
        return 0;
    g->selector = mem_new(struct label, json_object_size(selector));
    json_object_foreach ((json_t *)(uintptr_t)selector, key, value) {
        if (!json_is_string(value))
            return err_set(e, ERR_INVALID, "selector %.64s must be a string", key);
        g->selector[g->n_selector++] =
            (struct label){.key = mem_strdup(key), .value = mem_strdup(json_string_value(value))};
    }
    qsort(g->selector, g->n_selector, sizeof(*g->selector), compare_labels);
    return 0;
}

int grant_parse(const json_t *spec, const struct permission_set *role, struct grant **ret, struct err *e)
{
    _cleanup_(grant_free) struct grant *g = mem_new(struct grant, 1);
    const json_t *selector = json_object_get(spec, "selector");
    g->set = *role;
    if (selector && !json_is_null(selector) && !json_is_object(selector))
        return err_set(e, ERR_INVALID, "the selector must be an object");
    if (parse_path(g, json_get_str(spec, "path", "/"), e) < 0 || parse_selector(g, selector, e) < 0)
        return -1;
    *ret = TAKE_PTR(g);
    return 0;
}

/* ---- matching ---- */

bool grant_is_unconditional(const struct grant *g)
{
    return !g->pattern && !g->n_selector;
}

/* * stands for any text, also none. Goes back to the last * only: linear but for its tail. */
static bool name_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* Both are sorted: one walk. */
static bool labels_match(const struct grant *g, const struct label *labels, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < g->n_selector; i++) {
        int order = 1;
        while (at < n && (order = strcmp(labels[at].key, g->selector[i].key)) < 0)
            at++;
        if (at == n || order != 0 || !streq(labels[at].value, g->selector[i].value))
            return false;
    }
    return true;
}

bool grant_matches(const struct grant *g, const char *name, const struct label *labels, size_t n)
{
    if (g->pattern && (!name || !name_matches(g->pattern, name)))
        return false;
    return labels_match(g, labels, n);
}

/* ---- checks of specs ---- */

int access_check_binding(const json_t *spec, struct err *e)
{
    static const char *const subjects[] = {"user:", "group:", "token:"};
    static const struct permission_set none;
    const char *subject = json_get_str(spec, "subject", ""), *role = json_get_str(spec, "role", "");
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
        known |= text_starts(subject, subjects[i]) && subject[strlen(subjects[i])];
    if (!known)
        return err_set(e, ERR_INVALID, "the subject must be user:NAME, group:NAME or token:NAME");
    if (!*role)
        return err_set(e, ERR_INVALID, "a binding needs a role");
    _cleanup_(grant_free) struct grant *parsed = NULL;
    return grant_parse(spec, &none, &parsed, e);
}

int access_check_token(const json_t *spec, struct err *e)
{
    struct permission_set set = {0};
    uint64_t expires;
    const json_t *permissions = json_object_get(spec, "permissions");
    const char *text = json_get_str(spec, "expires", NULL);
    if (text && !time_parse(text, &expires))
        return err_set(e, ERR_INVALID, "expires must be a time such as 2030-01-31T12:00:00Z");
    if (permissions && !json_is_null(permissions) && !json_is_array(permissions))
        return err_set(e, ERR_INVALID, "permissions must be a list");
    return permissions ? permissions_parse(permissions, &set, e) : 0;
}
