/* Every row of the field tables: names, defaults and bounds are sound, and values make the round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/bind.h"
#include "schema/compare.h"
#include "schema/decode.h"
#include "schema/kind_objects.h"
#include "schema/kinds.h"
#include "schema/specs.h"

/* A text that fits each format. */
static const char *const examples[FORMAT_COUNT] = {
    [FORMAT_text] = "any text",
    [FORMAT_line] = "one line \xc3\xa4",
    [FORMAT_name] = "web-1.a",
    [FORMAT_device] = "eth0",
    [FORMAT_link] = "br0",
    [FORMAT_uuid] = "00000000-0000-4000-8000-000000000001",
    [FORMAT_mac] = "02:00:00:12:34:56",
    [FORMAT_cidr4] = "10.77.0.0/24",
    [FORMAT_ipv4] = "10.77.0.1",
    [FORMAT_ip] = "fd00::1",
    [FORMAT_label_key] = "team/a",
    [FORMAT_path] = "/var/lib",
    [FORMAT_url] = "https://example.org/a",
    [FORMAT_sha256] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    [FORMAT_time] = "2030-01-31T12:00:00Z",
    [FORMAT_permission] = "guests.read",
    [FORMAT_subject] = "user:a",
    [FORMAT_scope] = "/guests/a-*",
    [FORMAT_domain] = "lan.example",
};

static json_t *example_of(const struct field *f, bool full);

/* What is only shown is never decoded. */
static bool is_decoded(int id)
{
    return !(object_of((enum object_id)id)->flags & OBJECT_SHOWN);
}

static json_t *example_object(enum object_id id, bool full)
{
    json_t *out = json_object();
    const struct object *o = object_of(id);
    for (size_t i = 0; i < o->n_fields; i++)
        if (full || o->fields[i].flags & FIELD_REQUIRED || o->flags & OBJECT_ONE_OF) {
            json_object_set_new(out, o->fields[i].name, example_of(&o->fields[i], full));
            if (o->flags & OBJECT_ONE_OF)
                break;
        }
    return out;
}

static json_t *example_text(int format, int64_t min)
{
    json_t *text = json_string(examples[format]);
    if (format == FORMAT_text && (int64_t)strlen(examples[format]) < min)
        fail_msg("the example is too short");
    return text;
}

static json_t *example_of(const struct field *f, bool full)
{
    switch (f->type) {
    case FIELD_STRING: return example_text(f->ref, f->min);
    case FIELD_INT:
    case FIELD_SIZE: return json_integer(f->max ? f->max : 5);
    case FIELD_BOOL: return json_true();
    case FIELD_ENUM: return json_string(enumeration_of(f->ref)->values[enumeration_of(f->ref)->n_values - 1]);
    case FIELD_OBJECT: return example_object((enum object_id)f->ref, full);
    case FIELD_OBJECTS: return json_pack("[o]", example_object((enum object_id)f->ref, full));
    case FIELD_STRINGS: return json_pack("[o]", example_text(f->ref, 0));
    case FIELD_MAP: return json_pack("{s:s}", examples[f->ref], "value");
    case FIELD_NUMBER:
    case FIELD_NUMBERS: break; /* only in objects that are shown */
    }
    return NULL;
}

/* Decodes; the number of violations. */
static size_t decode(enum object_id id, json_t *in, struct arena *a, void **ret)
{
    struct violations v = {0};
    *ret = arena_alloc(a, object_size(id));
    decode_object(id, in, "", a, *ret, &v);
    return v.n;
}

static void every_row_is_sound(void **state)
{
    (void)state;
    for (int id = 0; id < OBJECT_COUNT; id++) {
        const struct object *o = object_of((enum object_id)id);
        assert_true(o->n_fields > 0);
        for (size_t i = 0; i < o->n_fields; i++) {
            const struct field *f = &o->fields[i];
            assert_int_equal(f->object, id);
            assert_ptr_equal(object_field((enum object_id)id, f->name), f);
            assert_true(f->min <= f->max);
            assert_true(!is_decoded(id) || binding_of(f)->offset < object_size((enum object_id)id));
            assert_true(!is_decoded(id) || (f->type != FIELD_NUMBER && f->type != FIELD_NUMBERS));
            assert_false(f->flags & FIELD_REQUIRED && f->fallback);
            assert_true(o->flags & OBJECT_INTERNAL || strlen(f->help) > 3);
            bool list = f->type == FIELD_OBJECTS || f->type == FIELD_STRINGS || f->type == FIELD_MAP;
            assert_true(!list || !is_decoded(id) || f->max > 0);
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(o->fields[k].name, f->name);
        }
    }
    for (int k = 0; k < KIND_COUNT; k++) {
        enum kind back;
        assert_true(kind_parse(kind_plural((enum kind)k), &back) && (int)back == k);
        assert_true(kind_parse(kind_singular((enum kind)k), &back) && (int)back == k);
    }
}

static void every_format_takes_its_example_and_refuses_an_empty_text(void **state)
{
    (void)state;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        assert_non_null(examples[i]);
        assert_true(format_check(i, examples[i]));
        assert_true(format_of(i)->help[0] != '\0');
        if (i != FORMAT_text && i != FORMAT_line)
            assert_false(format_check(i, ""));
        if (format_of(i)->pattern && i != FORMAT_path && i != FORMAT_scope && i != FORMAT_subject)
            assert_false(format_check(i, "two\nlines \x01"));
    }
    static const struct {
        int format;
        const char *wrong;
    } table[] = {{FORMAT_name, "-a"}, {FORMAT_name, "A"}, {FORMAT_name, "a/b"}, {FORMAT_name, "a\n"},
        {FORMAT_ipv4, "256.0.0.1"}, {FORMAT_ipv4, "1.2.3"}, {FORMAT_cidr4, "10.0.0.0/33"},
        {FORMAT_cidr4, "4294967306.0.0.0/8"}, {FORMAT_mac, "01:00:00:00:00:00"},
        {FORMAT_mac, "02:00:00:00:00:00:00"}, {FORMAT_url, "ftp://a"}, {FORMAT_url, "http://a b"},
        {FORMAT_time, "2030-01-31 12:00:00Z"}, {FORMAT_permission, "guests"}, {FORMAT_link, "a/b"}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        assert_false(format_check(table[i].format, table[i].wrong));
}

/* A required member that is never stored: what is written does not decode again. */
static bool has_secret(enum object_id id)
{
    const struct object *o = object_of(id);
    for (size_t i = 0; i < o->n_fields; i++)
        if (o->fields[i].flags & FIELD_WRITE_ONLY && o->fields[i].flags & FIELD_REQUIRED)
            return true;
    return false;
}

static void every_default_decodes(void **state)
{
    (void)state;
    for (int id = 0; id < OBJECT_COUNT; id++) {
        if (!is_decoded(id))
            continue;
        _cleanup_arena_ struct arena a = {0};
        _cleanup_json_ json_t *in = example_object((enum object_id)id, false);
        void *typed;
        assert_int_equal(decode((enum object_id)id, in, &a, &typed), 0);
        /* With every default written out it means the same. */
        _cleanup_buf_ struct buf text = {0}, again = {0};
        encode_object((enum object_id)id, typed, &text);
        void *back = decode_stored((enum object_id)id, text.data, text.len, &a);
        if (has_secret((enum object_id)id)) /* which is not written */
            continue;
        assert_non_null(back);
        encode_object((enum object_id)id, back, &again);
        assert_string_equal(text.data, again.data);
    }
}

static void every_row_makes_the_round_trip(void **state)
{
    (void)state;
    for (int id = 0; id < OBJECT_COUNT; id++) {
        if (!is_decoded(id))
            continue;
        _cleanup_arena_ struct arena a = {0};
        _cleanup_json_ json_t *in = example_object((enum object_id)id, true);
        void *typed;
        if (decode((enum object_id)id, in, &a, &typed) != 0)
            fail_msg("the full example of %s does not decode", object_of((enum object_id)id)->name);
        _cleanup_buf_ struct buf text = {0};
        encode_object((enum object_id)id, typed, &text);
        _cleanup_json_ json_t *out = NULL;
        struct err e;
        assert_int_equal(json_parse(text.data, text.len, "round trip", &out, &e), 0);
        if (!json_equal(in, out))
            fail_msg("%s came back as %s", object_of((enum object_id)id)->name, text.data);
    }
}

/* One field set to a value; true when it is refused with the field's own pointer. */
static bool refuses(const struct object *o, const struct field *f, json_t *value)
{
    _cleanup_arena_ struct arena a = {0};
    _cleanup_json_ json_t *in = example_object(f->object, false);
    struct violations v = {0};
    char pointer[192];
    if (o->flags & OBJECT_ONE_OF)
        json_object_clear(in);
    json_object_set_new(in, f->name, value);
    decode_object(f->object, in, "/at", &a, arena_alloc(&a, object_size(f->object)), &v);
    snprintf(pointer, sizeof(pointer), "/at/%s", f->name);
    return v.n && text_starts(v.items[0].pointer, pointer) && v.items[0].message[0];
}

static void every_row_refuses_what_is_beyond_its_bounds_and_other_types(void **state)
{
    (void)state;
    for (int id = 0; id < OBJECT_COUNT; id++) {
        if (!is_decoded(id))
            continue;
        const struct object *o = object_of((enum object_id)id);
        for (size_t i = 0; i < o->n_fields; i++) {
            const struct field *f = &o->fields[i];
            bool number = f->type == FIELD_INT || f->type == FIELD_SIZE;
            assert_true(refuses(o, f, json_real(1.5)));
            if (f->type != FIELD_BOOL)
                assert_true(refuses(o, f, json_true()));
            if (!number)
                assert_true(refuses(o, f, json_integer(1)));
            if (f->type != FIELD_OBJECTS && f->type != FIELD_STRINGS)
                assert_true(refuses(o, f, json_array()));
            if (number && (f->min || f->max)) {
                if (f->min > INT64_MIN)
                    assert_true(refuses(o, f, json_integer(f->min - 1)));
                if (f->max < INT64_MAX)
                    assert_true(refuses(o, f, json_integer(f->max + 1)));
            }
            if (f->type == FIELD_STRING && f->max) {
                char *longer = mem_alloc((size_t)f->max + 2);
                memset(longer, 'a', (size_t)f->max + 1);
                longer[f->max + 1] = '\0';
                assert_true(refuses(o, f, json_string(longer)));
                free(longer);
            }
            if (f->type == FIELD_OBJECTS || f->type == FIELD_STRINGS) {
                json_t *list = json_array();
                for (int64_t n = 0; n <= f->max; n++)
                    json_array_append_new(list, json_object());
                assert_true(refuses(o, f, list));
            }
        }
    }
}

static void unknown_members_and_unions_are_checked(void **state)
{
    (void)state;
    for (int id = 0; id < OBJECT_COUNT; id++) {
        if (!is_decoded(id))
            continue;
        _cleanup_arena_ struct arena a = {0};
        _cleanup_json_ json_t *in = example_object((enum object_id)id, true);
        void *typed;
        json_object_set_new(in, "no/such~field", json_null());
        assert_int_equal(decode((enum object_id)id, in, &a, &typed), 1);
    }
    _cleanup_arena_ struct arena a = {0};
    void *typed;
    _cleanup_json_ json_t *none = json_object(),
                          *both = json_pack("{s:s, s:s}", "file", "/a", "url", "http://b");
    assert_int_equal(decode(OBJECT_image_source, none, &a, &typed), 1);
    assert_int_equal(decode(OBJECT_image_source, both, &a, &typed), 1);
}

static void note_pointer(void *arg, const struct field *f, const char *pointer)
{
    (void)f;
    buf_printf(arg, "%s ", pointer);
}

static char *differences(enum object_id id, const char *before, const char *after)
{
    _cleanup_arena_ struct arena a = {0};
    struct buf out = {0};
    const void *x = decode_stored(id, before, strlen(before), &a),
               *y = decode_stored(id, after, strlen(after), &a);
    assert_non_null(x);
    assert_non_null(y);
    compare_objects(id, x, y, "", note_pointer, &out);
    return out.len ? buf_take(&out) : mem_strdup("");
}

static void every_row_equals_itself_and_differs_from_its_absence(void **state)
{
    (void)state;
    for (int id = 0; id < OBJECT_COUNT; id++) {
        if (!is_decoded(id))
            continue;
        _cleanup_json_ json_t *full = example_object((enum object_id)id, true);
        _cleanup_free_ char *text = json_text(full), *none = differences((enum object_id)id, text, text);
        assert_string_equal(none, "");
        for (size_t i = 0; i < object_of((enum object_id)id)->n_fields; i++) {
            const struct field *f = &object_of((enum object_id)id)->fields[i];
            if (f->flags & (FIELD_REQUIRED | FIELD_WRITE_ONLY) ||
                object_of((enum object_id)id)->flags & OBJECT_ONE_OF)
                continue;
            const char *example = json_get_str(full, f->name, "");
            if (f->fallback && streq(example, f->fallback))
                continue;
            _cleanup_json_ json_t *without = json_deep_copy(full);
            json_object_del(without, f->name);
            _cleanup_free_ char *shorter = json_text(without);
            _cleanup_free_ char *found = differences((enum object_id)id, shorter, text);
            if (!*found || !text_starts(found + 1, f->name))
                fail_msg("%s.%s: \"%s\"", object_of((enum object_id)id)->name, f->name, found);
        }
    }
}

static void differences_are_named_by_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *pointers;
    } table[] = {{"{\"type\":\"vm\"}", "{\"type\":\"vm\",\"memory\":536870912,\"cpu\":{\"cores\":1}}", ""},
        {"{\"type\":\"vm\"}", "{\"type\":\"vm\",\"memory\":536870913,\"cpu\":{\"cores\":2}}",
            "/cpu/cores /memory "},
        {"{\"type\":\"vm\",\"nics\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
            "{\"type\":\"vm\",\"nics\":[{\"name\":\"b\"},{\"name\":\"a\"}]}", ""},
        {"{\"type\":\"vm\",\"nics\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
            "{\"type\":\"vm\",\"nics\":[{\"name\":\"b\",\"network\":\"x\"},{\"name\":\"c\"}]}",
            "/nics/0/network /nics/1 /nics "},
        {"{\"type\":\"container\",\"boot\":{\"init\":[\"/a\",\"b\"]}}",
            "{\"type\":\"container\",\"boot\":{\"init\":[\"/a\",\"c\"]}}", "/boot/init "}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_free_ char *found = differences(OBJECT_guest_spec, table[i].before, table[i].after);
        assert_string_equal(found, table[i].pointers);
    }
}

static void what_was_stored_is_read_though_its_bounds_or_members_are_others_now(void **state)
{
    (void)state;
    static const char small[] = "{\"pool\":\"Not A Name\",\"size\":512,\"later\":{\"release\":true}}";
    static const char odd[] = "{\"size\":\"large\"}", strange[] = "{\"size\":1048576,\"content\":\"tape\"}";
    struct arena a = {0};
    const struct volume_spec *spec = decode_stored(OBJECT_volume_spec, small, sizeof(small) - 1, &a);
    assert_non_null(spec);
    assert_int_equal(spec->size, 512);
    assert_string_equal(spec->pool, "Not A Name");
    assert_null(decode_stored(OBJECT_volume_spec, odd, sizeof(odd) - 1, &a));
    assert_null(decode_stored(OBJECT_volume_spec, strange, sizeof(strange) - 1, &a));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_stored_is_read_though_its_bounds_or_members_are_others_now),
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(every_format_takes_its_example_and_refuses_an_empty_text),
        cmocka_unit_test(every_default_decodes),
        cmocka_unit_test(every_row_makes_the_round_trip),
        cmocka_unit_test(every_row_refuses_what_is_beyond_its_bounds_and_other_types),
        cmocka_unit_test(unknown_members_and_unions_are_checked),
        cmocka_unit_test(every_row_equals_itself_and_differs_from_its_absence),
        cmocka_unit_test(differences_are_named_by_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
