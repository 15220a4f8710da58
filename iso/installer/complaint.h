/* What is wrong with an answer file or with what it asks of a machine: each with line, key, reason and what
 * to write instead. They are collected, so that a person sees all of them at once. */
#pragma once

#include <stdbool.h>

#include "base/text.h"

struct complaint {
    int line;    /* 0: of no line */
    char *key;   /* "[network] cidr"; NULL: of no key */
    char *why;   /* a sentence without its stop */
    char *write; /* what to write or do instead; NULL: the reason says it */
    bool warning;
};

struct complaints {
    struct complaint *items;
    size_t n;
    size_t errors; /* those that are no warnings */
};

void complaints_free(struct complaints *c);
#define _cleanup_complaints_ __attribute__((cleanup(complaints_free)))

/* `key` and `write` may be NULL; all texts are copied. */
void complain(struct complaints *c, int line, const char *key, const char *write, const char *fmt, ...)
    ATTR_PRINTF(5, 6);
/* As complain, for what is worth saying and stops nothing. */
void complain_softly(struct complaints *c, int line, const char *key, const char *write, const char *fmt, ...)
    ATTR_PRINTF(5, 6);
bool complained_of(const struct complaints *c, int line);
/* In the order of lines, two lines of text each: "FILE:LINE: KEY: reason" and "    what to write". */
void complaints_print(const struct complaints *c, const char *file, struct buf *out);
