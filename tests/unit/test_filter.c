/* The filter and fields parameters of lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/filter.h"

static const char item[] =
    "{\"metadata\":{\"name\":\"web-1\",\"labels\":{\"team\":\"a\",\"x.y/z\":\"dotted\"}},"
    "\"spec\":{\"boot\":{\"init\":[\"one\",\"two\"],\"order\":5},\"protection\":true,\"run\":null,"
    "\"disks\":[{\"name\":\"root\",\"image\":\"tiny\"},{\"name\":\"data\",\"size\":7}],\"nics\":[]},"
    "\"status\":{\"cpu\":{\"used\":1.5}}}";

static void filters_match_as_their_terms_say(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        bool matches;
    } table[] = {{"metadata.name=web-1", true}, {"metadata.name=web", false}, {"metadata.name~eb", true},
        {"metadata.name!=web-1", false}, {"metadata.labels.team=a", true},
        {"metadata.labels.x.y/z=dotted", true}, {"metadata.labels.x.y=dotted", false},
        {"spec.boot.init=two", true}, {"spec.boot.init=three", false}, {"spec.boot.init!=two", false},
        {"spec.boot.order=5", true}, {"spec.boot.order=05", false}, {"spec.protection=true", true},
        {"status.cpu.used=1.5", true}, {"spec.run=", false}, {"spec.run!=x", true}, {"spec=x", false},
        {"status.state=1", false}, {"status.state!=", true}, {"metadata.name~", true},
        {"metadata.name=web-1,spec.boot.order=5", true}, {"metadata.name=web-1,spec.boot.order=6", false},
        {"metadata.name=a=b", false}, {"spec.disks.name=data", true}, {"spec.disks.image=tiny", true},
        {"spec.disks.image=other", false}, {"spec.disks.name!=data", false}, {"spec.disks.size=7", true},
        {"spec.nics.name=eth0", false}, {"spec.nics.name!=eth0", true}, {"metadata.labels=a", false}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct filter *f = NULL;
        struct err e;
        assert_int_equal(filter_parse(KIND_GUEST, table[i].filter, &f, &e), 0);
        if (filter_matches(f, item, strlen(item)) != table[i].matches)
            fail_msg("%s", table[i].filter);
        filter_free(f);
    }
}

static void terms_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "metadata.name", "=1", "!=1", "~x", "metadata.name!b", "metadata.name=1,b", "metadata.name=1,=2"};
    struct filter *f;
    struct err e;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_true(filter_parse(KIND_GUEST, wrong[i], &f, &e) < 0);
    _cleanup_buf_ struct buf many = {0}, fields = {0};
    for (int i = 0; i < 33; i++) {
        buf_printf(&many, "metadata.labels.a%d=1,", i);
        buf_printf(&fields, "metadata.labels.a%d,", i);
    }
    assert_true(filter_parse(KIND_GUEST, many.data, &f, &e) < 0);
    struct projection *p;
    assert_true(projection_parse(KIND_GUEST, fields.data, &p, &e) < 0);
}

static void a_field_that_does_not_exist_is_refused_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *hint; /* a part of it */
    } table[] = {{"status.stat", "state, cause"}, {"spec.memroy", "memory"}, {"spec.cpu.core", "cores"},
        {"spec.disks.sise", "size"}, {"name", "metadata, spec or status"}, {"spec.memory.x", "path"},
        {"metadata.", "labels"}, {"spec.boot.init.0", "path"}, {"statuses.state", "path"}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_free_ char *term = mem_printf("%s=1", table[i].path);
        struct filter *f;
        struct projection *p;
        struct err e;
        assert_true(filter_parse(KIND_GUEST, term, &f, &e) < 0);
        assert_int_equal(e.code, ERR_INVALID);
        if (!strstr(e.detail, table[i].path) || !strstr(e.hint, table[i].hint))
            fail_msg("%s: %s (%s)", table[i].path, e.detail, e.hint);
        assert_true(projection_parse(KIND_GUEST, table[i].path, &p, &e) < 0);
        assert_non_null(strstr(e.detail, table[i].path));
    }
    struct filter *f;
    struct err e;
    assert_true(filter_parse(KIND_ROLE, "status.state=1", &f, &e) < 0); /* roles have none */
    assert_null(strstr(e.hint, "status"));
}

static void a_projection_keeps_what_it_names_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *result;
    } table[] = {{"metadata.name", "{\"metadata\":{\"name\":\"web-1\"}}"},
        {"spec.boot.order,spec.protection", "{\"spec\":{\"boot\":{\"order\":5},\"protection\":true}}"},
        {"status.state", "{\"status\":{}}"},
        {"spec.disks.size,spec.disks.name",
            "{\"spec\":{\"disks\":[{\"name\":\"root\"},{\"size\":7,\"name\":\"data\"}]}}"},
        {"metadata.labels.x.y/z", "{\"metadata\":{\"labels\":{\"x.y/z\":\"dotted\"}}}"},
        {"metadata.labels", "{\"metadata\":{\"labels\":{\"team\":\"a\",\"x.y/z\":\"dotted\"}}}"}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct projection *p = NULL;
        struct err e;
        _cleanup_buf_ struct buf text = {0};
        buf_str(&text, "before");
        buf_str(&text, item);
        assert_int_equal(projection_parse(KIND_GUEST, table[i].fields, &p, &e), 0);
        projection_apply(p, &text, strlen("before"));
        assert_string_equal(text.data + strlen("before"), table[i].result);
        projection_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_their_terms_say),
        cmocka_unit_test(terms_that_mean_nothing_are_refused),
        cmocka_unit_test(a_field_that_does_not_exist_is_refused_by_its_name),
        cmocka_unit_test(a_projection_keeps_what_it_names_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
