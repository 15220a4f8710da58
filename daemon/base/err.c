#include "base/err.h"

#include <errno.h>
#include <stdarg.h>

static const struct {
    const char *name;
    const char *title;
    int status;
} codes[] = {
#define X(symbol, code, http, text) [ERR_##symbol] = {.name = (code), .title = (text), .status = (http)},
    ERR_CODES(X)
#undef X
};

const char *err_code_name(enum err_code code)
{
    return codes[code].name;
}

const char *err_code_title(enum err_code code)
{
    return codes[code].title;
}

int err_code_status(enum err_code code)
{
    return codes[code].status;
}

enum err_code err_code_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (streq(codes[i].name, name))
            return (enum err_code)i;
    return ERR_INTERNAL;
}

static const struct {
    int errnum;
    enum err_code code;
} errno_codes[] = {
    {ENOENT, ERR_NOT_FOUND},
    {EEXIST, ERR_EXISTS},
    {ENOSPC, ERR_NO_SPACE},
    {EDQUOT, ERR_NO_SPACE},
    {EBUSY, ERR_BUSY},
    {ETIMEDOUT, ERR_TIMEOUT},
    {ECONNREFUSED, ERR_UNAVAILABLE},
    {EFBIG, ERR_TOO_LARGE},
};

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list args;
    va_start(args, fmt);
    e->code = code;
    e->hint[0] = '\0';
    e->parameter = NULL;
    vsnprintf(e->detail, sizeof(e->detail), fmt, args);
    va_end(args);
    return -1;
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    if (!e)
        return -1;
    e->code = ERR_INTERNAL;
    for (size_t i = 0; i < ARRAY_SIZE(errno_codes); i++)
        if (errno_codes[i].errnum == errnum)
            e->code = errno_codes[i].code;
    e->hint[0] = '\0';
    e->parameter = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(e->detail, sizeof(e->detail), fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(e->detail)) {
        char text[128];
        snprintf(
            e->detail + n, sizeof(e->detail) - (size_t)n, ": %s", strerror_r(errnum, text, sizeof(text)));
    }
    return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list args;
    va_start(args, fmt);
    vsnprintf(e->hint, sizeof(e->hint), fmt, args);
    va_end(args);
    return -1;
}

int err_parameter(struct err *e, const char *literal)
{
    if (e)
        e->parameter = literal;
    return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    char old[sizeof(e->detail)];
    memcpy(old, e->detail, sizeof(old));
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(e->detail, sizeof(e->detail), fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(e->detail))
        snprintf(e->detail + n, sizeof(e->detail) - (size_t)n, ": %s", old);
    return -1;
}
