#include "base/violations.h"

#include <stdarg.h>

void violation_add(struct violations *v, const char *pointer, const char *fmt, ...)
{
    if (v->n++ >= VIOLATIONS_MAX)
        return;
    struct violation *item = &v->items[v->n - 1];
    snprintf(item->pointer, sizeof(item->pointer), "%s", pointer);
    va_list args;
    va_start(args, fmt);
    vsnprintf(item->message, sizeof(item->message), fmt, args);
    va_end(args);
}

int violations_err(const struct violations *v, struct err *e)
{
    if (!v->n)
        return 0;
    if (v->n == 1)
        return err_set(e, ERR_INVALID, "%s: %s", v->items[0].pointer, v->items[0].message);
    return err_set(e, ERR_INVALID, "%s: %s (and %zu more, see errors)", v->items[0].pointer,
        v->items[0].message, v->n - 1);
}
