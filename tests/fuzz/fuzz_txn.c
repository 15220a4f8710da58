/* An encoded transaction as it would come from another node. */
#include "registry/txn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t length(const char *s)
{
    return s ? strlen(s) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct txn_reader r;
    struct op op;
    struct err e;
    volatile size_t sum = 0;
    if (txn_reader_init(&r, data, n, &e) < 0)
        return 0;
    while (txn_next(&r, &op, &e) == 1)
        sum += length(op.put.uuid) + length(op.put.name) + length(op.put.labels) +
               length(op.put.description) + length(op.put.spec) + length(op.put.private);
    return 0;
}
