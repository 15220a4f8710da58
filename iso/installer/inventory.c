/* The inventory as a whole: asking the system's programs, and its own JSON form. */
#include "iso/installer/inventory.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/text.h"

#define PROBE_TIMEOUT_MS 60000
#define FILE_MAX         (1024 * 1024)

void inventory_free(struct inventory *i)
{
    arena_free(&i->arena);
    *i = (struct inventory){0};
}

const char *disk_title(const struct disk *d, char out[static 128])
{
    const char *id = *d->serial ? d->serial : d->wwn;
    snprintf(out, 128, "%s (%.60s%s%.40s)", d->path, *d->model ? d->model : "no model", *id ? ", " : "", id);
    return out;
}

/* ---- the running system ---- */

static int ask(const char *const *argv, const char *what, json_t **ret, struct err *e)
{
    struct proc_output o = {0};
    if (proc_run(&(struct proc_spec){.argv = argv}, NULL, 0, PROBE_TIMEOUT_MS, NULL, &o, e) < 0)
        return -1;
    int r = o.code ? err_set(e, ERR_INTERNAL, "%s failed with code %d: %.200s", argv[0], o.code, o.err)
                   : json_parse(o.out, o.out_len, what, ret, e);
    proc_output_clear(&o);
    return r;
}

int inventory_probe(struct inventory *ret, struct err *e)
{
    static const char *const lsblk[] = {"lsblk", "--json", "--bytes", "--output",
        "NAME,PATH,SIZE,TYPE,RO,MODEL,SERIAL,WWN,TRAN,FSTYPE,LABEL,PARTLABEL,PTTYPE,MOUNTPOINTS", NULL};
    static const char *const pvs[] = {"pvs", "--reportformat", "json", "--options", "pv_name,vg_name", NULL};
    _cleanup_json_ json_t *blocks = NULL, *volumes = NULL;
    struct err ignored;
    if (ask(lsblk, "what lsblk printed", &blocks, e) < 0)
        return err_prefix(e, "cannot list the disks");
    if (ask(pvs, "what pvs printed", &volumes, &ignored) < 0)
        volumes = NULL; /* without it, volume groups are told without their names */
    inventory_add_disks(ret, blocks, volumes);
    for (struct disk *d = ret->disks; d < ret->disks + ret->n_disks; d++)
        if (d->state == DISK_EMPTY) {
            struct surface seen = surface_read(d->path, d->size_bytes);
            inventory_note_surface(ret, d, &seen);
        }
    ret->efi = access("/sys/firmware/efi", F_OK) == 0;
    return inventory_read_nics(ret, "/sys/class/net", e);
}

/* ---- JSON ---- */

static const char *const state_names[] = {
    [DISK_EMPTY] = "empty", [DISK_UNFINISHED] = "unfinished", [DISK_DATA] = "data", [DISK_LODGE] = "lodge"};

static json_t *names_json(const struct name_list *list)
{
    json_t *a = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(a, json_string(list->items[i]));
    return a;
}

static json_t *disk_json(const struct disk *d)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:s, s:s, s:s?, s:o, s:o, s:o}", "path",
        d->path, "model", d->model, "serial", d->serial, "wwn", d->wwn, "transport", d->transport, "size",
        (json_int_t)d->size_bytes, "read_only", d->read_only, "unreadable", d->unreadable, "medium",
        d->medium, "state", state_names[d->state], "holds", d->holds, "mounted", d->mounted, "partitions",
        names_json(&d->parts), "groups", names_json(&d->groups), "arrays", names_json(&d->arrays));
}

char *inventory_text(const struct inventory *i)
{
    json_t *disks = json_array(), *nics = json_array();
    for (size_t k = 0; k < i->n_disks; k++)
        json_array_append_new(disks, disk_json(&i->disks[k]));
    for (size_t k = 0; k < i->n_nics; k++)
        json_array_append_new(nics,
            json_pack("{s:s, s:s, s:s, s:b, s:I}", "name", i->nics[k].name, "mac", i->nics[k].mac, "driver",
                i->nics[k].driver, "link", i->nics[k].link, "speed", (json_int_t)i->nics[k].speed_mbit));
    _cleanup_json_ json_t *whole = json_pack("{s:b, s:I, s:o, s:o}", "efi", i->efi, "disks_left_out",
        (json_int_t)i->disks_left_out, "disks", disks, "nics", nics);
    char *text = json_dumps(whole, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    return text ? text : mem_strdup("{}");
}

static const char *kept(struct inventory *i, const json_t *object, const char *key)
{
    return arena_strdup(&i->arena, json_get_str(object, key, ""));
}

static void load_names(struct inventory *i, const json_t *object, const char *key, struct name_list *list)
{
    size_t k;
    json_t *item;
    json_array_foreach (json_get_arr(object, key), k, item)
        if (json_is_string(item) && list->n < NAMES_MAX)
            list->items[list->n++] = arena_strdup(&i->arena, json_string_value(item));
}

static int load_disk(struct inventory *i, const json_t *json, struct err *e)
{
    struct disk *d = &i->disks[i->n_disks];
    const char *state = json_get_str(json, "state", "empty"), *mounted = json_get_str(json, "mounted", "");
    *d = (struct disk){.path = kept(i, json, "path"),
        .model = kept(i, json, "model"),
        .serial = kept(i, json, "serial"),
        .wwn = kept(i, json, "wwn"),
        .transport = kept(i, json, "transport"),
        .size_bytes = (uint64_t)json_get_int(json, "size", 0),
        .read_only = json_get_bool(json, "read_only", false),
        .unreadable = json_get_bool(json, "unreadable", false),
        .medium = json_get_bool(json, "medium", false),
        .holds = arena_strdup(&i->arena, json_get_str(json, "holds", "empty")),
        .mounted = *mounted ? arena_strdup(&i->arena, mounted) : NULL};
    if (!text_starts(d->path, "/dev/"))
        return err_set(e, ERR_INVALID, "a disk has no path below /dev");
    d->name = d->path + strlen("/dev/");
    size_t known = 0;
    while (known < ARRAY_SIZE(state_names) && !streq(state_names[known], state))
        known++;
    if (known == ARRAY_SIZE(state_names))
        return err_set(e, ERR_INVALID, "%s has the unknown state \"%s\"", d->path, state);
    d->state = (enum disk_state)known;
    load_names(i, json, "partitions", &d->parts);
    load_names(i, json, "groups", &d->groups);
    load_names(i, json, "arrays", &d->arrays);
    i->n_disks++;
    return 0;
}

int inventory_load(const char *path, struct inventory *ret, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *whole = NULL;
    size_t len, k;
    json_t *item;
    if (fs_read(AT_FDCWD, path, FILE_MAX, &text, &len, e) < 0 || json_parse(text, len, path, &whole, e) < 0)
        return -1;
    ret->efi = json_get_bool(whole, "efi", false);
    ret->disks_left_out = (size_t)json_get_int(whole, "disks_left_out", 0);
    json_array_foreach (json_get_arr(whole, "disks"), k, item)
        if (ret->n_disks == DISKS_MAX)
            ret->disks_left_out++;
        else if (load_disk(ret, item, e) < 0)
            return err_prefix(e, "%s", path);
    json_array_foreach (json_get_arr(whole, "nics"), k, item)
        if (ret->n_nics < NICS_MAX)
            ret->nics[ret->n_nics++] = (struct nic){.name = kept(ret, item, "name"),
                .mac = kept(ret, item, "mac"),
                .driver = kept(ret, item, "driver"),
                .link = json_get_bool(item, "link", false),
                .speed_mbit = (uint64_t)json_get_int(item, "speed", 0)};
    return 0;
}
