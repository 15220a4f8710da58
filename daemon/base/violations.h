/* What is wrong with an input, field by field: a JSON pointer and a sentence each. Collected by the
 * decoder and by the checks of core, shown together, so that a person fixes all at once. */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define VIOLATIONS_MAX 16

struct violation {
    char pointer[192]; /* RFC 6901, cut when longer */
    char message[320]; /* a sentence without its full stop */
};

struct violations {
    size_t n; /* found; only the first VIOLATIONS_MAX are kept */
    struct violation items[VIOLATIONS_MAX];
};

void violation_add(struct violations *v, const char *pointer, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* ERR_INVALID with the first violation as the detail; 0 when there is none. */
int violations_err(const struct violations *v, struct err *e);
