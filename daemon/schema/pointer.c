#include "schema/pointer.h"

#include <stdio.h>

void pointer_join(char out[static POINTER_MAX], const char *pointer, const char *name)
{
    size_t n = (size_t)snprintf(out, POINTER_MAX, "%s/", pointer);
    for (; *name && n + 3 < POINTER_MAX; name++) {
        if (*name == '~' || *name == '/') {
            out[n++] = '~';
            out[n++] = *name == '~' ? '0' : '1';
        } else {
            out[n++] = *name;
        }
    }
    if (n < POINTER_MAX)
        out[n] = '\0';
}

void pointer_index(char out[static POINTER_MAX], const char *pointer, size_t index)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%zu", index);
    pointer_join(out, pointer, digits);
}
