/* The encoded form of a transaction: what travels through a replica. Little-endian; strings carry
 * their length and their NUL, so that decoding borrows them. */
#pragma once

#include "registry/registry.h"

enum op_type { OP_PUT = 1, OP_DELETE = 2, OP_REQUIRE = 3, OP_UNCHANGED = 4 };

struct op {
    enum op_type type;
    bool keep_metadata; /* name, labels, description and creation stay as they are stored */
    uint64_t expected;
    /* Below: borrowed from the encoded text; for a delete or a requirement only kind and uuid,
     * for OP_UNCHANGED neither: `expected` is the state's revision. */
    struct put put;
};

struct txn_reader {
    const uint8_t *at;
    const uint8_t *end;
    const char *id; /* NULL: none */
};

/* Owned bytes, without check: txn_check comes first. */
uint8_t *txn_encode(const struct txn *t, size_t *ret_len);
/* What was wrong with what was put into it; 0 when nothing. */
bool txn_is_freeing(const struct txn *t);
int txn_check(const struct txn *t, struct err *e);

int txn_reader_init(struct txn_reader *r, const uint8_t *data, size_t len, struct err *e);
/* 1 and an operation, 0 at the end, -1 when the text is not an encoded transaction. */
int txn_next(struct txn_reader *r, struct op *ret, struct err *e);
