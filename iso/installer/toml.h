/* Reads TOML 1.0 as far as an answer file needs it, and remembers of each value where it stands. Tables,
 * dotted keys, arrays of tables, all four kinds of string, integers, booleans, arrays and inline tables;
 * numbers with a fraction and dates are refused by name, since no key takes one. (No TOML library for C is in
 * Debian, and those for C++ give no lines.) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "iso/installer/complaint.h"

enum toml_type { TOML_STRING, TOML_INTEGER, TOML_BOOL, TOML_ARRAY, TOML_TABLE };

struct toml {
    enum toml_type type;
    int line;            /* where its key stands; in an array, the value */
    const char *key;     /* NULL within an array and for the whole file */
    const char *string;  /* UTF-8 without NUL; of a TOML_STRING */
    int64_t integer;     /* of a TOML_INTEGER */
    bool boolean;        /* of a TOML_BOOL */
    struct toml *parent; /* NULL for the whole file */
    struct toml *first, *last, *next;
    size_t n;    /* values within, of an array or a table */
    bool closed; /* an inline table or array: nothing is added later */
    bool header; /* a table whose [header] was seen */
    bool dotted; /* a table made by a dotted key */
};

/* Larger files are refused: an answer file with its script and keys is a few KiB. */
#define TOML_FILE_MAX (1024 * 1024)

/* NULL when anything was wrong, which `c` then tells with lines. What it returns lives in `a`. */
struct toml *toml_read(const char *text, size_t len, struct arena *a, struct complaints *c);
/* "a string", "a whole number", … */
const char *toml_type_name(enum toml_type type);
