/* lodge: the command line. Its commands, options and help come from the tables of the API; what it adds
 * is how people like to read and write them. Exit codes: 0 done, 1 refused or failed, 2 wrong usage,
 * 3 not found, 4 not signed in or not allowed, 5 lodged cannot be reached. */
#pragma once

#include "api/routes.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/client.h"

enum exit_code { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_NOT_ALLOWED, EXIT_UNREACHABLE };
enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NAME };

/* ---- console.c ---- */

struct console_wish {
    const char *guest;
    bool shell, read_only, take;
    char **command; /* NULL-terminated; its first is NULL without one */
};
int console_usage(const char *word);
/* From the words of the command line; says what is wrong. */
bool console_parse(int argc, char **argv, struct console_wish *ret);
/* Until it ends or is left; the exit code. */
int console_run(struct client *c, const struct console_wish *wish, bool quiet);

/* ---- main.c ---- */

/* Of a route and the name in its braces; owned. */
char *path_of(const struct route *r, const char *name);

/* ---- command.c: which route the words mean ---- */

struct command {
    const struct route *route;
    const char *verb; /* as typed: "create" and "replace" are both the route's "put" */
    bool create_only;
    const char *help;
};
/* The noun of a route: "guest", "session", … */
const char *route_noun(const struct route *r, char out[static 32]);
bool command_find(const char *noun, const char *verb, struct command *ret);
/* Calls fn for every noun, or for every verb of one. */
typedef void word_fn(void *arg, const char *word, const char *help);
void each_noun(word_fn *fn, void *arg);
void each_verb(const char *noun, word_fn *fn, void *arg);
bool noun_is(const char *noun, const struct route *r);
bool noun_known(const char *noun);

/* ---- options.c: from options to query and body ---- */

/* "disks" is given as --disk, once for each. */
#define OPTION_NAME_MAX 64
void option_name(const struct field *f, char out[static OPTION_NAME_MAX]);
/* The parameter of the request that an option (without its dashes) stands for; -1: none. */
int query_named(const struct route *r, const char *option, size_t n);

struct request_parts {
    struct buf query;
    json_t *metadata, *spec, *input; /* spec for resources, input for actions */
    char *file;                      /* -f */
    bool any_field;
};
void request_parts_clear(struct request_parts *p);
/* Takes argv[*i] (and its value). False with an error in e when the option is unknown or its value wrong. */
bool option_take(
    const struct command *c, int argc, char **argv, int *i, struct request_parts *p, struct err *e);
/* The JSON body, owned; NULL without one. */
int request_body(const struct command *c, struct request_parts *p, char **ret, struct err *e);
struct option_row {
    const char *option; /* "--disk"; "size" when it is a key */
    const char *value;  /* what stands behind it; NULL: nothing */
    const char *help;
    const char *fallback; /* the default; NULL: none */
    bool key;             /* of the structured option before it: --disk name=root,size=2GiB */
    bool required;
};
/* Calls fn for every option of a command, and behind a structured one for each of its keys. */
typedef void option_fn(void *arg, const struct option_row *row);
void each_option(const struct command *c, option_fn *fn, void *arg);

/* ---- terminal.c ---- */
/* To standard output: as it is, or harmless when that is a terminal. */
void print_bytes(const char *data, size_t n);
/* One line of what others wrote, with nothing in it that steers a terminal. */
void add_printable(struct buf *out, const char *s);

/* ---- output.c ---- */
void print_list(const struct route *r, const json_t *items, enum output output);
void print_item(const json_t *item, enum output output);

/* ---- problem.c ---- */
/* What was asked, so that a refusal can be told in its words. */
struct asked {
    const struct command *command;
    const char *noun, *name;
    bool from_file; /* the body came from a file */
};
/* To standard error, made harmless. */
void print_error_line(const char *prefix, const char *text);
/* The exit code. q may be NULL. */
int print_problem(const struct answer *a, const struct asked *q);

/* ---- follow.c: waiting for a task ---- */
int follow_task(struct client *c, const char *location, bool quiet);

/* ---- help.c ---- */
void help_all(void);
void help_noun(const char *noun);
void help_command(const char *noun, const struct command *c);

/* ---- complete.c ---- */
int print_completion(const char *shell);
/* Prints the candidates for the last of the words. */
int complete_words(struct client *c, int argc, char **argv);
