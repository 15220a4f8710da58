/* What the installer says about a disk, from what lsblk and pvs print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

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
    "sdf\",\"size\":8000000000,\"type\":\"disk\",\"fstype\":\"iso9660\",\"label\":\"LODGE\"},"
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
        cmocka_unit_test(a_card_that_is_plugged_in_stands_behind_those_that_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
