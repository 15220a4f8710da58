/* The steps that prepare disks: partitions, arrays, file systems, the volume group. */
#include "iso/installer/plan_inner.h"

#define GIB UINT64_C(1073741824)

/* Until the last step the first partition is called so: a disk whose installation was cut short is known by
 * it. */
#define NAME_UNFINISHED "lodge-unfinished"

static bool mirrored(const struct planning *p)
{
    return p->in->target->n_disks == 2;
}

uint64_t plan_state_bytes(const struct plan_input *in)
{
    uint64_t tenth = in->target->size_bytes / 10, wanted = in->answer->storage.state_bytes;
    return (wanted ? wanted : MAX_OF(4 * GIB, MIN_OF(16 * GIB, tenth))) >> 20 << 20;
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

static void partition(struct planning *p, const struct disk *d)
{
    bool md = mirrored(p);
    const char *state = plan_text(p, "--new=5:0:+%lluM", (unsigned long long)(plan_state_bytes(p->in) >> 20));
    const char *data_type = md ? "fd00" : "8300";
    plan_run(p, NULL, "sgdisk", "--clear", "--set-alignment=2048",                   /* */
        "--new=1:2048:+1M", "--typecode=1:ef02", "--change-name=1:" NAME_UNFINISHED, /* */
        "--new=2:0:+1G", "--typecode=2:ef00", "--change-name=2:lodge-esp",           /* */
        "--new=3:0:+2G", plan_text(p, "--typecode=3:%s", data_type), "--change-name=3:lodge-a",
        "--new=4:0:+2G", plan_text(p, "--typecode=4:%s", data_type), "--change-name=4:lodge-b", state,
        plan_text(p, "--typecode=5:%s", data_type), "--change-name=5:lodge-state", "--new=6:0:0",
        plan_text(p, "--typecode=6:%s", md ? "fd00" : "8e00"), "--change-name=6:lodge-lvm", d->path);
    /* sgdisk asks the kernel to read the table again, which some devices (loop) refuse. */
    plan_run(p, NULL, "partx", "--update", d->path)->optional = true;
    plan_run(p, NULL, "udevadm", "settle", "--timeout=30")->optional = true;
    struct step *s = plan_step(p, STEP_WAIT, NULL);
    for (unsigned n = PART_BIOS; n <= PART_LVM; n++)
        s->argv[n - PART_BIOS] = plan_partition(p, d->path, n);
    /* What stood on the disk before may begin where a partition begins now. */
    for (unsigned n = PART_BIOS; n <= PART_LVM; n++)
        plan_run(p, NULL, "wipefs", "--all", "--force", plan_partition(p, d->path, n));
}

static void make_array(struct planning *p, enum partition part, const char *name, const char *metadata)
{
    const struct target *t = p->in->target;
    struct step *s = plan_run(p, "Making the mirror", "mdadm", "--create", plan_device(p, part), "--run",
        "--level=1", "--raid-devices=2", plan_text(p, "--metadata=%s", metadata), "--homehost=<none>",
        plan_text(p, "--name=%s", name), "--bitmap=internal", plan_partition(p, t->disks[0]->path, part),
        plan_partition(p, t->disks[1]->path, part));
    plan_undo(p, s, "mdadm", "--stop", plan_device(p, part));
}

static void arrays(struct planning *p)
{
    p->phase = PHASE_MIRROR;
    make_array(p, PART_SLOT_A, "lodge-a", "1.0");
    make_array(p, PART_SLOT_B, "lodge-b", "1.0");
    make_array(p, PART_STATE, "lodge-state", "1.2");
    make_array(p, PART_LVM, "lodge-lvm", "1.2");
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
    plan_run(
        p, "Making file systems", "mkfs.ext4", "-F", "-q", "-L", "LODGE-STATE", plan_device(p, PART_STATE))
        ->weight = 3;
}

void plan_lvm(struct planning *p)
{
    const char *pv = plan_device(p, PART_LVM), *local = p->in->answer->storage.local;
    const char *dir = plan_text(p, "%s/local", p->in->work_dir);
    uint64_t bytes;
    unsigned percent;
    bool share = percent_parse(local, &percent);
    const char *size = share ? plan_text(p, "--extents=%u%%VG", percent)
                       : text_size(local, &bytes)
                           ? plan_text(p, "--size=%llum", (unsigned long long)(bytes >> 20))
                           : "--extents=50%VG";
    plan_run(p, "Making pools for guests", "pvcreate", "--yes", "--force", "--force", pv);
    struct step *s = plan_run(p, NULL, "vgcreate", "lodge", pv);
    plan_undo(p, s, "vgchange", "--activate", "n", "lodge");
    plan_run(p, NULL, "lvcreate", "--yes", "--wipesignatures", "y", "--name", "local", size, "lodge");
    plan_run(p, NULL, "lvcreate", "--yes", "--type", "thin-pool", "--name", "guests", "--extents=100%FREE",
        "lodge");
    struct step *w = plan_step(p, STEP_WAIT, NULL);
    w->argv[0] = "/dev/lodge/local";
    plan_run(
        p, NULL, "mkfs.xfs", "-f", "-q", "-m", "reflink=1", "-L", "LODGE-LOCAL", "/dev/lodge/local", NULL)
        ->weight = 3;
    plan_mount(p, "/dev/lodge/local", dir);
    plan_dir(p, plan_text(p, "%s/images", dir), 0755);
    plan_dir(p, plan_text(p, "%s/pools", dir), 0755);
}

void plan_finish(struct planning *p)
{
    /* Everything was unmounted and released before: this is the last that is written. */
    const struct target *t = p->in->target;
    plan_run(p, "Finishing", "sync");
    for (size_t i = 0; i < t->n_disks; i++)
        plan_run(p, NULL, "sgdisk", "--change-name=1:lodge-bios", t->disks[i]->path);
    plan_run(p, NULL, "sync");
}
