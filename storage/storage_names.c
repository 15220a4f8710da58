/* The words that the API has for what the storage seam enumerates. */
#include "storage/storage_ops.h"

const char *volume_format_name(enum volume_format format)
{
    static const char *const names[] = {[VOLUME_RAW] = "raw", [VOLUME_QCOW2] = "qcow2"};
    return names[format];
}
