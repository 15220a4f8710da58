/* The rows as text: the commented example file, and the tables of the documentation. */
#include "iso/installer/answer.h"

/* The others are shown as comments. Among those are the password and the disk, which only its user knows: as
 * it is, the example is refused. */
static const char *const example_keys[] = {
    "global.fqdn", "global.keyboard", "global.timezone", "network.source"};

static bool in_example(const struct answer_row *row)
{
    _cleanup_free_ char *name = mem_printf("%s.%s", row->section, row->name);
    for (size_t i = 0; i < ARRAY_SIZE(example_keys); i++)
        if (streq(example_keys[i], name))
            return true;
    return false;
}

/* Words of `text`, wrapped at 100 columns behind "# ". */
static void comment(struct buf *b, const char *text)
{
    size_t column = 0;
    for (const char *word = text; *word;) {
        size_t n = strcspn(word, " ");
        if (column == 0 || column + 1 + n > 100) {
            buf_str(b, column ? "\n#" : "#");
            column = 1;
        }
        buf_str(b, " ");
        buf_add(b, word, n);
        column += 1 + n;
        word += n + strspn(word + n, " ");
    }
    buf_str(b, "\n");
}

/* Each line behind "#", so that it is taken by removing that. */
static void commented_out(struct buf *b, const char *name, const char *value)
{
    _cleanup_free_ char *text = mem_printf("%s = %s", name, value);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        buf_printf(b, "#%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

char *answer_example(void)
{
    struct buf b = {0};
    comment(&b, "Answer file for an unattended installation of Lodge. Lines that begin with # are shown for "
                "what they could "
                "say; [users] admin-password and [disk-setup] disk-list (or a filter) must be given. Check "
                "it with: lodge-installer validate FILE");
    for (size_t s = 0; s < n_answer_sections; s++) {
        buf_str(&b, "\n");
        comment(&b, answer_sections[s].help);
        buf_printf(&b, "[%s]\n", answer_sections[s].name);
        for (size_t i = 0; i < n_answer_rows; i++) {
            const struct answer_row *row = &answer_rows[i];
            if (!streq(row->section, answer_sections[s].name))
                continue;
            buf_str(&b, "\n");
            comment(&b, row->help);
            if (!in_example(row))
                commented_out(&b, row->name, row->example);
            else
                buf_printf(&b, "%s = %s\n", row->name, row->otherwise ? row->otherwise : row->example);
        }
    }
    return buf_take(&b);
}

/* Markdown: a bar would end the cell. */
static void cell(struct buf *b, const char *text)
{
    for (; *text; text++)
        buf_printf(b, "%s%c", *text == '|' ? "\\" : "", *text);
}

static const char *row_type_name(enum row_type type)
{
    static const char *const names[] = {[ROW_TEXT] = "text",
        [ROW_TEXTS] = "list of texts",
        [ROW_BOOL] = "true or false",
        [ROW_INTEGER] = "number",
        [ROW_SIZE] = "size"};
    return names[type];
}

char *answer_reference(void)
{
    struct buf b = {0};
    for (size_t s = 0; s < n_answer_sections; s++) {
        buf_printf(&b, "### [%s]\n\n%s\n\n| key | type | without it | |\n|---|---|---|---|\n",
            answer_sections[s].name, answer_sections[s].help);
        for (size_t i = 0; i < n_answer_rows; i++) {
            const struct answer_row *row = &answer_rows[i];
            if (!streq(row->section, answer_sections[s].name))
                continue;
            buf_printf(&b, "| `%s` | %s | %s%s%s | ", row->name, row_type_name(row->type),
                row->otherwise ? "`" : "", row->otherwise ? row->otherwise : "–", row->otherwise ? "`" : "");
            cell(&b, row->help);
            buf_str(&b, " |\n");
        }
        buf_str(&b, s + 1 < n_answer_sections ? "\n" : "");
    }
    return buf_take(&b);
}
