/* What the installer says about a disk, from what lsblk and pvs print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include "iso/installer/inventory.h"

static const char lsblk[] =
    "{\"blockdevices\": ["
    "{\"name\":\"sda\",\"path\":\"/dev/"
    "sda\",\"size\":500107862016,\"type\":\"disk\",\"ro\":false,\"model\":\" Old Disk \","
    "\"serial\":\"W1\",\"wwn\":\"0x5000\",\"tran\":\"sata\",\"pttype\":\"gpt\",\"mountpoints\":[null],"
    "\"children\":["
    "{\"name\":\"sda1\",\"path\":\"/dev/"
    "sda1\",\"size\":1,\"type\":\"part\",\"fstype\":\"vfat\",\"mountpoints\":[null]},"
    "{\"name\":\"sda2\",\"path\":\"/dev/sda2\",\"size\":1,\"type\":\"part\",\"partlabel\":\"Microsoft "
    "reserved "
    "partition\",\"mountpoints\":[null]},"
    "{\"name\":\"sda3\",\"path\":\"/dev/"
    "sda3\",\"size\":1,\"type\":\"part\",\"fstype\":\"ntfs\",\"mountpoints\":[null]}]},"
    "{\"name\":\"sdb\",\"path\":\"/dev/sdb\",\"size\":64000000000,\"type\":\"disk\",\"children\":["
    "{\"name\":\"sdb1\",\"path\":\"/dev/sdb1\",\"type\":\"part\",\"fstype\":\"LVM2_member\",\"children\":["
    "{\"name\":\"my--vg-root\",\"path\":\"/dev/mapper/my--vg-root\",\"type\":\"lvm\",\"fstype\":\"ext4\","
    "\"mountpoints\":[\"/srv\"]}]}]},"
    "{\"name\":\"sdc\",\"path\":\"/dev/"
    "sdc\",\"size\":64000000000,\"type\":\"disk\",\"fstype\":null,\"pttype\":\"dos\"},"
    "{\"name\":\"sdd\",\"path\":\"/dev/sdd\",\"size\":64000000000,\"type\":\"disk\",\"children\":["
    "{\"name\":\"sdd1\",\"path\":\"/dev/sdd1\",\"type\":\"part\",\"partlabel\":\"lodge-1a2b3c4d-bios\"},"
    "{\"name\":\"sdd5\",\"path\":\"/dev/sdd5\",\"type\":\"part\",\"partlabel\":\"lodge-1a2b3c4d-state\","
    "\"fstype\":\"ext4\",\"label\":\"web1\"}]},"
    "{\"name\":\"sde\",\"path\":\"/dev/sde\",\"size\":64000000000,\"type\":\"disk\",\"children\":["
    "{\"name\":\"sde1\",\"path\":\"/dev/sde1\",\"type\":\"part\",\"partlabel\":\"lodge-unfinished\"},"
    "{\"name\":\"sde3\",\"path\":\"/dev/"
    "sde3\",\"type\":\"part\",\"fstype\":\"linux_raid_member\",\"children\":["
    "{\"name\":\"md127\",\"path\":\"/dev/md127\",\"type\":\"raid1\"}]}]},"
    "{\"name\":\"sdi\",\"path\":\"/dev/sdi\",\"size\":64000000000,\"type\":\"disk\",\"children\":["
    "{\"name\":\"sdi1\",\"path\":\"/dev/sdi1\",\"type\":\"part\",\"partlabel\":\"lodge-00c0ffee-bios\"},"
    "{\"name\":\"sdi5\",\"path\":\"/dev/sdi5\",\"type\":\"part\",\"partlabel\":\"lodge-00c0ffee-state\","
    "\"fstype\":\"linux_raid_member\",\"label\":\"lodge-00c0ffee-state\",\"children\":["
    "{\"name\":\"md126\",\"path\":\"/dev/"
    "md126\",\"type\":\"raid1\",\"fstype\":\"ext4\",\"label\":\"db\"}]}]},"
    "{\"name\":\"sdj\",\"path\":\"/dev/sdj\",\"size\":64000000000,\"type\":\"disk\",\"children\":["
    "{\"name\":\"sdj1\",\"path\":\"/dev/sdj1\",\"type\":\"part\",\"partlabel\":\"lodge-00c0ffee-bios\"},"
    "{\"name\":\"sdj5\",\"path\":\"/dev/sdj5\",\"type\":\"part\",\"partlabel\":\"lodge-00c0ffee-state\","
    "\"fstype\":\"linux_raid_member\",\"label\":\"lodge-00c0ffee-state\"}]},"
    "{\"name\":\"sdk\",\"path\":\"/dev/sdk\",\"size\":64000000000,\"type\":\"disk\",\"children\":["
    "{\"name\":\"sdk1\",\"path\":\"/dev/sdk1\",\"type\":\"part\",\"partlabel\":\"lodge-things-bios\"}]},"
    "{\"name\":\"sdl\",\"path\":\"/dev/sdl\",\"size\":64000000000,\"type\":\"disk\",\"fstype\":"
    "\"linux_raid_member\",\"children\":["
    "{\"name\":\"md125\",\"path\":\"/dev/md125\",\"type\":\"md\"}]},"
    "{\"name\":\"sdf\",\"path\":\"/dev/"
    "sdf\",\"size\":8000000000,\"type\":\"disk\",\"fstype\":\"iso9660\",\"label\":\"LODGE\",\"mountpoints\":["
    "\"/run/lodge/medium\"]},"
    "{\"name\":\"sdm\",\"path\":\"/dev/"
    "sdm\",\"size\":8000000000,\"type\":\"disk\",\"fstype\":\"iso9660\",\"label\":\"LODGE\\u001b[2J\"},"
    "{\"name\":\"sdg\",\"path\":\"/dev/"
    "sdg\",\"size\":8000000000,\"type\":\"disk\",\"fstype\":\"ext4\",\"label\":\"backup\"},"
    "{\"name\":\"sdh\",\"path\":\"/dev/sdh\",\"size\":0,\"type\":\"disk\"},"
    "{\"name\":\"zram0\",\"path\":\"/dev/zram0\",\"size\":800000000000,\"type\":\"disk\"},"
    "{\"name\":\"sr0\",\"path\":\"/dev/sr0\",\"size\":800000000,\"type\":\"rom\"}]}";
static const char pvs[] = "{\"report\":[{\"pv\":[{\"pv_name\":\"/dev/sdb1\",\"vg_name\":\"my-vg\"}]}]}";

static void what_is_on_a_disk_is_said_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *path, *holds;
        enum disk_state state;
    } rows[] = {
        {"/dev/sda", "Windows, 3 partitions", DISK_DATA},
        {"/dev/sdb", "LVM volume group my-vg, 1 partition", DISK_DATA},
        {"/dev/sdc", "empty (a partition table without partitions)", DISK_EMPTY},
        {"/dev/sdd", "Lodge installation 1a2b3c4d, host web1", DISK_LODGE},
        {"/dev/sde", "unfinished Lodge installation", DISK_UNFINISHED},
        {"/dev/sdi", "Lodge installation 00c0ffee, host db", DISK_LODGE}, /* half of a mirror */
        {"/dev/sdj", "Lodge installation 00c0ffee", DISK_LODGE},          /* a half that did not start */
        {"/dev/sdk", "1 partition", DISK_DATA},
        {"/dev/sdl", "part of a RAID array", DISK_DATA},
        {"/dev/sdf", "iso9660 file system LODGE", DISK_DATA},
        {"/dev/sdm", "iso9660 file system LODGE?[2J", DISK_DATA}, /* another medium, and it moves no cursor */
        {"/dev/sdg", "ext4 file system backup", DISK_DATA},
    };
    _cleanup_free_ struct inventory *i = mem_new(struct inventory, 1);
    _cleanup_json_ json_t *blocks = NULL, *volumes = NULL;
    struct err e;
    assert_int_equal(json_parse(lsblk, strlen(lsblk), "lsblk", &blocks, &e), 0);
    assert_int_equal(json_parse(pvs, strlen(pvs), "pvs", &volumes, &e), 0);
    inventory_add_disks(i, blocks, volumes);
    assert_int_equal(i->n_disks, ARRAY_SIZE(rows));
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        assert_string_equal(i->disks[k].path, rows[k].path);
        assert_string_equal(i->disks[k].holds, rows[k].holds);
        assert_int_equal(i->disks[k].state, rows[k].state);
    }
    assert_string_equal(i->disks[0].model, "Old Disk");
    assert_string_equal(i->disks[1].mounted, "/srv");
    assert_string_equal(i->disks[1].groups.items[0], "my-vg");
    assert_string_equal(i->disks[4].arrays.items[0], "/dev/md127");
    assert_string_equal(i->disks[8].arrays.items[0], "/dev/md125"); /* inactive: without its other half */
    assert_true(i->disks[9].medium);
    assert_false(i->disks[10].medium);
    inventory_free(i);
}

/* ---- disks on which no program finds anything ---- */

#define END(n) (2 * SURFACE_BYTES - (n)) /* of the two ends, one behind the other */

static struct surface judged(const uint8_t *ends, size_t sector_bytes)
{
    return surface_judge(
        &(struct surface_bytes){ends, ends + SURFACE_BYTES, sector_bytes, 16 * UINT64_C(1000000000)});
}

static void gpt_header(uint8_t *at, uint64_t sector)
{
    memcpy(at, "EFI PART", 8);
    memcpy(at + 24, &sector, sizeof(sector));
    at[91] = 7;
}

static void empty_mbr(uint8_t *ends, uint8_t type)
{
    memset(ends, 0xfa, 440); /* code */
    ends[450] = type;
    memcpy(ends + 510, "\x55\xaa", 2);
}

static void empty_gpt(uint8_t *ends, size_t sector_bytes)
{
    empty_mbr(ends, 0xee);
    gpt_header(ends + sector_bytes, 1);
    gpt_header(ends + END(sector_bytes), 16 * UINT64_C(1000000000) / sector_bytes - 1);
}

static void unfinished_name(uint8_t *at)
{
    for (const char *p = "lodge-unfinished"; *p; p++, at += 2)
        *at = (uint8_t)*p;
}

static void an_empty_disk_holds_an_empty_partition_table_at_most(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t table_sector; /* of a GPT; 0: none */
        size_t byte;         /* set to 1; 0: none */
        size_t read_with;
        bool data;
    } rows[] = {
        {"zeroes", 0, 0, 512, false},
        {"a byte in the first sector", 0, 100, 512, true},
        {"a byte within", 0, SURFACE_BYTES - 1, 512, true},
        {"a byte in the last sector", 0, END(1), 512, true}, /* of a RAID controller */
        {"an empty GPT", 512, 0, 512, false},
        {"an empty GPT of large sectors", 4096, 0, 4096, false},
        {"a GPT of large sectors, read with small ones", 4096, 0, 512, true},
        {"a GPT of small sectors, read with large ones", 512, 0, 4096, true},
        {"a GPT with an entry", 512, 1024, 512, true},
        {"a GPT with an entry in the second table", 512, END(33 * 512), 512, true},
        {"a GPT and a file system", 512, 1024 * 1024 + 1080, 512, true},
    };
    _cleanup_free_ uint8_t *ends = mem_alloc(END(0));
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        memset(ends, 0, END(0));
        if (rows[k].table_sector)
            empty_gpt(ends, rows[k].table_sector);
        if (rows[k].byte)
            ends[rows[k].byte] = 1;
        if (judged(ends, rows[k].read_with).data != rows[k].data)
            fail_msg("%s: %s", rows[k].name, rows[k].data ? "counts as empty" : "counts as data");
    }
}

static void a_table_of_the_old_kind_is_empty_without_entries(void **state)
{
    (void)state;
    _cleanup_free_ uint8_t *ends = mem_new(uint8_t, END(0));
    empty_mbr(ends, 0);
    assert_false(judged(ends, 512).data);
    empty_mbr(ends, 0x83);
    assert_true(judged(ends, 512).data);
    empty_mbr(ends, 0xee); /* it says that there is a GPT, and there is none */
    assert_true(judged(ends, 512).data);
}

static void flash_that_reads_as_ones_is_empty(void **state)
{
    (void)state;
    _cleanup_free_ uint8_t *ends = mem_alloc(END(0));
    memset(ends, 0xff, END(0));
    assert_false(judged(ends, 512).data);
    memset(ends, 0, 40 * 512); /* a table was written, and zeroed again */
    assert_false(judged(ends, 512).data);
    ends[SURFACE_BYTES / 2] = 0xfe;
    assert_true(judged(ends, 512).data);
}

/* The table is written from its end on: the power may fail between. */
static void half_a_table_of_an_installation_is_unfinished_where_nothing_else_stands(void **state)
{
    (void)state;
    _cleanup_free_ uint8_t *ends = mem_new(uint8_t, END(0));
    assert_false(judged(ends, 512).unfinished);
    unfinished_name(ends + END(33 * 512) + 56);
    assert_true(judged(ends, 512).unfinished);
    ends[SURFACE_BYTES / 2] = 1;
    assert_false(judged(ends, 512).unfinished);
    assert_true(judged(ends, 512).data);
}

static void what_was_seen_of_a_disk_is_said_in_words(void **state)
{
    (void)state;
    static const struct {
        struct surface seen;
        const char *holds;
        enum disk_state state;
        bool unreadable;
    } rows[] = {
        {{0}, "empty", DISK_EMPTY, false},
        {{.data = true}, "unknown data", DISK_DATA, false},
        {{.data = true, .unfinished = true}, "unfinished Lodge installation", DISK_UNFINISHED, false},
        {{.error = EIO}, "it cannot be read (Input/output error)", DISK_DATA, true},
    };
    _cleanup_free_ struct inventory *i = mem_new(struct inventory, 1);
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        struct disk d = {.path = "/dev/sda", .state = DISK_EMPTY, .holds = "empty"};
        inventory_note_surface(i, &d, &rows[k].seen);
        assert_string_equal(d.holds, rows[k].holds);
        assert_int_equal(d.state, rows[k].state);
        assert_int_equal(d.unreadable, rows[k].unreadable);
    }
    inventory_free(i);
}

/* ---- network cards ---- */

static void plug(const char *sysfs, const char *name, const char *mac)
{
    _cleanup_free_ char *command = mem_printf(
        "mkdir -p %s/%s/device && echo %s >%s/%s/address && echo 1 >%s/%s/type && echo 1 >%s/%s/carrier",
        sysfs, name, mac, sysfs, name, sysfs, name, sysfs, name);
    assert_int_equal(system(command), 0);
}

/* A list on a screen names cards by their place. */
static void a_card_that_is_plugged_in_stands_behind_those_that_are_shown(void **state)
{
    (void)state;
    char sysfs[] = "/tmp/lodge-cards-XXXXXX";
    struct err e;
    assert_non_null(mkdtemp(sysfs));
    _cleanup_free_ struct inventory *i = mem_new(struct inventory, 1);
    plug(sysfs, "eth1", "52:54:00:00:00:01");
    plug(sysfs, "eth0", "52:54:00:00:00:00");
    assert_int_equal(inventory_read_nics(i, sysfs, &e), 0);
    plug(sysfs, "enp0s20u1", "52:54:00:00:00:09");
    assert_int_equal(inventory_read_nics(i, sysfs, &e), 0);
    assert_int_equal(i->n_nics, 3);
    assert_string_equal(i->nics[0].name, "eth0");
    assert_string_equal(i->nics[1].name, "eth1");
    assert_string_equal(i->nics[2].name, "enp0s20u1");
    i->nics[1].link = false; /* as it was read before its cable was found */
    assert_int_equal(inventory_wait_for_links(i, sysfs, 10000, &e), 0);
    assert_true(i->nics[1].link);
    i->nics[1].name = "gone";
    i->nics[1].link = false;
    assert_int_equal(inventory_wait_for_links(i, sysfs, 1, &e), 0); /* not for ever */
    _cleanup_free_ char *remove = mem_printf("rm -r %s", sysfs);
    assert_int_equal(system(remove), 0);
    inventory_free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_on_a_disk_is_said_in_words),
        cmocka_unit_test(an_empty_disk_holds_an_empty_partition_table_at_most),
        cmocka_unit_test(a_table_of_the_old_kind_is_empty_without_entries),
        cmocka_unit_test(flash_that_reads_as_ones_is_empty),
        cmocka_unit_test(half_a_table_of_an_installation_is_unfinished_where_nothing_else_stands),
        cmocka_unit_test(what_was_seen_of_a_disk_is_said_in_words),
        cmocka_unit_test(a_card_that_is_plugged_in_stands_behind_those_that_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
