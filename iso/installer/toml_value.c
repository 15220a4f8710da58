/* Values: strings with their escapes, numbers, lists, inline tables. */
#include "iso/installer/toml_read.h"

static bool starts(const struct reader *r, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, what, n) == 0;
}

static void add_utf8(struct buf *b, uint32_t c)
{
    char out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    buf_add(b, out, n);
}

/* \uXXXX or \UXXXXXXXX, at the first digit. */
static int unicode_escape(struct reader *r, size_t digits, struct buf *b)
{
    uint32_t c = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        static const char hex[] = "0123456789abcdef";
        const char *digit = r->at < r->end && *r->at ? strchr(hex, *r->at | 0x20) : NULL;
        if (!digit)
            return toml_fail(r, NULL, "\\%c needs %zu hexadecimal digits", digits == 4 ? 'u' : 'U', digits);
        c = c << 4 | (uint32_t)(digit - hex);
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return toml_fail(r, NULL, "the text holds an escape that is no character (U+%04X)", c);
    add_utf8(b, c);
    return 0;
}

static const struct {
    char letter, means;
} escapes[] = {{'b', '\b'}, {'t', '\t'}, {'n', '\n'}, {'f', '\f'}, {'r', '\r'}, {'"', '"'}, {'\\', '\\'}};

/* A backslash at a line's end swallows blanks and line ends up to the next text. */
static bool line_continues(struct reader *r)
{
    const char *p = r->at;
    while (p < r->end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    if (p == r->end || *p != '\n')
        return false;
    for (; p < r->end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'); p++)
        r->line += *p == '\n';
    r->at = p;
    return true;
}

static int escape(struct reader *r, bool lines, struct buf *b)
{
    r->at++;
    if (lines && line_continues(r))
        return 0;
    char letter = r->at < r->end ? *r->at++ : '\0';
    if (letter == 'u' || letter == 'U')
        return unicode_escape(r, letter == 'u' ? 4 : 8, b);
    for (size_t i = 0; i < ARRAY_SIZE(escapes); i++)
        if (escapes[i].letter == letter) {
            buf_add(b, &escapes[i].means, 1);
            return 0;
        }
    return toml_fail(r, "In \"…\" a backslash is written \\\\; in '…' it stands for itself.",
        "\\%c is no escape that TOML knows", letter > 0x20 && letter < 0x7f ? letter : '?');
}

/* The text up to its closing quotes; `quote` is " or ', `three` for the kinds that span lines. */
static int string_body(struct reader *r, char quote, bool three, struct buf *b)
{
    const char closing[] = {quote, quote, quote, '\0'};
    for (;;) {
        if (r->at == r->end || (*r->at == '\n' && !three))
            return toml_fail(r,
                three ? "Close it with three quotes." : "Close it with a quote in the same line.",
                "a text is not closed");
        if (three ? starts(r, closing) : *r->at == quote)
            break;
        if (*r->at == '\\' && quote == '"') {
            if (escape(r, three, b) < 0)
                return -1;
            continue;
        }
        bool allowed = *r->at == '\t' || (three && (*r->at == '\n' || *r->at == '\r'));
        if (((unsigned char)*r->at < 0x20 && !allowed) || *r->at == 0x7f)
            return toml_fail(r, NULL, "a text holds a control character (code %d)", *r->at);
        r->line += *r->at == '\n';
        if (!(three && *r->at == '\r')) /* lines end with \n, whatever the file's editor wrote */
            buf_add(b, r->at, 1);
        r->at++;
    }
    r->at += three ? 3 : 1;
    /* Up to two quotes may stand before the three that close. */
    for (int extra = 0; three && extra < 2 && r->at < r->end && *r->at == quote; extra++, r->at++)
        buf_add(b, r->at, 1);
    return 0;
}

int toml_string(struct reader *r, bool lines, const char **ret)
{
    char quote = *r->at;
    bool three = starts(r, quote == '"' ? "\"\"\"" : "'''");
    if (three && !lines)
        return toml_fail(r, NULL, "a key cannot span lines");
    r->at += three ? 3 : 1;
    if (three && starts(r, "\r\n"))
        r->at++;
    if (three && starts(r, "\n")) {
        r->at++;
        r->line++;
    }
    _cleanup_buf_ struct buf b = {0};
    if (string_body(r, quote, three, &b) < 0)
        return -1;
    *ret = arena_strdup(r->arena, b.data ? b.data : "");
    return 0;
}

static int array(struct reader *r, struct toml *into)
{
    r->at++;
    for (;;) {
        if (toml_skip_lines(r) < 0)
            return -1;
        if (r->at < r->end && *r->at == ']')
            break;
        struct toml *value;
        if (toml_value(r, &value) < 0)
            return -1;
        toml_append(into, value);
        if (toml_skip_lines(r) < 0)
            return -1;
        if (r->at < r->end && *r->at == ',')
            r->at++;
        else if (r->at == r->end || *r->at != ']')
            return toml_fail(
                r, "Write: [\"one\", \"two\"]", "the list is not closed: a comma or ] is expected");
    }
    r->at++;
    into->closed = true;
    return 0;
}

static void close_tables(struct toml *t)
{
    t->closed = true;
    for (struct toml *child = t->first; child; child = child->next)
        if (child->type == TOML_TABLE)
            close_tables(child);
}

static int inline_table(struct reader *r, struct toml *into)
{
    r->at++;
    toml_skip_blanks(r);
    while (r->at == r->end || *r->at != '}') {
        if (toml_pair(r, into) < 0)
            return -1;
        toml_skip_blanks(r);
        if (r->at < r->end && *r->at == '}')
            break;
        if (r->at == r->end || *r->at != ',')
            return toml_fail(r, "Write: { key = value, key = value }",
                "the inline table is not closed: a comma or } is expected in the same line");
        r->at++;
        toml_skip_blanks(r);
    }
    r->at++;
    close_tables(into);
    return 0;
}

static bool ends_word(char c)
{
    return strchr(" \t\r\n,]}#", c) != NULL;
}

/* Decimal, hexadecimal, octal or binary, with single underscores between digits. */
static bool whole_number(const char *word, int64_t *ret)
{
    bool minus = *word == '-';
    const char *p = *word == '-' || *word == '+' ? word + 1 : word;
    unsigned base = 10;
    if (p == word && p[0] == '0' && p[1] && strchr("xob", p[1])) {
        base = p[1] == 'x' ? 16 : p[1] == 'o' ? 8 : 2;
        p += 2;
    } else if (p[0] == '0' && p[1]) {
        return false;
    }
    uint64_t value = 0;
    for (const char *start = p; *p; p++) {
        if (*p == '_' && p > start && p[-1] != '_' && p[1])
            continue;
        static const char digits[] = "0123456789abcdef";
        const char *digit = strchr(digits, *p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);
        if (!digit || (unsigned)(digit - digits) >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digit - digits), &value))
            return false;
    }
    if (p == word || !strchr("0123456789abcdefABCDEF", p[-1]) || value > INT64_MAX)
        return false;
    *ret = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

/* true, false, a number; anything else is refused with the reason that fits it best. */
static int bare_value(struct reader *r, struct toml *value)
{
    const char *start = r->at;
    while (r->at < r->end && !ends_word(*r->at))
        r->at++;
    _cleanup_free_ char *word = mem_strndup(start, MIN_OF((size_t)(r->at - start), (size_t)100));
    if (!*word)
        return toml_fail(r, NULL, "a value is expected here");
    if (streq(word, "true") || streq(word, "false")) {
        value->type = TOML_BOOL;
        value->boolean = *word == 't';
        return 0;
    }
    value->type = TOML_INTEGER;
    if (whole_number(word, &value->integer))
        return 0;
    if (r->secret)
        return toml_fail(
            r, "Write it in quotes: \"…\"", "what stands here is no value: texts stand in quotes");
    if (strcasecmp(word, "true") == 0 || strcasecmp(word, "false") == 0)
        return toml_fail(r, strcasecmp(word, "true") == 0 ? "Write: true" : "Write: false",
            "%s is no value: true and false have small letters", word);
    if (text_starts(word, "“") || text_starts(word, "”") || text_starts(word, "„") || text_starts(word, "‘"))
        return toml_fail(r, "Write \" before and behind it.", "these quotes are typographic ones");
    bool digits = strspn(word, "+-0123456789") > 0;
    _cleanup_free_ char *write = mem_printf("Write: \"%s\"", word);
    if (digits && strchr(word, '.') && !strchr(word + strcspn(word, ".") + 1, '.'))
        return toml_fail(r, write, "%s is a number with a fraction; no key takes one", word);
    if (strlen(word) >= 10 && digits && word[4] == '-')
        return toml_fail(r, write, "%s is a date; no key takes one", word);
    return toml_fail(r, strchr(word, '"') || strchr(word, '\\') ? "Texts stand in quotes." : write,
        "%s is no value: texts stand in quotes", word);
}

int toml_value(struct reader *r, struct toml **ret)
{
    struct toml *value = toml_new(r, TOML_STRING, r->line);
    char c = r->at < r->end ? *r->at : '\0';
    int result;
    if (++r->depth > TOML_DEPTH_MAX)
        return toml_fail(r, NULL, "lists are nested more than %d deep", TOML_DEPTH_MAX);
    if (c == '"' || c == '\'') {
        result = toml_string(r, true, &value->string);
    } else if (c == '[') {
        value->type = TOML_ARRAY;
        result = array(r, value);
    } else if (c == '{') {
        value->type = TOML_TABLE;
        result = inline_table(r, value);
    } else {
        result = bare_value(r, value);
    }
    r->depth--;
    *ret = value;
    return result;
}
