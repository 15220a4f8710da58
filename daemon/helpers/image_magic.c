#include "helpers/image_magic.h"

#include <string.h>

#include "base/mem.h"

const char *image_magic_name(const void *head, size_t n)
{
    static const struct {
        size_t offset, length;
        const char *magic, *name;
    } rows[] = {
        {0, 4, "QFI\xfb", "a qcow2 disk"},
        {0, 4, "KDMV", "a VMDK disk"},
        {0, 4, "COWD", "a VMDK disk"},
        {0, 21, "# Disk DescriptorFile", "a VMDK descriptor"},
        {0, 8, "vhdxfile", "a VHDX disk"},
        {0, 8, "conectix", "a VHD disk"},
        {64, 4, "\x7f\x10\xda\xbe", "a VDI disk"},
        {0, 4, "QED", "a QED disk"},
        {0, 6, "LUKS\xba\xbe", "an encrypted disk (LUKS)"},
        {0, 2, "\x1f\x8b", "compressed by gzip"},
        {0, 6,
            "\xfd"
            "7zXZ",
            "compressed by xz"},
        {0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd"},
        {0, 3, "BZh", "compressed by bzip2"},
        {0, 4, "PK\x03\x04", "a ZIP archive"},
        {257, 5, "ustar", "a tar archive"},
        {0, 4,
            "\x7f"
            "ELF",
            "a program"},
        {0, 5, "<?xml", "an XML file"},
        {0, 9, "<!DOCTYPE", "a web page"},
        {0, 5, "<html", "a web page"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (n >= rows[i].offset + rows[i].length &&
            memcmp((const char *)head + rows[i].offset, rows[i].magic, rows[i].length) == 0)
            return rows[i].name;
    return NULL;
}
