/* What an installation is told: by an answer file, or by the screens, which fill the same structure and pass
 * the same checks. Texts live in the arena that they were read into. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "iso/common/formats.h"
#include "iso/installer/toml.h"

#define ANSWER_LIST_MAX 32

struct text_list {
    const char *items[ANSWER_LIST_MAX];
    size_t n;
};

struct answer {
    const int
        *lines; /* one for each row of the table, 0 where the file has no such key; NULL: the screens asked */
    struct {
        const char *keyboard, *timezone, *fqdn, *root_password, *root_password_hash, *reboot_mode;
        struct text_list root_ssh_keys, ntp;
    } global;
    struct {
        const char *source, *cidr, *gateway;
        struct text_list dns;
        uint64_t vlan; /* 0: none */
        const char *mac, *name;
    } network;
    struct {
        struct text_list disks; /* names, serial numbers or WWNs */
        const char *serial, *wwn, *model, *name;
        uint64_t size_min_bytes, size_max_bytes; /* 0: not asked for */
        bool wipe, mirror;
    } disk;
    struct {
        const char *admin_password, *admin_password_hash;
    } users;
    struct {
        uint64_t state_bytes; /* 0: a tenth of the disk, within bounds */
        const char *local;    /* a size or a share of what is left */
    } storage;
    struct {
        const char *source, *script, *url, *cert_fingerprint;
    } first_boot;
};

enum row_type { ROW_TEXT, ROW_TEXTS, ROW_BOOL, ROW_INTEGER, ROW_SIZE };

/* One key of an answer file. */
struct answer_row {
    const char *section, *name; /* "disk-setup", "filter.serial" */
    enum row_type type;
    size_t offset;               /* into struct answer */
    const struct format *format; /* of a text, or each of a list; NULL: words decide */
    const char *const *words;    /* the texts there are, NULL at the end; NULL: any */
    uint64_t min, max;           /* of a number, a size, or the length of a list */
    const char *otherwise;       /* what holds without it, as TOML; NULL: nothing */
    const char *example;         /* as TOML */
    const char *help;            /* one sentence, for the reference and the example file */
};

struct answer_section {
    const char *name, *help;
};

extern const struct answer_row answer_rows[];
extern const size_t n_answer_rows;
extern const struct answer_section answer_sections[];
extern const size_t n_answer_sections;

/* Fills what the rows say holds without being told. */
void answer_defaults(struct answer *answer);
/* Keys, types and bounds; fills `lines`, of n_answer_rows. */
void answer_decode(const struct toml *root, struct answer *answer, int *lines, struct complaints *c);
/* The rules that concern several keys. */
void answer_check(const struct answer *answer, struct complaints *c);
/* All of it, from a file's text: answer_defaults, toml_read, answer_decode, answer_check. 0 when nothing is
 * wrong but warnings. */
int answer_read(const char *text, size_t len, struct arena *a, struct answer *answer, struct complaints *c);

/* Where the file has that key, in any form; 0 when it has not, or there is no file. */
int answer_line(const struct answer *answer, const char *section, const char *name);
/* "[disk-setup] filter.serial", owned. */
char *answer_key(const struct answer_row *row);
/* "host1" of "host1.example.org". */
void answer_host(const struct answer *answer, char out[static 64]);
/* "example.org", or "". */
const char *answer_domain(const struct answer *answer);
bool answer_has_root_login(const struct answer *answer);
/* A file with every key, its help, and a value where one is needed. Owned; it validates. */
char *answer_example(void);
/* The same rows as the tables of docs/install.md. Owned. */
char *answer_reference(void);
