/* From what lsblk and pvs print to disks, with what is on each in words. */
#include "base/text.h"
#include "iso/installer/inventory.h"

static const char words_unfinished[] = "unfinished Lodge installation";

struct contents {
    size_t parts;
    bool windows, lodge, lodge_unfinished, data;
    char id[INSTALLATION_ID_LEN + 1]; /* of the Lodge installation */
    const char *host;                 /* its name, as far as it is known; NULL: not */
    struct buf kinds;                 /* "ext4, swap" */
    const char *group;                /* a volume group, by its name or "" */
    const char *special;              /* a word for what decides: "part of a RAID array" */
};

static void add_name(struct inventory *i, struct name_list *list, const char *name)
{
    for (size_t k = 0; k < list->n; k++)
        if (streq(list->items[k], name))
            return;
    if (*name && list->n < NAMES_MAX)
        list->items[list->n++] = arena_strdup(&i->arena, name);
}

/* The group of a physical volume, or "". */
static const char *group_of(const json_t *pvs, const char *path)
{
    json_t *report = json_array_get(json_get_arr(pvs, "report"), 0), *row;
    size_t k;
    json_array_foreach (json_get_arr(report, "pv"), k, row)
        if (streq(json_get_str(row, "pv_name", ""), path))
            return json_get_str(row, "vg_name", "");
    return "";
}

/* The group in a device mapper name, where "--" is a hyphen of the name itself: "my--vg-root" is of my-vg. */
static char *group_in_name(const char *name)
{
    struct buf b = {0};
    for (; *name; name++) {
        if (*name == '-' && name[1] != '-')
            break;
        buf_add(&b, name, 1);
        name += *name == '-';
    }
    return buf_take(&b);
}

static const struct {
    const char *fstype, *words;
} special_kinds[] = {
    {"linux_raid_member", "part of a RAID array"},
    {"isw_raid_member", "part of a firmware RAID array"},
    {"zfs_member", "part of a ZFS pool"},
    {"crypto_LUKS", "encrypted (LUKS)"},
    {"BitLocker", "Windows, encrypted (BitLocker)"},
    {"ceph_bluestore", "Ceph storage"},
    {"drbd", "part of a DRBD device"},
    {"VMFS_volume_member", "VMware storage"},
};

/* Whether a partition's name is that of this part of a Lodge installation: "lodge-1a2b3c4d-state". */
static bool is_lodge_part(
    const char *partlabel, const char *part, char ret_id[static INSTALLATION_ID_LEN + 1])
{
    const char *id = partlabel + strlen("lodge-");
    if (!text_starts(partlabel, "lodge-") || strspn(id, "0123456789abcdef") != INSTALLATION_ID_LEN ||
        id[INSTALLATION_ID_LEN] != '-' || !streq(id + INSTALLATION_ID_LEN + 1, part))
        return false;
    snprintf(ret_id, INSTALLATION_ID_LEN + 1, "%s", id);
    return true;
}

/* The state's file system is labelled with the host's name; it stands on the partition or on its array. */
static const char *label_of_state(const json_t *node)
{
    const json_t *array = json_array_get(json_get_arr(node, "children"), 0);
    const json_t *holder = array ? array : node;
    return streq(json_get_str(holder, "fstype", ""), "ext4") ? json_get_str(holder, "label", "") : "";
}

static void note_lodge(struct contents *c, const json_t *node)
{
    const char *partlabel = json_get_str(node, "partlabel", "");
    c->lodge |= is_lodge_part(partlabel, "bios", c->id);
    c->lodge_unfinished |= streq(partlabel, "lodge-unfinished");
    if (is_lodge_part(partlabel, "state", c->id))
        c->host = label_of_state(node);
}

static void note_kind(struct contents *c, const json_t *node, const json_t *pvs)
{
    const char *fstype = json_get_str(node, "fstype", ""), *partlabel = json_get_str(node, "partlabel", "");
    note_lodge(c, node);
    c->windows |= streq(fstype, "ntfs") || strcasestr(partlabel, "microsoft") != NULL;
    if (!*fstype)
        return;
    c->data = true;
    if (streq(fstype, "LVM2_member"))
        c->group = group_of(pvs, json_get_str(node, "path", ""));
    for (size_t i = 0; i < ARRAY_SIZE(special_kinds); i++)
        if (streq(special_kinds[i].fstype, fstype))
            c->special = special_kinds[i].words;
    if (!c->kinds.data || !strstr(c->kinds.data, fstype))
        buf_printf(&c->kinds, "%s%s", c->kinds.len ? ", " : "", fstype);
}

static void note_mounts(struct inventory *i, struct disk *d, const json_t *node)
{
    size_t k;
    json_t *place;
    json_array_foreach (json_get_arr(node, "mountpoints"), k, place) {
        if (!json_is_string(place))
            continue;
        const char *path = json_string_value(place);
        d->mounted = arena_strdup(&i->arena, streq(path, "[SWAP]") ? "swap" : path);
        d->medium |= text_starts(path, "/run/") && strstr(path, "medium");
    }
}

/* By its path: what lsblk takes for the type is the level, and an array that lacks members has none yet. */
static bool is_array(const char *path)
{
    return text_starts(path, "/dev/md");
}

/* What stands on a disk or partition, and what stands on that: arrays, volumes, encrypted devices. */
static void walk(
    struct inventory *i, struct disk *d, const json_t *node, const json_t *pvs, struct contents *c)
{
    size_t k;
    json_t *child;
    note_kind(c, node, pvs);
    note_mounts(i, d, node);
    json_array_foreach (json_get_arr(node, "children"), k, child) {
        const char *type = json_get_str(child, "type", ""), *path = json_get_str(child, "path", "");
        if (streq(type, "part")) {
            c->parts++;
            add_name(i, &d->parts, path);
        } else if (is_array(path)) {
            add_name(i, &d->arrays, path);
        } else if (streq(type, "lvm")) {
            _cleanup_free_ char *group = group_in_name(json_get_str(child, "name", ""));
            add_name(i, &d->groups, group);
        }
        walk(i, d, child, pvs, c);
    }
}

static char *words(const struct contents *c, const struct disk *d, const json_t *node)
{
    char count[48];
    snprintf(count, sizeof(count), "%zu partition%s", c->parts, c->parts == 1 ? "" : "s");
    if (d->state == DISK_LODGE)
        return mem_printf(
            "Lodge installation %s%s%s", c->id, c->host && *c->host ? ", host " : "", c->host ? c->host : "");
    if (d->state == DISK_UNFINISHED)
        return mem_strdup(words_unfinished);
    if (c->windows)
        return mem_printf("Windows, %s", count);
    if (c->group)
        return mem_printf("LVM volume group%s%s%s%s", *c->group ? " " : "", c->group, c->parts ? ", " : "",
            c->parts ? count : "");
    if (c->special)
        return mem_strdup(c->special);
    if (c->parts)
        return mem_printf("%s%s%s%s", count, c->kinds.len ? " (" : "", c->kinds.len ? c->kinds.data : "",
            c->kinds.len ? ")" : "");
    if (c->data) {
        const char *label = json_get_str(node, "label", "");
        return mem_printf("%s file system%s%s", c->kinds.data, *label ? " " : "", label);
    }
    return mem_strdup(
        *json_get_str(node, "pttype", "") ? "empty (a partition table without partitions)" : "empty");
}

static const char *trimmed(struct inventory *i, const json_t *node, const char *key)
{
    const char *s = json_get_str(node, key, "");
    s += strspn(s, " ");
    size_t n = strlen(s);
    while (n && s[n - 1] == ' ')
        n--;
    _cleanup_free_ char *raw = mem_strndup(s, n), *copy = text_printable(raw);
    return arena_strdup(&i->arena, copy);
}

static void add_disk(struct inventory *i, const json_t *node, const json_t *pvs)
{
    struct disk *d = &i->disks[i->n_disks++];
    struct contents c = {0};
    *d = (struct disk){.path = trimmed(i, node, "path"),
        .name = trimmed(i, node, "name"),
        .model = trimmed(i, node, "model"),
        .serial = trimmed(i, node, "serial"),
        .wwn = trimmed(i, node, "wwn"),
        .transport = trimmed(i, node, "tran"),
        .size_bytes = (uint64_t)json_get_int(node, "size", 0),
        .read_only = json_get_bool(node, "ro", false)};
    walk(i, d, node, pvs, &c);
    d->state = c.lodge              ? DISK_LODGE
               : c.lodge_unfinished ? DISK_UNFINISHED
               : c.data || c.parts  ? DISK_DATA
                                    : DISK_EMPTY;
    _cleanup_free_ char *raw = words(&c, d, node), *holds = text_printable(raw);
    d->holds = arena_strdup(&i->arena, holds);
    buf_free(&c.kinds);
}

void inventory_note_surface(struct inventory *i, struct disk *d, const struct surface *seen)
{
    if (seen->error) {
        _cleanup_free_ char *holds = mem_printf("it cannot be read (%s)", strerror(seen->error));
        d->unreadable = true;
        d->state = DISK_DATA;
        d->holds = arena_strdup(&i->arena, holds);
    } else if (seen->unfinished) {
        d->state = DISK_UNFINISHED;
        d->holds = words_unfinished;
    } else if (seen->data) {
        d->state = DISK_DATA;
        d->holds = "unknown data";
    }
}

/* Whole disks that can hold a system: not memory, floppies, loop devices or what another host exports. */
static bool is_disk(const json_t *node)
{
    static const char *const others[] = {
        "zram", "ram", "fd", "loop", "nbd", "sr", "mmcblk0boot", "mmcblk1boot"};
    const char *name = json_get_str(node, "name", "");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (text_starts(name, others[i]))
            return false;
    return streq(json_get_str(node, "type", ""), "disk") && json_get_int(node, "size", 0) > 0;
}

void inventory_add_disks(struct inventory *i, const json_t *lsblk, const json_t *pvs)
{
    size_t k;
    json_t *node;
    json_array_foreach (json_get_arr(lsblk, "blockdevices"), k, node)
        if (is_disk(node) && i->n_disks < DISKS_MAX)
            add_disk(i, node, pvs);
        else if (is_disk(node))
            i->disks_left_out++;
}
