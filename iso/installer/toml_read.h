/* Inner header of the TOML reader: the place in the text, shared by its two files. */
#pragma once

#include "iso/installer/toml.h"

/* Deeper nesting is refused; no answer file comes near it. */
#define TOML_DEPTH_MAX 16

struct reader {
    const char *at, *end;
    int line;
    int depth;
    bool secret; /* the value that is read belongs to a password, and is not shown */
    struct arena *arena;
    struct complaints *complaints;
};

void toml_complain(struct reader *r, const char *write, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* Complains of the present line; its value is -1, which analyzers would not see of a function elsewhere. */
#define toml_fail(...) (toml_complain(__VA_ARGS__), -1)
struct toml *toml_new(struct reader *r, enum toml_type type, int line);
void toml_append(struct toml *parent, struct toml *child);
/* Blanks and tabs. */
void toml_skip_blanks(struct reader *r);
/* Blanks, comments and line ends. */
int toml_skip_lines(struct reader *r);
int toml_comment(struct reader *r);
/* key = value, within `table`. */
int toml_pair(struct reader *r, struct toml *table);
/* A string of any of the four kinds, at its first quote; multi-line ones only when `lines`. Lives in the
 * arena. */
int toml_string(struct reader *r, bool lines, const char **ret);
int toml_value(struct reader *r, struct toml **ret);
