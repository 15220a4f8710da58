/* Ownership made visible: cleanup attributes that free on every return path, and allocation that
 * cannot fail half-way. Out of memory ends the process: guests do not depend on it, and the
 * supervisor brings it back with its state on disk. Sizes that a stranger chooses are bounded
 * before they get here. */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define ATTR_PRINTF(f, a)     __attribute__((format(printf, f, a)))
#define MAX_OF(a, b)          ((a) > (b) ? (a) : (b))
#define MIN_OF(a, b)          ((a) < (b) ? (a) : (b))
#define container_of(p, t, m) ((t *)(void *)((char *)(p)-offsetof(t, m)))

/* Hands over a pointer or descriptor: evaluates to it and leaves NULL (-1) behind. */
#define TAKE_PTR(p)                                                                                          \
    ({                                                                                                       \
        __typeof__(p) taken_ = (p);                                                                          \
        (p) = NULL;                                                                                          \
        taken_;                                                                                              \
    })
#define TAKE_FD(fd)                                                                                          \
    ({                                                                                                       \
        int taken_ = (fd);                                                                                   \
        (fd) = -1;                                                                                           \
        taken_;                                                                                              \
    })

/* Defines the function that `_cleanup_(name)` calls: frees with `fn` what the variable points to. */
#define DEFINE_CLEANUP(type, fn)                                                                             \
    static inline void fn##_p(type *p)                                                                       \
    {                                                                                                        \
        if (*p)                                                                                              \
            fn(*p);                                                                                          \
    }
#define _cleanup_(fn) __attribute__((cleanup(fn##_p)))

static inline void free_p(void *p)
{
    free(*(void **)p);
}

static inline void close_p(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)

#define _cleanup_free_  _cleanup_(free)
#define _cleanup_close_ _cleanup_(close)
#define _cleanup_file_  _cleanup_(fclose)

/* All return owned memory, never NULL. mem_new gives zeroed objects. */
void *mem_alloc(size_t size);
void *mem_zero(size_t count, size_t size);
void *mem_resize(void *p, size_t count, size_t size);
char *mem_strdup(const char *s); /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t n);
char *mem_printf(const char *fmt, ...) ATTR_PRINTF(1, 2);

#define mem_new(type, count) ((type *)mem_zero((count), sizeof(type)))

static inline int streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}
