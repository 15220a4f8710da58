/* What the tests of the installer share: a machine with disks and cards of all kinds, and the head of an
 * answer file. */
#pragma once

#include "base/mem.h"
#include "iso/installer/inventory.h"

#define GB UINT64_C(1000000000)

static inline struct disk small_disk(
    const char *path, const char *serial, uint64_t size_bytes, enum disk_state state)
{
    return (struct disk){.path = path,
        .name = path + strlen("/dev/"),
        .model = "Model X",
        .serial = serial,
        .wwn = "",
        .transport = "sata",
        .size_bytes = size_bytes,
        .state = state,
        .holds = state == DISK_DATA ? "Windows, 3 partitions" : "empty"};
}

/* sda holds Windows, sdb and sdc are empty (the latter smaller), sdd is too small, sde is mounted, sdf is the
 * medium, sdg was cut short. */
static inline struct inventory *machine(void)
{
    struct inventory *i = mem_new(struct inventory, 1);
    i->disks[i->n_disks++] = small_disk("/dev/sda", "A", 500 * GB, DISK_DATA);
    i->disks[i->n_disks++] = small_disk("/dev/sdb", "B", 500 * GB, DISK_EMPTY);
    i->disks[i->n_disks++] = small_disk("/dev/sdc", "C", 300 * GB, DISK_EMPTY);
    i->disks[i->n_disks++] = small_disk("/dev/sdd", "D", 8 * GB, DISK_EMPTY);
    i->disks[i->n_disks++] = small_disk("/dev/sde", "E", 500 * GB, DISK_DATA);
    i->disks[4].mounted = "/srv";
    i->disks[i->n_disks++] = small_disk("/dev/sdf", "F", 500 * GB, DISK_DATA);
    i->disks[5].medium = true;
    i->disks[i->n_disks++] = small_disk("/dev/sdg", "G", 16 * GB, DISK_UNFINISHED);
    i->nics[i->n_nics++] = (struct nic){"enp1s0", "52:54:00:00:00:01", "e1000e", false, 0};
    i->nics[i->n_nics++] = (struct nic){"enp2s0", "52:54:00:00:00:02", "e1000e", true, 1000};
    return i;
}

#define HEAD "[global]\nfqdn='a.b'\nroot-password='12345678'\n[users]\nadmin-password='12345678'\n"
