/* A request body: parsed, decoded as every object that there is, encoded and decoded again. The first
 * byte chooses the object. */
#include "schema/bind.h"
#include "schema/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ignore(
    void *arg, const struct field *f, const char *pointer, const json_t *before, const json_t *after)
{
    (void)arg, (void)f, (void)pointer, (void)before, (void)after;
}

/* What was accepted can be stored and read back. */
static void round_trip(enum object_id id, const void *typed, struct arena *a)
{
    _cleanup_buf_ struct buf text = {0};
    encode_object(id, typed, &text);
    if (id != OBJECT_login_input && id != OBJECT_password_input && !decode_stored(id, text.data, text.len, a))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_json_ json_t *json = NULL, *patched = NULL;
    struct err e;
    if (!n || json_parse((const char *)data + 1, n - 1, "body", &json, &e) < 0)
        return 0;
    enum object_id id = (enum object_id)(data[0] % OBJECT_COUNT);
    _cleanup_arena_ struct arena a = {0};
    _cleanup_free_ struct violations *v = mem_new(struct violations, 1);
    void *typed = arena_alloc(&a, object_size(id));
    patched = json_merge_patch(json_deep_copy(json), json);
    decode_object(id, json, "", &a, typed, v);
    diff_objects(id, json, patched, "", ignore, NULL);
    if (!v->n)
        round_trip(id, typed, &a);
    return 0;
}
