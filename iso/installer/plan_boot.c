/* The steps that make a host of the disk: its configuration, and what starts it by BIOS and by UEFI. */
#include "iso/installer/plan_inner.h"

/* The boot menu of an installed host, behind the line that says whose disks it starts from. It never changes,
 * updates neither: what does stands in the environment block beside it. Kernel and initrd stand on the ESP,
 * since GRUB in Debian neither reads a zstd squashfs nor writes its environment to LVM or md. */
static const char grub_menu[] =
    "# The boot menu of an installed host. It never changes: what does stands in the environment block "
    "beside it.\n"
    "#   lodge_slot     a or b: what is started\n"
    "#   lodge_try      a or b: started once instead, after an update; GRUB empties it first, so that a "
    "crash brings the other back\n"
    "#   lodge_options  more words for the kernel's command line\n"
    "if serial --unit=0 --speed=115200; then\n"
    "    terminal_input console serial\n"
    "    terminal_output console serial\n"
    "fi\n"
    "\n"
    "set lodge_slot=a\n"
    "set lodge_try=\n"
    "set lodge_options=\n"
    "if [ -s $prefix/grubenv ]; then\n"
    "    load_env lodge_slot lodge_try lodge_options\n"
    "fi\n"
    "set default=$lodge_slot\n"
    "if [ -n \"$lodge_try\" ]; then\n"
    "    set default=$lodge_try\n"
    "    set lodge_try=\n"
    "    save_env lodge_try\n"
    "fi\n"
    "if [ \"$default\" != b ]; then\n"
    "    set default=a\n"
    "fi\n"
    "set timeout=3\n"
    "# Nobody may edit entries or type commands: with an empty name there is nobody who could sign in.\n"
    "set superusers=\"\"\n"
    "export superusers\n"
    "set common=\"boot=lodge $lodge_disks console=ttyS0,115200 console=tty0 quiet loglevel=4 panic=30 "
    "$lodge_options\"\n"
    "\n"
    "menuentry \"Lodge\" --unrestricted --id a {\n"
    "    echo 'Lodge is being loaded ...'\n"
    "    linux /lodge/a/vmlinuz $common lodge.slot=a\n"
    "    initrd /lodge/a/initrd.img\n"
    "}\n"
    "if [ -e /lodge/b/vmlinuz ]; then\n"
    "    menuentry \"Lodge (slot B)\" --unrestricted --id b {\n"
    "        echo 'Lodge is being loaded ...'\n"
    "        linux /lodge/b/vmlinuz $common lodge.slot=b\n"
    "        initrd /lodge/b/initrd.img\n"
    "    }\n"
    "fi\n"
    "menuentry \"Lodge, single user (only where root has a password)\" --unrestricted --id rescue {\n"
    "    echo 'Lodge is being loaded ...'\n"
    "    linux /lodge/$default/vmlinuz $common lodge.slot=$default systemd.unit=rescue.target\n"
    "    initrd /lodge/$default/initrd.img\n"
    "}\n";

static const char *below(struct planning *p, const char *dir, const char *rest)
{
    return plan_text(p, "%s/%s", dir, rest);
}

/* ---- the host's own files, on the state file system, which becomes /var ---- */

static void host_folders(struct planning *p, const char *state)
{
    static const struct {
        const char *path;
        unsigned mode;
    } folders[] = {{"lib/lodge-host", 0700}, {"lib/lodge-host/etc", 0755}, {"lib/systemd", 0755}};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        plan_dir(p, below(p, state, folders[i].path), folders[i].mode);
}

void plan_host(struct planning *p)
{
    const struct plan_input *in = p->in;
    const char *state = plan_state_dir(p), *lodge_host = below(p, state, "lib/lodge-host");
    size_t before = p->plan->n;
    plan_mount(p, plan_device(p, PART_STATE), state);
    p->plan->steps[before].title = "Writing the configuration";
    host_folders(p, state);
    _cleanup_free_ char *id = mem_printf("%s\n", in->machine_id);
    plan_write(p, below(p, lodge_host, "etc/machine-id"), id, strlen(id), 0444);
    plan_write(
        p, below(p, state, "lib/systemd/random-seed"), (const char *)in->random_seed, PLAN_SEED_BYTES, 0600)
        ->secret = true;
    if (in->first_boot)
        plan_write(p, below(p, lodge_host, "first-boot"), in->first_boot, strlen(in->first_boot), 0700)
            ->secret = true;
    _cleanup_free_ char *json = host_json(in);
    plan_write(p, below(p, lodge_host, "host.json"), json, strlen(json), 0600)->secret = true;
}

/* ---- starting it ---- */

static void copy_to_esp(struct planning *p, enum medium_file file, const char *path)
{
    struct step *s = plan_step(p, STEP_COPY, NULL);
    s->from = p->in->medium->files[file].path;
    s->sha256 = p->in->medium->files[file].sha256;
    s->size_bytes = p->in->medium->files[file].size_bytes;
    s->path = path;
    s->mode = 0644;
    s->weight = 4;
}

/* grub-install makes GRUB find its own folder by this number: each ESP has another one, a mirror's too. */
static const char *esp_serial(struct planning *p, size_t disk)
{
    return plan_text(p, "%08lx", strtoul(p->in->installation_id, NULL, 16) ^ disk);
}

/* Some firmware of the BIOS kind takes nothing from a disk whose table has no active entry; UEFI wants none.
 * sgdisk keeps it. */
static void mark_active(struct planning *p, const char *disk)
{
    const char *flag = plan_text(p, "%s/active", p->in->work_dir);
    plan_write(p, flag, "\x80", 1, 0600);
    plan_run(p, NULL, "dd", plan_text(p, "if=%s", flag), plan_text(p, "of=%s", disk), "bs=1", "count=1",
        "seek=446", "conv=notrunc,fsync", "status=none");
}

/* Beside \EFI\BOOT, which firmware takes where it knows of nothing else: a name of its own, first in its
 * order. */
static void tell_firmware(struct planning *p, size_t i)
{
    static const char *const ids[] = {"--bootloader-id=lodge", "--bootloader-id=lodge2"};
    const char *esp = plan_esp_dir(p, i);
    plan_run(p, NULL, "grub-install", "--target=x86_64-efi", plan_text(p, "--efi-directory=%s", esp),
        plan_text(p, "--boot-directory=%s", esp), ids[i])
        ->optional = true;
}

/* With lodge.mirror a single partition is half of a mirror, and not to be mounted. Owned. */
static char *boot_menu(const struct plan_input *in)
{
    return mem_printf("set lodge_disks=\"lodge.id=%s%s\"\n%s", in->installation_id,
        in->target->n_disks == 2 ? " lodge.mirror" : "", grub_menu);
}

static void boot_disk(struct planning *p, size_t i)
{
    const char *disk = p->in->target->disks[i]->path, *esp = plan_esp_dir(p, i);
    const char *device = plan_partition(p, disk, PART_ESP), *grubenv = below(p, esp, "grub/grubenv");
    plan_run(p, i ? NULL : "Making the host start", "mkfs.vfat", "-F", "32", "-n", "LODGE-ESP", "-i",
        esp_serial(p, i), device);
    plan_mount(p, device, esp);
    plan_dir(p, below(p, esp, "lodge/a"), 0755);
    plan_dir(p, below(p, esp, "lodge/b"), 0755);
    plan_dir(p, below(p, esp, "grub"), 0755);
    copy_to_esp(p, MEDIUM_KERNEL, below(p, esp, "lodge/a/vmlinuz"));
    copy_to_esp(p, MEDIUM_INITRD, below(p, esp, "lodge/a/initrd.img"));
    _cleanup_free_ char *menu = boot_menu(p->in);
    plan_write(p, below(p, esp, "grub/grub.cfg"), menu, strlen(menu), 0644);
    plan_run(p, NULL, "grub-editenv", grubenv, "create");
    plan_run(p, NULL, "grub-editenv", grubenv, "set", "lodge_slot=a");
    plan_run(p, NULL, "grub-install", "--target=x86_64-efi", plan_text(p, "--efi-directory=%s", esp),
        plan_text(p, "--boot-directory=%s", esp), "--removable", "--no-nvram")
        ->weight = 5;
    plan_run(p, NULL, "grub-install", "--target=i386-pc", plan_text(p, "--boot-directory=%s", esp),
        "--modules=part_gpt fat", disk)
        ->weight = 5;
    if (!p->in->inventory->efi)
        mark_active(p, disk);
}

void plan_boot(struct planning *p)
{
    for (size_t i = 0; i < p->in->target->n_disks; i++)
        boot_disk(p, i);
    for (size_t i = p->in->target->n_disks; p->in->inventory->efi && i-- > 0;)
        tell_firmware(p, i);
    /* What is left to do is to close the file systems and to mark the whole as complete. */
    const char *kept = below(p, plan_state_dir(p), "log/lodge-installer.log");
    plan_run(p, NULL, "install", "-D", "-m", "600", p->in->log_path, kept)->optional = true;
}
