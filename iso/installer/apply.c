#include "iso/installer/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "iso/installer/copy.h"

#define STEP_TIMEOUT_MS (15 * 60 * 1000)
#define UNDO_TIMEOUT_MS (60 * 1000)
#define WAIT_MS         30000
#define UNDO_TRIES      5

struct applying {
    const struct apply *a;
    int log_fd;
    unsigned weight_done, weight_all;
    const struct step *current;
    const char *title;
    const struct step **undo; /* the newest last */
    size_t n_undo;
};

/* ---- log and progress ---- */

static void note(const struct applying *k, const char *fmt, ...) ATTR_PRINTF(2, 3);
static void note(const struct applying *k, const char *fmt, ...)
{
    char when[TIME_LEN + 1], text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    time_format(clock_unix_ms(&clock_system), when);
    dprintf(k->log_fd, "%s %s\n", when, text);
}

static void tell(const struct applying *k, unsigned step_percent)
{
    unsigned weight = k->current ? k->current->weight : 0;
    if (k->a->progress)
        k->a->progress(
            k->a->arg, k->title, (k->weight_done * 100 + weight * step_percent) / MAX_OF(k->weight_all, 1U));
}

static void copy_progress(void *arg, unsigned percent)
{
    tell(arg, percent);
}

/* ---- steps ---- */

/* "mount: /x: unknown file system" says more than the advice that programs print behind it. */
static bool is_own_word(const char *program, const char *line)
{
    size_t n = strlen(program);
    return strncmp(line, program, n) == 0 && line[n] == ':';
}

/* What the program printed goes to the log line by line; the last line that begins with its name, or else the
 * last of all, becomes the reason. */
static int run_program(const struct applying *k, const char *const *argv, uint64_t timeout_ms, struct err *e)
{
    struct proc_output o = {0};
    if (proc_run(&(struct proc_spec){.argv = argv}, NULL, 0, timeout_ms, NULL, &o, e) < 0)
        return -1;
    const char *texts[] = {o.out, o.err};
    const char *last = "it gave no reason";
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char *rest = NULL;
        for (char *line = strtok_r((char *)(uintptr_t)texts[i], "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
            note(k, "  %s", line);
            if (is_own_word(argv[0], line) || !is_own_word(argv[0], last))
                last = line;
        }
    }
    int r = o.code ? err_set(e, ERR_INTERNAL, "%s failed with code %d: %s", argv[0], o.code, last) : 0;
    proc_output_clear(&o);
    return r;
}

static int wait_for_devices(const struct step *s, struct err *e)
{
    uint64_t until = clock_monotonic_ms(&clock_system) + WAIT_MS;
    for (size_t i = 0; s->argv[i];) {
        struct stat st;
        if (stat(s->argv[i], &st) == 0 && S_ISBLK(st.st_mode)) {
            i++;
            continue;
        }
        if (clock_monotonic_ms(&clock_system) > until)
            return err_set(e, ERR_TIMEOUT, "%s did not appear within %d s", s->argv[i], WAIT_MS / 1000);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return 0;
}

static int write_file(const struct step *s, struct err *e)
{
    const char *slash = strrchr(s->path, '/');
    _cleanup_free_ char *dir = mem_strndup(s->path, (size_t)(slash - s->path));
    _cleanup_close_ int fd = -1;
    if (fs_open_dir(dir, 0755, &fd, e) < 0)
        return -1;
    return fs_write_atomic(fd, slash + 1, s->text, s->text_len, s->mode, e);
}

static int make_dir(const struct step *s, struct err *e)
{
    if (fs_mkdir_all(s->path, s->mode, e) < 0)
        return -1;
    return chmod(s->path, s->mode) < 0 ? err_errno(e, errno, "cannot set the mode of %s", s->path) : 0;
}

static int do_step(struct applying *k, const struct step *s, struct err *e)
{
    switch (s->action) {
    case STEP_RUN: return run_program(k, s->argv, STEP_TIMEOUT_MS, e);
    case STEP_WAIT: return wait_for_devices(s, e);
    case STEP_DIR: return make_dir(s, e);
    case STEP_WRITE: return write_file(s, e);
    case STEP_COPY:
        return copy_verified(&(struct copy){.from = s->from,
                                 .to = s->path,
                                 .sha256 = s->sha256,
                                 .size_bytes = s->size_bytes,
                                 .mode = s->mode,
                                 .progress = copy_progress,
                                 .arg = k},
            e);
    }
    return err_set(e, ERR_INTERNAL, "a step of unknown kind");
}

/* A device that somebody looked at in that moment (udev, a scanner) is busy for a while. */
static int undo_all(struct applying *k, struct err *e)
{
    int result = 0;
    while (k->n_undo) {
        const struct step *s = k->undo[--k->n_undo];
        struct err why;
        int r = -1;
        for (int i = 0; r < 0 && i < UNDO_TRIES; i++) {
            if (i)
                nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
            note(k, "%s %s", s->undo[0], s->undo[1] ? s->undo[1] : "");
            r = run_program(k, s->undo, UNDO_TIMEOUT_MS, &why);
        }
        if (r == 0)
            continue;
        note(k, "  failed: %s", why.detail);
        if (result == 0)
            *e = why;
        result = -1;
    }
    return result;
}

static int one_step(struct applying *k, const struct step *s, struct err *e)
{
    _cleanup_buf_ struct buf line = {0};
    plan_print_step(s, &line);
    line.data[strcspn(line.data, "\n")] = '\0';
    note(k, "%s", line.data);
    k->current = s;
    if (s->title)
        k->title = s->title;
    tell(k, 0);
    if (do_step(k, s, e) < 0) {
        note(k, "  failed: %s", e->detail);
        if (!s->optional)
            return err_prefix(e, "%s", k->title);
    } else if (s->undo[0]) {
        k->undo[k->n_undo++] = s;
    }
    k->weight_done += s->weight;
    return 0;
}

static bool skipped(const struct applying *k, const struct step *s)
{
    return k->a->skip_phases >> s->phase & 1;
}

static int all_steps(struct applying *k, struct err *e)
{
    const struct plan *p = k->a->plan;
    bool released = false;
    for (size_t i = 0; i < p->n; i++) {
        if (skipped(k, &p->steps[i]))
            continue;
        if (p->steps[i].phase == PHASE_FINISH && !released) {
            released = true;
            if (undo_all(k, e) < 0)
                return err_prefix(e, "%s", "Closing the file systems");
        }
        if (one_step(k, &p->steps[i], e) < 0)
            return -1;
    }
    return 0;
}

int apply_run(const struct apply *a, struct err *e)
{
    _cleanup_close_ int log_fd =
        open(a->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log_fd < 0)
        return err_errno(e, errno, "cannot write the log %s", a->log_path);
    _cleanup_free_ const struct step **undo = mem_new(const struct step *, a->plan->n);
    struct applying k = {.a = a, .log_fd = log_fd, .undo = undo, .title = "Installing"};
    for (size_t i = 0; i < a->plan->n; i++)
        k.weight_all += skipped(&k, &a->plan->steps[i]) ? 0 : a->plan->steps[i].weight;
    note(&k, "installation begins, lodge-installer " LODGE_VERSION);
    for (int i = 0; i < PHASE_COUNT; i++)
        if (a->skip_phases >> i & 1)
            note(&k, "left out as asked: %s", plan_phase_name((enum plan_phase)i));
    int r = all_steps(&k, e);
    struct err ignored; /* the first failure is what counts; the log has both */
    if (undo_all(&k, r < 0 ? &ignored : e) < 0)
        r = -1;
    note(&k, r < 0 ? "installation FAILED: %s" : "installation complete%s", r < 0 ? e->detail : "");
    if (r == 0 && a->progress)
        a->progress(a->arg, "Done", 100);
    return r;
}

void apply_clean(const char *work_dir)
{
    static const char *const below[] = {"local", "state", "esp0", "esp1"};
    for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
        _cleanup_free_ char *path = mem_printf("%s/%s", work_dir, below[i]);
        umount2(path, UMOUNT_NOFOLLOW);
    }
}
