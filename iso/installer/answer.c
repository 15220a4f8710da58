/* From the values of a file to a typed answer: names, types, bounds. What concerns several keys is in
 * answer_check.c. */
#include "iso/installer/answer.h"

#include <limits.h>

/* ---- names ---- */

/* What Proxmox's answer files have and Lodge does not, or calls otherwise. */
static const struct {
    const char *section, *name, *write;
} foreign[] = {
    {"global", "country",
        "Remove it: Lodge mirrors no packages, and keyboard and timezone are keys of their own."},
    {"global", "mailto", "Remove it: Lodge's host sends no mail."},
    {"global", "reboot-on-error", "Remove it: a failed installation shows why and waits."},
    {"disk-setup", "filesystem", "Remove it: Lodge's layout is fixed; see [storage]."},
    {"disk-setup", "zfs", "Remove it; two disks become a mirror with mirror = true."},
    {"disk-setup", "lvm", "Remove it; sizes are in [storage]."},
    {"disk-setup", "btrfs", "Remove it; two disks become a mirror with mirror = true."},
    {"disk-setup", "filter-match", "Remove it: a disk must match every filter."},
    {"disk-setup", "filter.ID_SERIAL", "Write: filter.serial"},
    {"disk-setup", "filter.ID_SERIAL_SHORT", "Write: filter.serial"},
    {"disk-setup", "filter.ID_WWN", "Write: filter.wwn"},
    {"disk-setup", "filter.ID_MODEL", "Write: filter.model"},
    {"disk-setup", "filter.DEVNAME", "Write: filter.name, without /dev/"},
    {"disk-setup", "filter.ID_PATH", "Write: filter.serial, filter.wwn, filter.model or filter.name"},
    {"network", "filter.ID_NET_NAME_MAC", "Write: filter.mac = \"52:54:00:12:34:56\""},
    {"network", "filter.ID_NET_NAME", "Write: filter.name"},
    {"network", "filter.ID_NET_NAME_PATH", "Write: filter.name"},
    {"network", "filter.ID_PATH", "Write: filter.mac or filter.name"},
    {"network", "interface-name-pinning", "Remove it: each card's name is pinned to its address."},
    {"first-boot", "ordering", "Remove it: the script runs when the host is up and on the network."},
    {"post-installation-webhook", "", "Remove it: a script in [first-boot] can tell somebody."},
};

static const char *foreign_advice(const char *section, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
        if (streq(foreign[i].section, section) && streq(foreign[i].name, name))
            return foreign[i].write;
    return NULL;
}

/* Letters that differ between two names, up to a length that names have. */
static size_t distance(const char *a, const char *b)
{
    size_t row[48], n = strlen(b);
    if (n >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN_OF(MIN_OF(row[j] + 1, row[j - 1] + 1), change);
        }
    }
    return row[n];
}

/* The name that was probably meant, when it is near enough. */
static void keep_nearer(const char *candidate, const char *wrong, const char **best, size_t *best_distance)
{
    size_t d = distance(wrong, candidate);
    if (d < *best_distance && d <= 1 + strlen(wrong) / 4) {
        *best = candidate;
        *best_distance = d;
    }
}

static void unknown_section(const struct toml *t, struct complaints *c)
{
    const char *best = NULL;
    size_t nearest = SIZE_MAX;
    for (size_t i = 0; i < n_answer_sections; i++)
        keep_nearer(answer_sections[i].name, t->key, &best, &nearest);
    _cleanup_free_ char *key = mem_printf("[%s]", t->key);
    const char *advice = foreign_advice(t->key, "");
    _cleanup_free_ char *write = advice ? mem_strdup(advice)
                                 : best ? mem_printf("Did you mean [%s]?", best)
                                        : NULL;
    complain(c, t->line, key,
        write ? write : "The sections are global, users, network, disk-setup, storage, first-boot.",
        "there is no such section");
}

/* Proxmox's older names have _ instead. */
static char *with_hyphens(const char *name)
{
    char *copy = mem_strdup(name);
    for (char *p = copy; *p; p++)
        *p = *p == '_' ? '-' : *p;
    return copy;
}

static void unknown_key(const char *section, const char *name, int line, struct complaints *c)
{
    _cleanup_free_ char *newer = with_hyphens(name);
    const char *best = NULL, *elsewhere = NULL, *advice = foreign_advice(section, name);
    size_t nearest = SIZE_MAX;
    if (!advice)
        advice = foreign_advice(section, newer);
    for (size_t i = 0; i < n_answer_rows; i++) {
        if (streq(answer_rows[i].section, section))
            keep_nearer(answer_rows[i].name, name, &best, &nearest);
        else if (streq(answer_rows[i].name, newer))
            elsewhere = answer_rows[i].section;
    }
    _cleanup_free_ char *key = mem_printf("[%s] %s", section, name);
    _cleanup_free_ char *write = advice      ? mem_strdup(advice)
                                 : best      ? mem_printf("Did you mean %s?", best)
                                 : elsewhere ? mem_printf("There is %s in [%s].", newer, elsewhere)
                                             : mem_strdup("`lodge-installer example` shows every key.");
    complain(c, line, key, write, "there is no such key");
}

/* ---- values ---- */

static void *member(struct answer *answer, const struct answer_row *row)
{
    return (char *)answer + row->offset;
}

static void wrong(
    struct complaints *c, int line, const struct answer_row *row, const char *write, const char *why)
{
    _cleanup_free_ char *key = answer_key(row);
    complain(c, line, key, write, "%s", why);
}

/* "Write: wipe = true", with the row's own example. */
static void wrong_type(
    struct complaints *c, const struct toml *v, const struct answer_row *row, const char *wanted)
{
    _cleanup_free_ char *why = mem_printf("must be %s, and this is %s", wanted, toml_type_name(v->type));
    bool short_example = !strchr(row->example, '\n');
    _cleanup_free_ char *write = short_example ? mem_printf("Write: %s = %s", row->name, row->example) : NULL;
    wrong(c, v->line, row, write, why);
}

static bool is_word(const char *const *words, const char *text)
{
    for (; *words; words++)
        if (streq(*words, text))
            return true;
    return false;
}

static char *words_listed(const char *const *words)
{
    struct buf b = {0};
    buf_str(&b, "Write one of:");
    for (size_t i = 0; words[i]; i++)
        buf_printf(&b, "%s \"%s\"", i ? "," : "", words[i]);
    return buf_take(&b);
}

static bool text_fits(const char *text, const struct answer_row *row, int line, struct complaints *c)
{
    char why[WHY_MAX];
    _cleanup_free_ char *list = NULL;
    const char *write;
    if (row->words && !is_word(row->words, text)) {
        snprintf(why, sizeof(why), "is no value of this key");
        list = words_listed(row->words);
        write = list;
    } else if (row->format && !row->format->check(text, why)) {
        write = row->format->write;
    } else if (!*text) {
        snprintf(why, sizeof(why), "is empty");
        write = "Give it a value, or remove the key.";
    } else {
        return true;
    }
    bool shown = !(row->format && row->format->secret) && strlen(text) <= 60 && !strchr(text, '\n');
    _cleanup_free_ char *sentence =
        shown ? mem_printf("\"%s\" %s", text, why) : mem_printf("its value %s", why);
    wrong(c, line, row, write, sentence);
    return false;
}

static void decode_text(const struct toml *v, const struct answer_row *row, void *into, struct complaints *c)
{
    if (v->type != TOML_STRING)
        wrong_type(c, v, row, "a string");
    else if (text_fits(v->string, row, v->line, c))
        *(const char **)into = v->string;
}

static void add_text(
    const struct toml *v, const struct answer_row *row, struct text_list *list, struct complaints *c)
{
    if (v->type != TOML_STRING) {
        wrong_type(c, v, row, "a list of strings");
        return;
    }
    if (!text_fits(v->string, row, v->line, c))
        return;
    for (size_t i = 0; i < list->n; i++)
        if (streq(list->items[i], v->string)) {
            _cleanup_free_ char *why = mem_printf("\"%.60s\" is there twice", v->string);
            wrong(c, v->line, row, "Remove one of the two.", why);
            return;
        }
    if (list->n < row->max)
        list->items[list->n++] = v->string;
}

static void decode_texts(const struct toml *v, const struct answer_row *row, void *into, struct complaints *c)
{
    struct text_list *list = into;
    *list = (struct text_list){0};
    if (v->type == TOML_STRING) { /* one alone may stand without brackets, as in Proxmox's files */
        add_text(v, row, list, c);
        return;
    }
    if (v->type != TOML_ARRAY) {
        wrong_type(c, v, row, "a list of strings");
        return;
    }
    if (v->n < row->min || v->n > row->max) {
        _cleanup_free_ char *why = mem_printf("has %zu entries; it takes %llu to %llu", v->n,
            (unsigned long long)row->min, (unsigned long long)row->max);
        wrong(c, v->line, row, v->n ? NULL : "Give it a value, or remove the key.", why);
        return;
    }
    for (const struct toml *item = v->first; item; item = item->next)
        add_text(item, row, list, c);
}

static void decode_bool(const struct toml *v, const struct answer_row *row, void *into, struct complaints *c)
{
    if (v->type == TOML_BOOL) {
        *(bool *)into = v->boolean;
        return;
    }
    _cleanup_free_ char *why =
        mem_printf("must be true or false without quotes, and this is %s", toml_type_name(v->type));
    _cleanup_free_ char *write = mem_printf("Write: %s = true or %s = false", row->name, row->name);
    wrong(c, v->line, row, write, why);
}

static void decode_integer(
    const struct toml *v, const struct answer_row *row, void *into, struct complaints *c)
{
    if (v->type != TOML_INTEGER) {
        wrong_type(c, v, row, "a whole number without quotes");
    } else if (v->integer < 0 || (uint64_t)v->integer < row->min || (uint64_t)v->integer > row->max) {
        _cleanup_free_ char *why = mem_printf("%lld is outside of %llu to %llu", (long long)v->integer,
            (unsigned long long)row->min, (unsigned long long)row->max);
        wrong(c, v->line, row, NULL, why);
    } else {
        *(uint64_t *)into = (uint64_t)v->integer;
    }
}

static void decode_size(const struct toml *v, const struct answer_row *row, void *into, struct complaints *c)
{
    uint64_t bytes;
    char low[TEXT_SIZE_MAX], high[TEXT_SIZE_MAX];
    _cleanup_free_ char *write = mem_printf("Write a size such as %s.", row->example);
    if (v->type != TOML_STRING) {
        wrong_type(c, v, row, "a size in quotes");
    } else if (!text_size(v->string, &bytes)) {
        _cleanup_free_ char *why = mem_printf("\"%.60s\" is no size in KiB, MiB, GiB or TiB", v->string);
        wrong(c, v->line, row, write, why);
    } else if (bytes < row->min || bytes > row->max) {
        _cleanup_free_ char *why = mem_printf("\"%.60s\" is outside of %s to %s", v->string,
            text_size_str(row->min, low), text_size_str(row->max, high));
        wrong(c, v->line, row, write, why);
    } else {
        *(uint64_t *)into = bytes;
    }
}

static void (*const decoders[])(
    const struct toml *, const struct answer_row *, void *, struct complaints *) = {
    [ROW_TEXT] = decode_text,
    [ROW_TEXTS] = decode_texts,
    [ROW_BOOL] = decode_bool,
    [ROW_INTEGER] = decode_integer,
    [ROW_SIZE] = decode_size,
};

/* ---- the file ---- */

static const struct answer_row *row_named(const char *section, const char *name)
{
    for (size_t i = 0; i < n_answer_rows; i++)
        if (streq(answer_rows[i].section, section) && streq(answer_rows[i].name, name))
            return &answer_rows[i];
    return NULL;
}

struct decoding {
    struct answer *answer;
    int *lines;
    struct complaints *c;
};

static void decode_key(const struct decoding *d, const char *section, const char *name, const struct toml *v)
{
    const struct answer_row *row = row_named(section, name);
    if (row) {
        d->lines[row - answer_rows] = v->line;
        decoders[row->type](v, row, member(d->answer, row), d->c);
    } else if (v->type == TOML_TABLE && streq(name, "filter")) {
        for (const struct toml *inner = v->first; inner; inner = inner->next) {
            _cleanup_free_ char *dotted = mem_printf("%s.%s", name, inner->key);
            decode_key(d, section, dotted, inner);
        }
    } else {
        unknown_key(section, name, v->line, d->c);
    }
}

void answer_decode(const struct toml *root, struct answer *answer, int *lines, struct complaints *c)
{
    struct decoding d = {answer, lines, c};
    for (const struct toml *section = root->first; section; section = section->next) {
        bool known = false;
        for (size_t i = 0; i < n_answer_sections; i++)
            known |= streq(answer_sections[i].name, section->key);
        if (!known) {
            if (section->type == TOML_TABLE)
                unknown_section(section, c);
            else
                complain(c, section->line, section->key, "Put it below a line such as [global].",
                    "stands before any section");
            continue;
        }
        if (section->type != TOML_TABLE) {
            _cleanup_free_ char *write = mem_printf("Write: [%s]", section->key);
            complain(c, section->line, section->key, write, "is a section, and this is %s",
                toml_type_name(section->type));
            continue;
        }
        for (const struct toml *v = section->first; v; v = v->next)
            decode_key(&d, section->key, v->key, v);
    }
}

void answer_defaults(struct answer *answer)
{
    *answer = (struct answer){0};
    answer->global.keyboard = "en-us";
    answer->global.timezone = "UTC";
    answer->global.reboot_mode = "reboot";
    answer->network.source = "from-dhcp";
    answer->storage.local = "50%";
}

int answer_read(const char *text, size_t len, struct arena *a, struct answer *answer, struct complaints *c)
{
    answer_defaults(answer);
    const struct toml *root = toml_read(text, len, a, c);
    if (!root)
        return -1;
    int *lines = arena_alloc(a, n_answer_rows * sizeof(*lines));
    answer->lines = lines;
    answer_decode(root, answer, lines, c);
    answer_check(answer, c);
    return c->errors ? -1 : 0;
}
