#include "iso/installer/surface.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/mem.h"

#define BLOCK         512
#define MBR_ENTRIES   446
#define MBR_MAGIC     510
#define TYPE_GPT      0xee
#define GPT_ENTRIES   (128 * 128)
#define GPT_OWN_PLACE 24 /* in its header: the sector that it stands in */

/* ---- what may stand on an empty disk ---- */

static bool is_gpt_header(const uint8_t *p, uint64_t sector)
{
    uint64_t place;
    memcpy(&place, p + GPT_OWN_PLACE, sizeof(place));
    return memcmp(p, "EFI PART", 8) == 0 && le64toh(place) == sector;
}

/* A table of four entries without any, or with the one that says: see the GPT. Code before them counts for
 * nothing, since there is nothing that it could start. */
static bool is_empty_mbr(const uint8_t *p, bool gpt)
{
    static const uint8_t none[4 * 16];
    uint8_t entries[sizeof(none)];
    memcpy(entries, p + MBR_ENTRIES, sizeof(entries));
    if (gpt && entries[4] == TYPE_GPT)
        memset(entries, 0, 16);
    return p[MBR_MAGIC] == 0x55 && p[MBR_MAGIC + 1] == 0xaa && memcmp(entries, none, sizeof(none)) == 0;
}

/* Some flash reads as ones where nothing was written. */
static bool is_unwritten(const uint8_t *block)
{
    if (*block != 0 && *block != 0xff)
        return false;
    return memcmp(block, block + 1, BLOCK - 1) == 0;
}

/* Except for the block at `table`, and that at `header`. */
static bool all_unwritten(const uint8_t *p, size_t len, const uint8_t *table, const uint8_t *header)
{
    for (size_t at = 0; at < len; at += BLOCK)
        if (p + at != table && p + at != header && !is_unwritten(p + at))
            return false;
    return true;
}

/* The name of the first part until an installation is complete (plan_disk.c), as a GPT holds it. */
static bool has_unfinished_name(const uint8_t *p, size_t len)
{
    static const char name[] = "lodge-unfinished";
    uint8_t wide[2 * sizeof(name)] = {0};
    for (size_t i = 0; i < sizeof(name); i++)
        wide[2 * i] = (uint8_t)name[i];
    return memmem(p, len, wide, sizeof(wide)) != NULL;
}

/* On a disk that was empty before. Where anything else stands, the table may be left from long ago. */
static bool is_unfinished(const struct surface_bytes *b)
{
    size_t table = 2 * b->sector_bytes + GPT_ENTRIES, rest = SURFACE_BYTES - table;
    return (has_unfinished_name(b->head, table) || has_unfinished_name(b->tail + rest, table)) &&
           all_unwritten(b->head + table, rest, NULL, NULL) && all_unwritten(b->tail, rest, NULL, NULL);
}

struct surface surface_judge(const struct surface_bytes *b)
{
    const uint8_t *first = b->head + b->sector_bytes, *last = b->tail + SURFACE_BYTES - b->sector_bytes;
    bool gpt = is_gpt_header(first, 1);
    bool backup = gpt && is_gpt_header(last, b->size_bytes / b->sector_bytes - 1);
    bool mbr = is_empty_mbr(b->head, gpt);
    bool blank = all_unwritten(b->head, SURFACE_BYTES, mbr ? b->head : NULL, gpt ? first : NULL) &&
                 all_unwritten(b->tail, SURFACE_BYTES, NULL, backup ? last : NULL);
    return (struct surface){.data = !blank, .unfinished = !blank && is_unfinished(b)};
}

/* ---- reading it ---- */

static int read_at(int fd, uint8_t *into, size_t len, uint64_t at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, into + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        done += (size_t)n;
    }
    return 0;
}

struct surface surface_read(const char *path, uint64_t size_bytes)
{
    int sector = BLOCK;
    _cleanup_free_ uint8_t *head = mem_alloc(SURFACE_BYTES), *tail = mem_alloc(SURFACE_BYTES);
    if (size_bytes < SURFACE_BYTES)
        return (struct surface){.error = ENODATA};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return (struct surface){.error = errno};
    if (ioctl(fd, BLKSSZGET, &sector) < 0 || sector < BLOCK)
        sector = BLOCK; /* the image of a disk */
    int error = read_at(fd, head, SURFACE_BYTES, 0);
    if (!error)
        error = read_at(fd, tail, SURFACE_BYTES, size_bytes - SURFACE_BYTES);
    if (error)
        return (struct surface){.error = error};
    return surface_judge(&(struct surface_bytes){head, tail, (size_t)sector, size_bytes});
}
