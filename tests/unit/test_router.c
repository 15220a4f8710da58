/* From method and path to a row of the routes table: every row is found by its own path, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/router.h"

struct outcome {
    int r;
    int id; /* of the route; -1: none */
    char name[256];
    char allow[64];
    char pointer[192]; /* of the first violation */
    enum err_code code;
};

static struct outcome route(const char *method, const char *path, const char *query)
{
    struct request r = {.head = {.method = method, .path = path, .query = query}};
    struct violations v = {0};
    struct err e = {0};
    char *allow = NULL;
    struct outcome o = {
        .r = route_request(&r, &allow, &v, &e), .id = r.route ? (int)r.route->id : -1, .code = e.code};
    snprintf(o.name, sizeof(o.name), "%s", r.name ? r.name : "");
    snprintf(o.allow, sizeof(o.allow), "%s", allow ? allow : "");
    snprintf(o.pointer, sizeof(o.pointer), "%s", v.n ? v.items[0].pointer : "");
    free(allow);
    free(r.path);
    free(r.query_text);
    return o;
}

static void every_row_is_found_by_its_own_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        char path[256];
        const char *slot = strchr(routes[i].path, '{');
        snprintf(path, sizeof(path), "/api/v1%.*s%s%s", slot ? (int)(slot - routes[i].path) : 255,
            routes[i].path, slot ? "some-name" : "", slot ? strchr(slot, '}') + 1 : "");
        struct outcome o = route(method_names[routes[i].method], path, NULL);
        assert_int_equal(o.r, 0);
        assert_int_equal(o.id, i);
        assert_string_equal(o.name, slot ? "some-name" : "");
        assert_true(routes[i].help[0] && (!routes[i].verb || routes[i].verb[0]));
    }
}

static void names_are_decoded_once_and_segments_stay_apart(void **state)
{
    (void)state;
    assert_string_equal(route("GET", "/api/v1/guests/a%2Fb", NULL).name, "a/b");
    assert_string_equal(route("GET", "/api/v1/guests/a%252Fb", NULL).name, "a%2Fb");
    assert_string_equal(route("GET", "/api/v1/guests/a+b", NULL).name, "a+b");
    assert_string_equal(route("GET", "/api/v1/guests/uuid:x", NULL).name, "uuid:x");
    assert_int_equal(route("GET", "/metrics", NULL).id, ROUTE_ID_metrics);
    static const char *const malformed[] = {"%", "%4", "%zz", "a%00b", "%ff", "%c0%80", "%ed%a0%80"};
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/api/v1/guests/%s", malformed[i]);
        assert_int_equal(route("GET", path, NULL).code, ERR_MALFORMED);
    }
}

static void what_is_no_route_is_not_found(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "/", "/api", "/api/v1", "/api/v1/", "/api/v10/guests",
        "/api/v1/guests/", "/api/v1//guests", "/api/v1/guests/a/", "/api/v1/guests/a/actions",
        "/api/v1/guests//log", "/api/v1/guestsx", "/metrics/", "guests", "/api/v1/openapi"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(route("GET", wrong[i], NULL).code, ERR_NOT_FOUND);
}

static void other_methods_are_refused_with_those_that_there_are(void **state)
{
    (void)state;
    struct outcome o = route("DELETE", "/api/v1/guests", NULL);
    assert_int_equal(o.code, ERR_METHOD);
    assert_string_equal(o.allow, "GET");
    assert_string_equal(route("FOO", "/api/v1/session", NULL).allow, "POST, GET, DELETE");
    assert_int_equal(route("", "/api/v1/guests", NULL).code, ERR_METHOD);
}

static void parameters_are_checked_against_the_row(void **state)
{
    (void)state;
    static const struct {
        const char *query, *pointer;
    } table[] = {{"limit=5", ""}, {"limit=5&filter=a%3Db", ""}, {"limit=x", "?limit"}, {"limit=", "?limit"},
        {"limit=1&limit=2", "?limit"}, {"dry_run=true", "?dry_run"}, {"nothing", "?nothing"},
        {"&&limit=1&", ""}, {"%6cimit=1", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct outcome o = route("GET", "/api/v1/guests", table[i].query);
        assert_int_equal(o.r, 0);
        assert_string_equal(o.pointer, table[i].pointer);
    }
    assert_string_equal(route("PUT", "/api/v1/guests/a", "start=yes").pointer, "?start");
    assert_string_equal(route("PUT", "/api/v1/guests/a", "start=true").pointer, "");
    assert_int_equal(route("GET", "/api/v1/guests", "filter=%ff").code, ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_by_its_own_path),
        cmocka_unit_test(names_are_decoded_once_and_segments_stay_apart),
        cmocka_unit_test(what_is_no_route_is_not_found),
        cmocka_unit_test(other_methods_are_refused_with_those_that_there_are),
        cmocka_unit_test(parameters_are_checked_against_the_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
