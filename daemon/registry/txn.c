/* Transactions: built from puts and deletes straight into the encoded form, and read back from it. */
#include "registry/txn.h"

#include "base/json.h"
#include "registry/doc.h"

#define FORMAT 1
#define ABSENT UINT32_MAX /* the length of a string that is NULL */

enum { FLAG_KEEP_METADATA = 1 };

struct txn {
    struct buf ops;
    char id[TXN_ID_MAX + 1];
    bool broken;
    bool frees_room;
    struct err error; /* the first one, when broken */
};

struct txn *txn_new(void)
{
    return mem_new(struct txn, 1);
}

void txn_free(struct txn *t)
{
    if (!t)
        return;
    buf_free(&t->ops);
    free(t);
}

void txn_frees_room(struct txn *t)
{
    t->frees_room = true;
}

bool txn_is_freeing(const struct txn *t)
{
    return t->frees_room;
}

bool txn_is_empty(const struct txn *t)
{
    return t->ops.len == 0 && !t->broken;
}

int txn_check(const struct txn *t, struct err *e)
{
    if (!t->broken)
        return 0;
    if (e)
        *e = t->error;
    return -1;
}

static void add_u8(struct buf *b, unsigned value)
{
    char byte = (char)(uint8_t)value;
    buf_add(b, &byte, 1);
}

static void add_uint(struct buf *b, uint64_t value, unsigned bytes)
{
    char text[8];
    for (unsigned i = 0; i < bytes; i++)
        text[i] = (char)(uint8_t)(value >> (8 * i));
    buf_add(b, text, bytes);
}

static void add_str(struct buf *b, const char *s)
{
    size_t len = s ? strlen(s) : ABSENT;
    add_uint(b, len, 4);
    if (s)
        buf_add(b, s, len + 1);
}

/* ---- building ---- */

static int check_uuid(const char *uuid, struct err *e)
{
    return uuid && uuid_valid(uuid) ? 0 : err_set(e, ERR_INTERNAL, "a document without a valid UUID");
}

static int check_object(const char *text, const char *what, struct err *e)
{
    if (!text)
        return 0;
    _cleanup_json_ json_t *json = NULL;
    if (json_parse(text, strlen(text), what, &json, e) < 0)
        return -1;
    return json_is_object(json) ? 0 : err_set(e, ERR_INVALID, "%s must be an object", what);
}

static size_t length(const char *s)
{
    return s ? strlen(s) : 0;
}

static int check_put(const struct put *p, struct err *e)
{
    _cleanup_label_set_ struct label_set labels = {0};
    size_t size = length(p->labels) + length(p->description) + length(p->spec) + length(p->private);
    if (check_uuid(p->uuid, e) < 0)
        return -1;
    if (!p->name || !*p->name || strlen(p->name) > DOC_NAME_MAX || !text_is_utf8(p->name, strlen(p->name)))
        return err_set(e, ERR_INVALID, "the name must be 1 to %d bytes of UTF-8", DOC_NAME_MAX);
    if (size > DOC_MAX_BYTES)
        return err_set(e, ERR_TOO_LARGE, "%s %s would have %zu KiB; a document may have %d KiB",
            kind_singular(p->kind), p->name, size / 1024, DOC_MAX_BYTES / 1024);
    if (p->description && !text_is_utf8(p->description, strlen(p->description)))
        return err_set(e, ERR_INVALID, "the description is not valid UTF-8");
    if (label_set_parse(p->labels, &labels, e) < 0 || check_object(p->spec, "spec", e) < 0)
        return -1;
    return check_object(p->private, "private", e);
}

static void add_put(struct txn *t, const struct put *p, unsigned flags)
{
    struct buf *b = &t->ops;
    add_u8(b, OP_PUT);
    add_u8(b, flags);
    add_u8(b, p->kind);
    add_uint(b, p->expected, 8);
    add_str(b, p->uuid);
    add_uint(b, p->created_ms, 8);
    add_uint(b, p->modified_ms, 8);
    add_str(b, p->name);
    add_str(b, p->labels);
    add_str(b, p->description);
    add_str(b, p->spec);
    add_str(b, p->private);
}

void txn_put(struct txn *t, const struct put *put)
{
    if (t->broken)
        return;
    if (check_put(put, &t->error) < 0)
        t->broken = true;
    else
        add_put(t, put, 0);
}

void txn_put_private(struct txn *t, const struct doc *old, const char *private, uint64_t modified_ms)
{
    struct put put = {.kind = old->kind,
        .uuid = old->uuid,
        .name = old->name,
        .expected = old->revision,
        .modified_ms = modified_ms,
        .private = private};
    if (t->broken)
        return;
    if (check_put(&put, &t->error) < 0)
        t->broken = true;
    else
        add_put(t, &put, FLAG_KEEP_METADATA);
}

static void add_reference(
    struct txn *t, enum op_type type, enum kind kind, const char *uuid, uint64_t expected)
{
    if (t->broken)
        return;
    if (check_uuid(uuid, &t->error) < 0) {
        t->broken = true;
        return;
    }
    add_u8(&t->ops, type);
    add_u8(&t->ops, 0);
    add_u8(&t->ops, kind);
    add_uint(&t->ops, expected, 8);
    add_str(&t->ops, uuid);
}

void txn_delete(struct txn *t, enum kind kind, const char *uuid, uint64_t expected)
{
    add_reference(t, OP_DELETE, kind, uuid, expected);
}

void txn_require(struct txn *t, enum kind kind, const char *uuid, uint64_t expected)
{
    add_reference(t, OP_REQUIRE, kind, uuid, expected);
}

void txn_require_unchanged(struct txn *t, uint64_t revision)
{
    add_reference(t, OP_UNCHANGED, 0, "00000000-0000-0000-0000-000000000000", revision);
}

void txn_set_id(struct txn *t, const char *id)
{
    if (strlen(id) <= TXN_ID_MAX) {
        memcpy(t->id, id, strlen(id) + 1);
    } else if (!t->broken) {
        t->broken = true;
        err_set(&t->error, ERR_INVALID, "a transaction id has at most %d bytes", TXN_ID_MAX);
    }
}

uint8_t *txn_encode(const struct txn *t, size_t *ret_len)
{
    struct buf out = {0};
    buf_reserve(&out, t->ops.len + TXN_ID_MAX + 8);
    add_u8(&out, FORMAT);
    add_str(&out, t->id[0] ? t->id : NULL);
    buf_add(&out, t->ops.data, t->ops.len);
    *ret_len = out.len;
    return (uint8_t *)buf_take(&out);
}

/* ---- reading ---- */

static bool get_uint(struct txn_reader *r, unsigned bytes, uint64_t *ret)
{
    if ((size_t)(r->end - r->at) < bytes)
        return false;
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)r->at[i] << (8 * i);
    r->at += bytes;
    *ret = value;
    return true;
}

static bool get_str(struct txn_reader *r, const char **ret)
{
    uint64_t len;
    if (!get_uint(r, 4, &len))
        return false;
    if (len == ABSENT) {
        *ret = NULL;
        return true;
    }
    if (len >= (size_t)(r->end - r->at) || memchr(r->at, '\0', len + 1) != r->at + len)
        return false;
    *ret = (const char *)r->at;
    r->at += len + 1;
    return true;
}

static int malformed(struct err *e)
{
    return err_set(e, ERR_MALFORMED, "not an encoded transaction of this release");
}

int txn_reader_init(struct txn_reader *r, const uint8_t *data, size_t len, struct err *e)
{
    uint64_t format;
    *r = (struct txn_reader){.at = data, .end = data + len};
    if (!get_uint(r, 1, &format) || format != FORMAT || !get_str(r, &r->id))
        return malformed(e);
    return !r->id || strlen(r->id) <= TXN_ID_MAX ? 0 : malformed(e);
}

static bool read_head(struct txn_reader *r, struct op *op)
{
    uint64_t type, flags, kind;
    if (!get_uint(r, 1, &type) || !get_uint(r, 1, &flags) || !get_uint(r, 1, &kind) ||
        !get_uint(r, 8, &op->expected) || !get_str(r, &op->put.uuid))
        return false;
    if (type < OP_PUT || type > OP_UNCHANGED || kind >= KIND_COUNT || !op->put.uuid ||
        !uuid_valid(op->put.uuid))
        return false;
    op->type = (enum op_type)type;
    op->keep_metadata = flags & FLAG_KEEP_METADATA;
    op->put.kind = (enum kind)kind;
    op->put.expected = op->expected;
    return true;
}

static bool read_put(struct txn_reader *r, struct put *p)
{
    return get_uint(r, 8, &p->created_ms) && get_uint(r, 8, &p->modified_ms) && get_str(r, &p->name) &&
           p->name && get_str(r, &p->labels) && get_str(r, &p->description) && get_str(r, &p->spec) &&
           get_str(r, &p->private);
}

int txn_next(struct txn_reader *r, struct op *ret, struct err *e)
{
    if (r->at == r->end)
        return 0;
    struct op op = {0};
    if (!read_head(r, &op) || (op.type == OP_PUT && !read_put(r, &op.put)))
        return malformed(e);
    *ret = op;
    return 1;
}
