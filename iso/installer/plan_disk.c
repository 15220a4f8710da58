/* The steps that prepare disks: partitions, arrays, file systems, the volume group. */
#include <inttypes.h>

#include "iso/installer/plan_inner.h"

/* Until the last step the first partition is called so: a disk whose installation was cut short is known by
 * it. */
#define NAME_UNFINISHED "lodge-unfinished"

static bool mirrored(const struct planning *p)
{
    return p->in->target->n_disks == 2;
}

uint64_t plan_state_bytes(const struct plan_input *in)
{
    return state_size(in->answer, in->target->size_bytes);
}

/* What is active on a disk that is to be wiped, or was left by an attempt before. At a second try it may be
 * gone; what cannot be released keeps the disk busy, and the steps behind say so. */
static void release(struct planning *p, const struct disk *d)
{
    for (size_t i = 0; i < d->groups.n; i++)
        plan_run(p, NULL, "vgchange", "--activate", "n", d->groups.items[i])->optional = true;
    for (size_t i = 0; i < d->arrays.n; i++)
        plan_run(p, NULL, "mdadm", "--stop", d->arrays.items[i])->optional = true;
}

static void wipe(struct planning *p, const struct disk *d)
{
    for (size_t i = 0; i < d->parts.n; i++)
        plan_run(p, NULL, "wipefs", "--all", "--force", d->parts.items[i])->optional = true;
    plan_run(p, NULL, "wipefs", "--all", "--force", d->path);
}

/* Into a step that has room for it; `word` lives as long as the plan. */
static void add_word(struct step *s, const char *word)
{
    size_t n = 0;
    while (s->argv[n])
        n++;
    s->argv[n] = word;
}

/* A 0 as size is the rest of the disk. */
static void sgdisk_part(
    struct planning *p, struct step *s, enum partition part, const char *name, const char *type, uint64_t mib)
{
    add_word(
        s, mib ? plan_text(p, "--new=%u:0:+%" PRIu64 "M", part, mib) : plan_text(p, "--new=%u:0:0", part));
    add_word(s, plan_text(p, "--typecode=%u:%s", part, type));
    add_word(s, plan_text(p, "--change-name=%u:%s", part, name));
}

static void partition(struct planning *p, const struct disk *d)
{
    const char *data_type = mirrored(p) ? "fd00" : "8300", *lvm_type = mirrored(p) ? "fd00" : "8e00";
    const struct {
        enum partition part;
        const char *type;
        uint64_t mib;
    } rows[] = {
        {PART_BIOS, "ef02", 1},
        {PART_ESP, "ef00", 1024},
        {PART_SLOT_A, data_type, 2048},
        {PART_SLOT_B, data_type, 2048},
        {PART_STATE, data_type, plan_state_bytes(p->in) >> 20},
        {PART_LVM, lvm_type, 0},
    };
    struct step *table = plan_run(p, NULL, "sgdisk", "--clear", "--set-alignment=2048");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        sgdisk_part(p, table, rows[i].part,
            rows[i].part == PART_BIOS ? NAME_UNFINISHED : plan_name(p, rows[i].part), rows[i].type,
            rows[i].mib);
    add_word(table, d->path);
    /* sgdisk asks the kernel to read the table again, which some devices (loop) refuse. */
    plan_run(p, NULL, "partx", "--update", d->path)->optional = true;
    plan_run(p, NULL, "udevadm", "settle", "--timeout=30")->optional = true;
    struct step *s = plan_step(p, STEP_WAIT, NULL);
    for (unsigned n = PART_BIOS; n <= PART_LVM; n++)
        s->argv[n - PART_BIOS] = plan_partition(p, d->path, n);
    /* What stood on the disk before may begin where a partition begins now. */
    struct step *wipe_parts = plan_run(p, NULL, "wipefs", "--all", "--force");
    for (unsigned n = PART_BIOS; n <= PART_LVM; n++)
        add_word(wipe_parts, plan_partition(p, d->path, n));
}

static void make_array(struct planning *p, enum partition part, const char *metadata)
{
    const struct target *t = p->in->target;
    struct step *s = plan_run(p, "Making the mirror", "mdadm", "--create", plan_device(p, part), "--run",
        "--level=1", "--raid-devices=2", plan_text(p, "--metadata=%s", metadata), "--homehost=<none>",
        plan_text(p, "--name=%s", plan_name(p, part)), "--bitmap=internal",
        plan_partition(p, t->disks[0]->path, part), plan_partition(p, t->disks[1]->path, part));
    plan_undo(p, s, "mdadm", "--stop", plan_device(p, part));
}

static void arrays(struct planning *p)
{
    p->phase = PHASE_MIRROR;
    make_array(p, PART_SLOT_A, "1.0");
    make_array(p, PART_SLOT_B, "1.0");
    make_array(p, PART_STATE, "1.2");
    make_array(p, PART_LVM, "1.2");
}

void plan_disks(struct planning *p)
{
    const struct target *t = p->in->target;
    for (size_t i = 0; i < t->n_disks; i++) {
        size_t before = p->plan->n;
        release(p, t->disks[i]);
        wipe(p, t->disks[i]);
        partition(p, t->disks[i]);
        p->plan->steps[before].title = "Partitioning the disk";
    }
    if (mirrored(p))
        arrays(p);
    p->phase = PHASE_STATE;
    /* The label is only for people: it says whose disk this is, as far as ext4 has room for it. */
    char host[64];
    answer_host(p->in->answer, host);
    plan_run(p, "Making file systems", "mkfs.ext4", "-F", "-q", "-L", plan_text(p, "%.16s", host),
        plan_device(p, PART_STATE))
        ->weight = 3;
}

void plan_lvm(struct planning *p)
{
    const char *pv = plan_device(p, PART_LVM), *local = p->in->answer->storage.local;
    const char *dir = plan_text(p, "%s/local", p->in->work_dir), *group = plan_group(p);
    const char *volume = plan_text(p, "/dev/%s/local", group);
    uint64_t bytes;
    unsigned percent;
    bool share = percent_parse(local, &percent);
    const char *size = share ? plan_text(p, "--extents=%u%%VG", percent)
                       : text_size(local, &bytes)
                           ? plan_text(p, "--size=%llum", (unsigned long long)(bytes >> 20))
                           : "--extents=50%VG";
    plan_run(p, "Making pools for guests", "pvcreate", "--yes", "--force", "--force", pv);
    struct step *s = plan_run(p, NULL, "vgcreate", group, pv);
    plan_undo(p, s, "vgchange", "--activate", "n", group);
    plan_run(p, NULL, "lvcreate", "--yes", "--wipesignatures", "y", "--name", "local", size, group);
    plan_run(
        p, NULL, "lvcreate", "--yes", "--type", "thin-pool", "--name", "guests", "--extents=100%FREE", group);
    struct step *w = plan_step(p, STEP_WAIT, NULL);
    w->argv[0] = volume;
    plan_run(p, NULL, "mkfs.xfs", "-f", "-q", "-m", "reflink=1", "-L", "LODGE-LOCAL", volume)->weight = 3;
    plan_mount(p, volume, dir);
    plan_dir(p, plan_text(p, "%s/images", dir), 0755);
    plan_dir(p, plan_text(p, "%s/pools", dir), 0755);
}

void plan_finish(struct planning *p)
{
    /* Everything was unmounted and released before: this is the last that is written. */
    const struct target *t = p->in->target;
    plan_run(p, "Finishing", "sync");
    for (size_t i = 0; i < t->n_disks; i++)
        plan_run(p, NULL, "sgdisk", plan_text(p, "--change-name=1:%s", plan_name(p, PART_BIOS)),
            t->disks[i]->path);
    plan_run(p, NULL, "sync");
}
