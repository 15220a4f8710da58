/* Whether KVM really runs a guest here. That /dev/kvm opens, and even creates a machine, says nothing: under
 * some clouds no ordinary kernel gets to its first line on it. So one is booted. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "guest/guest_ops.h"

#define QEMU        "/usr/bin/qemu-system-x86_64"
#define MARKER      "GUEST-UP"
#define ANSWER_FILE "kvm.json"
/* Two seconds do on a machine at rest. A host that has just been started with all its guests, or is a guest
 * itself, is slower, and taken for broken would be ten times slower still. */
#define BOOT_TIMEOUT_MS 120000

/* An answer holds for this boot of the host and this QEMU. */
static char *fingerprint(void)
{
    _cleanup_free_ char *boot_id = NULL;
    struct stat st = {0};
    if (fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot_id, NULL, NULL) < 0)
        boot_id = mem_strdup("");
    boot_id[strcspn(boot_id, "\n")] = '\0';
    if (stat(QEMU, &st) < 0)
        st.st_mtime = 0;
    return mem_printf("%s %lld %lld", boot_id, (long long)st.st_size, (long long)st.st_mtime);
}

static bool remembered(int dir, const char *print, bool *ret_works, char *ret_reason, size_t size)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    _cleanup_json_ json_t *answer = NULL;
    if (fs_read(dir, ANSWER_FILE, 65536, &text, &n, NULL) < 0 ||
        json_parse(text, n, ANSWER_FILE, &answer, NULL) < 0 || !streq(json_get_str(answer, "of", ""), print))
        return false;
    *ret_works = json_get_bool(answer, "works", 0);
    snprintf(ret_reason, size, "%s", json_get_str(answer, "reason", ""));
    return true;
}

static void remember(int dir, const char *print, bool works, const char *reason)
{
    _cleanup_json_ json_t *answer =
        json_pack("{s:s, s:b, s:s}", "of", print, "works", works, "reason", reason);
    _cleanup_free_ char *text = json_text(answer);
    fs_write_atomic(dir, ANSWER_FILE, text, strlen(text), 0600, NULL);
}

/* What is booted: a kernel with its initramfs where there is one, else the starter image. */
struct test_guest {
    char *kernel, *initrd, *image; /* owned; NULL: is not there */
};

static char *readable(char *path)
{
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static char *file_of(const char *variable, const char *dir, const char *name)
{
    const char *given = variable ? getenv(variable) : NULL;
    return readable(given ? mem_strdup(given) : mem_printf("%s/%s", dir, name));
}

static struct test_guest find_test_guest(const char *state_dir)
{
    const char *images = getenv("LODGE_STARTER_IMAGES");
    _cleanup_free_ char *cache = mem_printf("%s/cache/kvm-probe", state_dir);
    return (struct test_guest){.kernel = file_of("LODGE_KVM_PROBE_KERNEL", cache, "vmlinuz"),
        .initrd = file_of("LODGE_KVM_PROBE_INITRD", cache, "initrd.gz"),
        .image = images ? file_of(NULL, images, "tiny-vm.qcow2") : NULL};
}

static void test_guest_clear(struct test_guest *guest)
{
    free(guest->kernel);
    free(guest->initrd);
    free(guest->image);
}

/* Runs until the guest says its marker, ends, or takes too long. */
static bool boots(const struct test_guest *guest, char *ret_reason, size_t size)
{
    const char *argv[40] = {QEMU, "-nodefaults", "-no-user-config", "-M", "q35", "-accel", "kvm", "-cpu",
        "host", "-m", "256", "-display", "none", "-serial", "stdio", "-no-reboot"};
    size_t n_args = 16;
    _cleanup_free_ char *drive = mem_printf("file=%s,if=virtio,format=qcow2,snapshot=on", guest->image);
    const char *const direct[] = {
        "-kernel", guest->kernel, "-initrd", guest->initrd, "-append", "console=ttyS0 panic=-1 quiet"};
    if (guest->kernel && guest->initrd)
        for (size_t i = 0; i < ARRAY_SIZE(direct); i++)
            argv[n_args++] = direct[i];
    else
        argv[n_args++] = "-drive", argv[n_args] = drive;
    int out[2];
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC); /* for what QEMU has to say to it */
    struct proc_fd fds[] = {{out[1], 1}, {null, 2}};
    struct proc_spec spec = {.argv = argv, .fds = fds, .n_fds = 2};
    struct err e = {0};
    pid_t pid;
    _cleanup_close_ int pidfd = -1;
    int r = proc_spawn(&spec, &pid, &pidfd, &e);
    close(out[1]);
    _cleanup_buf_ struct buf said = {0};
    bool up = false, ended = r < 0;
    if (r < 0)
        snprintf(ret_reason, size, "%.120s", e.detail);
    for (int i = 0; i < BOOT_TIMEOUT_MS / 10 && !up && !ended; i++) {
        char block[4096];
        ssize_t n = read(out[0], block, sizeof(block));
        if (n > 0 && said.len < 1 << 20)
            buf_add(&said, block, (size_t)n);
        up = said.data && memmem(said.data, said.len, MARKER, sizeof(MARKER) - 1);
        ended = n == 0;
        if (n < 0)
            usleep(10000);
    }
    close(out[0]);
    if (r < 0)
        return false;
    kill(pid, SIGKILL);
    proc_reap(pidfd, &r, NULL);
    if (!up)
        snprintf(ret_reason, size, "%s",
            ended ? "QEMU with KVM ended before a small test guest was up"
                  : "a small test guest was not up under KVM within 2 minutes");
    return up;
}

static bool try_it(const char *state_dir, char *ret_reason, size_t size, bool *ret_final)
{
    *ret_final = true;
    _cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) {
        *ret_final = false; /* its module may come yet */
        if (errno == ENOENT)
            snprintf(ret_reason, size,
                "this host has no /dev/kvm: its processor or firmware has no virtualization");
        else
            snprintf(ret_reason, size, "/dev/kvm cannot be opened: %s", strerror(errno));
        return false;
    }
    struct test_guest guest = find_test_guest(state_dir);
    bool works = false;
    if ((guest.kernel && guest.initrd) || guest.image) {
        works = boots(&guest, ret_reason, size);
    } else {
        *ret_final = false;
        snprintf(ret_reason, size, "there is no small test guest to try KVM with");
    }
    test_guest_clear(&guest);
    return works;
}

/* `make run` has tried before it started the daemon, and tells. */
static bool told(bool *ret_works, char *ret_reason, size_t size)
{
    const char *answer = getenv("LODGE_KVM");
    if (!answer || (!streq(answer, "yes") && !streq(answer, "no")))
        return false;
    *ret_works = streq(answer, "yes");
    snprintf(ret_reason, size, "%s", *ret_works ? "" : "no small test guest boots with KVM on this host");
    return true;
}

bool vm_kvm_works(const char *state_dir, char *ret_reason, size_t reason_size)
{
    _cleanup_free_ char *print = fingerprint(), *path = mem_printf("%s/cache", state_dir);
    _cleanup_close_ int dir = -1;
    bool works = false, final = true;
    ret_reason[0] = '\0';
    if (told(&works, ret_reason, reason_size))
        return works;
    if (fs_open_dir(path, 0755, &dir, NULL) < 0)
        dir = -1;
    if (dir >= 0 && remembered(dir, print, &works, ret_reason, reason_size))
        return works;
    works = try_it(state_dir, ret_reason, reason_size, &final);
    if (dir >= 0 && final)
        remember(dir, print, works, ret_reason);
    return works;
}
