#include "base/mem.h"

#include <stdarg.h>

static void *need(void *p)
{
    if (!p) {
        static const char message[] = "out of memory\n";
        ssize_t n = write(STDERR_FILENO, message, sizeof(message) - 1);
        (void)n;
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return need(malloc(size ? size : 1));
}

void *mem_zero(size_t count, size_t size)
{
    return need(calloc(count ? count : 1, size ? size : 1));
}

void *mem_resize(void *p, size_t count, size_t size)
{
    return need(reallocarray(p, count ? count : 1, size ? size : 1));
}

char *mem_strdup(const char *s)
{
    return s ? need(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
    return need(strndup(s, n));
}

void *mem_dup(const void *p, size_t n)
{
    return memcpy(mem_alloc(n), p, n);
}

char *mem_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&s, fmt, args);
    va_end(args);
    return n < 0 ? need(NULL) : s;
}
