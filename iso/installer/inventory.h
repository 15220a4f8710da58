/* What the machine has: disks with what is on them, and network cards. Read from the running system, or from
 * a JSON file of the same facts (for tests, and to try an answer file for another machine). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/json.h"
#include "iso/installer/surface.h"

/* Shelves with a controller show some dozens of disks each. */
#define DISKS_MAX 256
#define NICS_MAX  64
#define NAMES_MAX 64 /* partitions, groups, arrays of one disk */
/* Hexadecimal digits that tell one installation of Lodge from another: a FAT serial number has as many, and
 * "lodge-1a2b3c4d-state" fits the 36 characters of a partition's name and the 32 of an array's. */
#define INSTALLATION_ID_LEN 8

enum disk_state {
    DISK_EMPTY,      /* nothing that anybody would miss */
    DISK_UNFINISHED, /* an installation of Lodge that was cut short: free to be taken again */
    DISK_DATA,
    DISK_LODGE, /* a complete installation */
};

struct name_list {
    const char *items[NAMES_MAX];
    size_t n;
};

struct disk {
    const char *path, *name;                      /* "/dev/sda", "sda" */
    const char *model, *serial, *wwn, *transport; /* "" where the disk does not say */
    uint64_t size_bytes;
    bool read_only;
    bool unreadable; /* what it holds is not known */
    bool medium;     /* the installation's own */
    enum disk_state state;
    const char *holds;       /* in words: "Windows, 3 partitions" */
    const char *mounted;     /* where something of it is mounted, or "swap"; NULL: nowhere */
    struct name_list parts;  /* paths of its partitions */
    struct name_list groups; /* volume groups that are active on it */
    struct name_list arrays; /* paths of running arrays of it */
};

struct nic {
    const char *name, *mac, *driver;
    bool link;
    uint64_t speed_mbit; /* 0: unknown */
};

struct inventory {
    struct arena arena;
    struct disk disks[DISKS_MAX];
    size_t n_disks;
    size_t disks_left_out; /* for which there was no room */
    struct nic nics[NICS_MAX];
    size_t n_nics;
    bool efi; /* the running system was started by UEFI */
};

void inventory_free(struct inventory *i);
#define _cleanup_inventory_ __attribute__((cleanup(inventory_free)))

/* From the running system: lsblk, pvs where it exists, /sys, and the ends of disks
 * that seem to be empty. */
int inventory_probe(struct inventory *ret, struct err *e);
int inventory_load(const char *path, struct inventory *ret, struct err *e);
/* The JSON that inventory_load takes; owned. */
char *inventory_text(const struct inventory *i);

/* The parts of inventory_probe that are pure. `pvs` may be NULL. */
void inventory_add_disks(struct inventory *i, const json_t *lsblk, const json_t *pvs);
/* What was seen of a disk that counted as empty. */
void inventory_note_surface(struct inventory *i, struct disk *d, const struct surface *seen);
/* `sysfs` is /sys/class/net or a folder that looks like it. Called again, it refreshes links and speeds,
 * and puts new cards behind those that were there. */
int inventory_read_nics(struct inventory *i, const char *sysfs, struct err *e);
/* Reads them until each has a link, for so long at most: a link takes some seconds after a start. */
int inventory_wait_for_links(struct inventory *i, const char *sysfs, uint64_t timeout_ms, struct err *e);
/* "Samsung SSD 980 (S4EV…)", "disk without a name": for sentences. At most 100 bytes. */
const char *disk_title(const struct disk *d, char out[static 128]);
