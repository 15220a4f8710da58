#include "helpers/report.h"

#include "base/fs.h"
#include "base/text.h"

static int report(const char *key, json_t *value)
{
    _cleanup_json_ json_t *line = json_pack("{s:o}", key, value);
    _cleanup_free_ char *text = json_text(line);
    _cleanup_free_ char *with_end = mem_printf("%s\n", text);
    return fs_write_all(STDOUT_FILENO, with_end, strlen(with_end), NULL);
}

void report_percent(unsigned percent)
{
    static unsigned last = ~0U;
    if (percent != last)
        report("percent", json_integer((json_int_t)percent));
    last = percent;
}

int report_result(json_t *result)
{
    return report("result", result) < 0 ? 1 : 0;
}

/* Names in a hostile archive end up in messages: what is no UTF-8 becomes "?". */
static json_t *plain_string(const char *text)
{
    _cleanup_free_ char *copy = mem_strdup(text);
    if (!text_is_utf8(copy, strlen(copy)))
        for (char *c = copy; *c; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return json_string(copy);
}

int report_error(const struct err *e)
{
    report("error", json_pack("{s:s, s:o, s:o}", "code", err_code_name(e->code), "detail",
                        plain_string(e->detail), "hint", plain_string(e->hint)));
    return 1;
}
