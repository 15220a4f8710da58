#include "base/mdstat.h"

#include <string.h>

/* "… blocks super 1.2 [2/1] [U_]", and below it "recovery = 12.6% …" where a disk is taken in. */
enum mirror mirror_of(const char *mdstat)
{
    if (!strstr(mdstat, " : active raid1"))
        return MIRROR_NONE;
    if (!strstr(mdstat, "[U_]") && !strstr(mdstat, "[_U]"))
        return MIRROR_WHOLE;
    return strstr(mdstat, "recovery =") ? MIRROR_REBUILDS : MIRROR_HALF;
}
