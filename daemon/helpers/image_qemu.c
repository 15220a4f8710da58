#include "helpers/image_qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/proc.h"
#include "helpers/report.h"

#define CHECK_TIMEOUT_MS (30 * 60 * 1000)

static int run_qemu_img(const char *const *argv, struct proc_output *ret, struct err *e)
{
    struct proc_spec spec = {.argv = argv};
    return proc_run(&spec, NULL, 0, CHECK_TIMEOUT_MS, NULL, ret, e);
}

static int check_info(const char *text, size_t n, uint64_t virtual_bytes, struct err *e)
{
    _cleanup_json_ json_t *info = NULL;
    if (json_parse(text, n, "qemu-img's answer", &info, e) < 0)
        return -1;
    const char *format = json_get_str(info, "format", "");
    if (!streq(format, "qcow2") || (uint64_t)json_get_int(info, "virtual-size", -1) != virtual_bytes)
        return err_set(e, ERR_INVALID, "the image is refused: QEMU reads it otherwise than its header says");
    if (json_object_get(info, "backing-filename") || json_object_get(info, "full-backing-filename") ||
        json_get_bool(info, "encrypted", 0))
        return err_set(e, ERR_INVALID, "the image is refused: it depends on another file or is encrypted");
    return 0;
}

int image_qemu_check(const char *path, uint64_t virtual_bytes, struct err *e)
{
    const char *const info[] = {"qemu-img", "info", "-U", "-f", "qcow2", "--output=json", path, NULL};
    const char *const check[] = {"qemu-img", "check", "-q", "-U", "-f", "qcow2", path, NULL};
    struct proc_output o = {0};
    if (run_qemu_img(info, &o, e) < 0)
        return -1;
    int r = o.code ? err_set(e, ERR_INVALID, "the image is refused: QEMU cannot read it: %.200s", o.err)
                   : check_info(o.out, o.out_len, virtual_bytes, e);
    proc_output_clear(&o);
    if (r < 0 || run_qemu_img(check, &o, e) < 0)
        return -1;
    /* 3 is space that nothing refers to, which does no harm. */
    if (o.code != 0 && o.code != 3)
        r = err_set(e, ERR_INVALID, "the image is damaged: qemu-img check says %.300s",
            o.err[0]   ? o.err
            : o.out[0] ? o.out
                       : "no reason");
    proc_output_clear(&o);
    return r;
}

/* "    (12.34/100%)" again and again, separated by carriage returns. */
static void pass_progress(int fd)
{
    char text[4096];
    ssize_t n;
    while ((n = read(fd, text, sizeof(text) - 1)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        text[n] = '\0';
        const char *last = strrchr(text, '(');
        double percent;
        if (last && sscanf(last, "(%lf/100%%)", &percent) == 1 && percent >= 0 && percent <= 100)
            report_percent((unsigned)percent);
    }
}

static int convert(const char *const *argv, struct err *e)
{
    int out[2], code = 0;
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe");
    struct proc_fd fds[] = {{out[1], 1}};
    struct proc_spec spec = {.argv = argv, .fds = fds, .n_fds = 1};
    _cleanup_close_ int pidfd = -1;
    int r = proc_spawn(&spec, NULL, &pidfd, e);
    close(out[1]);
    if (r == 0)
        pass_progress(out[0]);
    close(out[0]);
    if (r == 0)
        r = proc_reap(pidfd, &code, e);
    /* What it says goes to standard error, whose last line the daemon reads. */
    return r == 0 && code ? err_set(e, ERR_INTERNAL, "qemu-img convert failed with code %d", code) : r;
}

int image_convert_here(const char *from_format, const char *from, const char *to_format, const char *to)
{
    struct err e = {0};
    const char *const argv[] = {"qemu-img", "convert", "-p", "-n", "--target-is-zero", "-t", "writeback",
        "-f", from_format, "-O", to_format, from, to, NULL};
    return convert(argv, &e) < 0 ? report_error(&e) : report_result(json_object());
}
