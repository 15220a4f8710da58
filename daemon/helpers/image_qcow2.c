/* After QEMU's docs/interop/qcow2.txt. */
#include "helpers/image_qcow2.h"

#include "base/text.h"

#define FEATURE_DIRTY         (UINT64_C(1) << 0)
#define FEATURE_CORRUPT       (UINT64_C(1) << 1)
#define FEATURE_EXTERNAL_DATA (UINT64_C(1) << 2)
#define FEATURE_COMPRESSION   (UINT64_C(1) << 3)
#define FEATURE_EXTENDED_L2   (UINT64_C(1) << 4)

#define EXTENSION_END           0
#define EXTENSION_BACKING       0xE2792ACAU
#define EXTENSION_EXTERNAL_DATA 0x44415441U
#define EXTENSION_ENCRYPTION    0x0537be77U

/* As QEMU has them (block/qcow2.h): 32 MiB of first-level table, 8 MiB of reference table. */
#define L1_ENTRIES_MAX (UINT64_C(32) << 17)
#define REFTABLE_MAX   (UINT64_C(8) << 20)
#define SNAPSHOTS_MAX  4096

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const uint8_t *p)
{
    return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static int refuse(struct err *e, const char *why)
{
    return err_set(e, ERR_INVALID, "the image is refused: %s", why);
}

static int refuse_linked(struct err *e, const char *why)
{
    refuse(e, why);
    return err_hint(e, "make it whole first: qemu-img convert -O qcow2 image.qcow2 whole.qcow2");
}

static int check_features(const uint8_t *head, struct err *e)
{
    uint64_t incompatible = be64(head + 72);
    if (incompatible & FEATURE_EXTERNAL_DATA)
        return refuse_linked(e, "its data is in another file");
    if (incompatible & FEATURE_CORRUPT)
        return refuse(e, "it is marked as corrupt");
    if (incompatible & FEATURE_DIRTY)
        return refuse_linked(e, "it was not closed cleanly");
    if (incompatible & ~(FEATURE_COMPRESSION | FEATURE_EXTENDED_L2))
        return refuse(e, "it uses features that this release does not know");
    return 0;
}

/* Between the header and the first cluster's end: type, length, data padded to 8 bytes. */
static int check_extensions(const uint8_t *head, size_t n, size_t at, struct err *e)
{
    while (at + 8 <= n) {
        uint32_t type = be32(head + at), length = be32(head + at + 4);
        if (type == EXTENSION_END)
            return 0;
        if (type == EXTENSION_BACKING)
            return refuse_linked(e, "it names the format of a backing file");
        if (type == EXTENSION_EXTERNAL_DATA)
            return refuse_linked(e, "it names a file that holds its data");
        if (type == EXTENSION_ENCRYPTION)
            return refuse_linked(e, "it is encrypted");
        if (length > n - at - 8)
            return refuse(e, "a header extension reaches beyond the header");
        at += 8 + (((size_t)length + 7) & ~(size_t)7);
    }
    return 0; /* ends with the cluster, which QEMU allows */
}

/* A table of `bytes` at `offset` that has to be within the file. */
static int check_table(
    uint64_t offset, uint64_t bytes, uint64_t cluster, uint64_t file, const char *what, struct err *e)
{
    if (offset % cluster || offset > file || bytes > file - offset)
        return err_set(e, ERR_INVALID, "the image is refused: its %s is not within the file", what);
    return 0;
}

static int check_sizes(const uint8_t *head, uint64_t file_bytes, uint64_t *ret_virtual, struct err *e)
{
    uint32_t cluster_bits = be32(head + 20), l1_entries = be32(head + 36);
    uint64_t virtual = be64(head + 24);
    if (cluster_bits < 9 || cluster_bits > 21)
        return refuse(e, "its cluster size is impossible");
    uint64_t cluster = UINT64_C(1) << cluster_bits;
    if (virtual == 0 || virtual > DISK_SIZE_MAX || virtual % 512) {
        char size[TEXT_SIZE_MAX];
        return err_set(
            e, ERR_INVALID, "the image is refused: a disk of %s is absurd", text_size_str(virtual, size));
    }
    bool extended = be32(head + 4) >= 3 && (be64(head + 72) & FEATURE_EXTENDED_L2);
    uint64_t l1_covers = cluster * (cluster / (extended ? 16 : 8));
    uint64_t l1_needed = (virtual + l1_covers - 1) / l1_covers;
    if (l1_entries < l1_needed || l1_entries > L1_ENTRIES_MAX)
        return refuse(e, "its tables do not fit its size");
    uint64_t reftable = be32(head + 56) * cluster, snapshots = be32(head + 60);
    if (reftable == 0 || reftable > REFTABLE_MAX || snapshots > SNAPSHOTS_MAX)
        return refuse(e, "its tables are absurdly large");
    if (check_table(be64(head + 40), (uint64_t)l1_entries * 8, cluster, file_bytes, "first-level table", e) <
            0 ||
        check_table(be64(head + 48), reftable, cluster, file_bytes, "reference table", e) < 0 ||
        (snapshots &&
            check_table(be64(head + 64), snapshots * 40, cluster, file_bytes, "snapshot table", e) < 0))
        return -1;
    *ret_virtual = virtual;
    return 0;
}

int qcow2_check(
    const uint8_t *head, size_t n, uint64_t file_bytes, uint64_t *ret_virtual_bytes, struct err *e)
{
    if (n < 72 || memcmp(head, "QFI\xfb", 4) != 0)
        return err_set(e, ERR_INVALID, "the file is not a qcow2 image");
    uint32_t version = be32(head + 4);
    if (version != 2 && version != 3)
        return refuse(e, "its version of qcow2 is neither 2 nor 3");
    if (be64(head + 8) || be32(head + 16))
        return refuse_linked(e, "it has a backing file");
    if (be32(head + 32))
        return refuse_linked(e, "it is encrypted");
    size_t header_bytes = 72;
    if (version == 3) {
        if (n < 104)
            return refuse(e, "its header is cut off");
        header_bytes = be32(head + 100);
        if (check_features(head, e) < 0)
            return -1;
        if (header_bytes < 104 || header_bytes > 4096 || header_bytes % 8 || header_bytes > n)
            return refuse(e, "its header has an impossible length");
        if (be32(head + 96) > 6)
            return refuse(e, "its reference counts are wider than 64 bits");
    }
    uint64_t virtual_bytes = 0;
    if (check_sizes(head, file_bytes, &virtual_bytes, e) < 0)
        return -1;
    uint64_t cluster = UINT64_C(1) << be32(head + 20);
    if (check_extensions(head, (size_t)MIN_OF((uint64_t)n, cluster), header_bytes, e) < 0)
        return -1;
    *ret_virtual_bytes = virtual_bytes;
    return 0;
}
