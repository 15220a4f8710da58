/* An answer file: read, decoded and checked; what is wrong with it is told in lines that it has. */
#include "iso/installer/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int lines_of(const char *text, size_t n)
{
    int lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_free_ char *text = mem_alloc(n + 1);
    _cleanup_arena_ struct arena arena = {0};
    _cleanup_complaints_ struct complaints c = {0};
    _cleanup_buf_ struct buf out = {0};
    struct answer answer;
    memcpy(text, data, n);
    text[n] = '\0';
    int r = answer_read(text, n, &arena, &answer, &c);
    complaints_print(&c, "f", &out);
    if (r < 0 && !c.errors)
        abort(); /* refused without a reason */
    if (r == 0 && (!answer.global.fqdn || !(answer.users.admin_password || answer.users.admin_password_hash)))
        abort();
    for (size_t i = 0; i < c.n; i++)
        if (c.items[i].line < 0 || c.items[i].line > lines_of(text, n) ||
            !text_is_utf8(c.items[i].why, strlen(c.items[i].why)))
            abort();
    return 0;
}
