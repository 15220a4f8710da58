#include <string.h>

void suspicious(char *text, size_t size)
{
    memset(text, (int)size, 0);
}
