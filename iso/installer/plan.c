/* Building and printing plans; what the steps are is in plan_disk.c and plan_boot.c. */
#include <ctype.h>
#include <stdarg.h>

#include "iso/installer/plan_inner.h"

/* All that can be active on two disks and is released first, and the steps of every installation. */
#define STEPS_MAX (2 * 3 * NAMES_MAX + 128)

static const struct {
    const char *name, *title;
} phases[] = {
    [PHASE_DISK] = {"disk", "partitions"},
    [PHASE_MIRROR] = {"mirror", "the mirror's arrays"},
    [PHASE_STATE] = {"state", "file system of the host's state"},
    [PHASE_IMAGE] = {"image", "the system"},
    [PHASE_LVM] = {"lvm", "volume group, pool local, thin pool"},
    [PHASE_HOST] = {"host", "configuration"},
    [PHASE_BOOT] = {"boot", "boot loader"},
    [PHASE_FINISH] = {"finish", "the mark of a complete installation"},
};

const char *plan_phase_name(enum plan_phase phase)
{
    return phases[phase].name;
}

int plan_phase_named(const char *name)
{
    for (int i = 0; i < PHASE_COUNT; i++)
        if (streq(phases[i].name, name))
            return i;
    return -1;
}

const char *plan_text(struct planning *p, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return arena_strdup(&p->plan->arena, text);
}

struct step *plan_step(struct planning *p, enum step_action action, const char *title)
{
    if (p->plan->n == STEPS_MAX)
        abort(); /* a test makes the longest plan */
    struct step *s = &p->plan->steps[p->plan->n++];
    *s = (struct step){.phase = p->phase, .action = action, .title = title, .weight = 1};
    return s;
}

static void take_words(struct planning *p, const char **into, size_t max, const char *const *words)
{
    for (size_t n = 0; words[n] && n + 1 < max; n++)
        into[n] = arena_strdup(&p->plan->arena, words[n]);
}

struct step *plan_run_words(struct planning *p, const char *title, const char *const *words)
{
    struct step *s = plan_step(p, STEP_RUN, title);
    take_words(p, s->argv, STEP_ARGS_MAX, words);
    return s;
}

void plan_undo_words(struct planning *p, struct step *s, const char *const *words)
{
    take_words(p, s->undo, ARRAY_SIZE(s->undo), words);
}

void plan_dir(struct planning *p, const char *path, unsigned mode)
{
    struct step *s = plan_step(p, STEP_DIR, NULL);
    s->path = path;
    s->mode = mode;
}

struct step *plan_write(struct planning *p, const char *path, const char *text, size_t len, unsigned mode)
{
    struct step *s = plan_step(p, STEP_WRITE, NULL);
    char *copy = arena_alloc(&p->plan->arena, len + 1);
    memcpy(copy, text, len);
    s->path = path;
    s->text = copy;
    s->text_len = len;
    s->mode = mode;
    return s;
}

void plan_mount(struct planning *p, const char *device, const char *path)
{
    plan_dir(p, path, 0700);
    struct step *s = plan_run(p, NULL, "mount", "-o", "nosuid,nodev,noexec", device, path);
    plan_undo(p, s, "umount", path);
}

const char *plan_partition(struct planning *p, const char *disk, unsigned number)
{
    bool digit = isdigit((unsigned char)disk[strlen(disk) - 1]);
    return plan_text(p, "%s%s%u", disk, digit ? "p" : "", number);
}

const char *plan_name(struct planning *p, enum partition part)
{
    static const char *const names[] = {[PART_BIOS] = "bios",
        [PART_ESP] = "esp",
        [PART_SLOT_A] = "a",
        [PART_SLOT_B] = "b",
        [PART_STATE] = "state",
        [PART_LVM] = "lvm"};
    return plan_text(p, "lodge-%s-%s", p->in->installation_id, names[part]);
}

const char *plan_group(struct planning *p)
{
    return plan_text(p, "lodge_%s", p->in->installation_id);
}

const char *plan_device(struct planning *p, enum partition part)
{
    if (p->in->target->n_disks == 2)
        return plan_text(p, "/dev/md/%s", plan_name(p, part));
    return plan_partition(p, p->in->target->disks[0]->path, part);
}

const char *plan_state_dir(struct planning *p)
{
    return plan_text(p, "%s/state", p->in->work_dir);
}

const char *plan_esp_dir(struct planning *p, size_t disk)
{
    return plan_text(p, "%s/esp%zu", p->in->work_dir, disk);
}

static void plan_image(struct planning *p)
{
    struct step *s = plan_step(p, STEP_COPY, "Copying the system");
    s->from = p->in->medium->files[MEDIUM_IMAGE].path;
    s->sha256 = p->in->medium->files[MEDIUM_IMAGE].sha256;
    s->size_bytes = p->in->medium->files[MEDIUM_IMAGE].size_bytes;
    s->path = plan_device(p, PART_SLOT_A);
    s->weight = 60;
}

int plan_make(const struct plan_input *in, struct plan *ret, struct err *e)
{
    static void (*const makers[])(struct planning *) = {
        plan_disks, plan_image, plan_lvm, plan_host, plan_boot, plan_finish};
    static const enum plan_phase first[] = {
        PHASE_DISK, PHASE_IMAGE, PHASE_LVM, PHASE_HOST, PHASE_BOOT, PHASE_FINISH};
    char size[TEXT_SIZE_MAX];
    uint64_t image_bytes = in->medium->files[MEDIUM_IMAGE].size_bytes;
    if (image_bytes > (UINT64_C(2) << 30) - (1 << 20)) /* an array's superblock stands at the slot's end */
        return err_set(e, ERR_TOO_LARGE, "the system image (%s) does not fit a slot of 2 GiB",
            text_size_str(image_bytes, size));
    *ret = (struct plan){0};
    ret->steps = mem_new(struct step, STEPS_MAX);
    struct planning p = {in, ret, PHASE_DISK};
    for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
        p.phase = first[i];
        makers[i](&p);
    }
    return 0;
}

void plan_free(struct plan *p)
{
    free(p->steps);
    arena_free(&p->arena);
    *p = (struct plan){0};
}

static void print_words(const char *const *words, struct buf *out)
{
    for (size_t i = 0; words[i]; i++) {
        bool plain = *words[i] && !words[i][strcspn(words[i], " \t\n'\"<>|&;*?$")];
        buf_printf(out, plain ? " %s" : " '%s'", words[i]);
    }
}

void plan_print_step(const struct step *s, struct buf *out)
{
    switch (s->action) {
    case STEP_RUN: buf_str(out, "run"); break;
    case STEP_WAIT: buf_str(out, "wait for"); break;
    case STEP_DIR: buf_printf(out, "make directory %s (%04o)", s->path, s->mode); break;
    case STEP_WRITE: buf_printf(out, "write %s (%04o, %zu bytes)", s->path, s->mode, s->text_len); break;
    case STEP_COPY:
        buf_printf(out, "copy %s to %s, read back, sha256 %s", s->from, s->path, s->sha256);
        break;
    }
    print_words(s->argv, out);
    buf_str(out, "\n");
    if (s->undo[0]) {
        buf_str(out, "    at the end:");
        print_words(s->undo, out);
        buf_str(out, "\n");
    }
}

void plan_print(const struct plan *p, struct buf *out)
{
    int phase = -1;
    for (size_t i = 0; i < p->n; i++) {
        if ((int)p->steps[i].phase != phase)
            buf_printf(out, "%s%s: %s\n", phase < 0 ? "" : "\n", phases[p->steps[i].phase].name,
                phases[p->steps[i].phase].title);
        phase = (int)p->steps[i].phase;
        buf_str(out, "  ");
        plan_print_step(&p->steps[i], out);
    }
}

static void summarize_network(const struct plan_input *in, struct buf *out)
{
    const struct answer *a = in->answer;
    const struct nic *nic = in->target->nic;
    if (!nic)
        buf_str(out, "Network: none (the machine has no card)\n");
    else
        buf_printf(out, "Network: %s (%s, %s), %s\n", nic->name, nic->mac, nic->link ? "link" : "no link",
            streq(a->network.source, "from-dhcp") ? "address by DHCP" : a->network.cidr);
    if (nic && a->network.gateway && !streq(a->network.source, "from-dhcp"))
        buf_printf(out, "Router: %s\n", a->network.gateway);
    for (size_t i = 0; nic && i < a->network.dns.n; i++)
        buf_printf(out, "%s%s%s", i ? ", " : "Name servers: ", a->network.dns.items[i],
            i + 1 == a->network.dns.n ? "\n" : "");
}

static void summarize_layout(const struct plan_input *in, struct buf *out)
{
    char state[TEXT_SIZE_MAX], rest[TEXT_SIZE_MAX];
    uint64_t state_bytes = plan_state_bytes(in), fixed = (UINT64_C(5) << 30) + (UINT64_C(2) << 20);
    uint64_t left =
        in->target->size_bytes > fixed + state_bytes ? in->target->size_bytes - fixed - state_bytes : 0;
    buf_printf(out, "%s: 1 GiB boot files, twice 2 GiB system, %s state;\n",
        in->target->n_disks == 2 ? "Written to both, as a mirror" : "Written to it",
        text_size_str(state_bytes, state));
    buf_printf(out,
        "  %s for guests: pool local with %s of it; the rest is a thin pool, for later versions\n",
        text_size_str(left, rest), in->answer->storage.local);
}

void plan_summary(const struct plan_input *in, struct buf *out)
{
    char title[128], size[TEXT_SIZE_MAX];
    const struct target *t = in->target;
    for (size_t i = 0; i < t->n_disks; i++) {
        const struct disk *d = t->disks[i];
        buf_printf(out, "Disk: %s, %s\n", disk_title(d, title), text_size_str(d->size_bytes, size));
        buf_printf(out, "  on it now: %s%s\n", d->holds,
            d->state == DISK_DATA || d->state == DISK_LODGE ? ". ALL OF IT WILL BE DESTROYED." : "");
    }
    summarize_layout(in, out);
    summarize_network(in, out);
    buf_printf(out, "Host: %s, %s, keyboard %s\n", in->answer->global.fqdn, in->answer->global.timezone,
        in->answer->global.keyboard);
    buf_printf(out, "Administrator: admin, with a password\nroot: %s, %zu ssh key%s\n",
        in->answer->global.root_password || in->answer->global.root_password_hash ? "a password"
                                                                                  : "no password",
        in->answer->global.root_ssh_keys.n, in->answer->global.root_ssh_keys.n == 1 ? "" : "s");
}
