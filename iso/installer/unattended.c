#include "iso/installer/unattended.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "base/fs.h"
#include "base/proc.h"
#include "iso/installer/apply.h"

#define LOCK_FILE "/run/lodge-installer.lock"
#define LEAVE_S   5
#define LINKS_MS  15000 /* some switches take as long until they say that a cable is in */

void tell_error(const struct err *e)
{
    fprintf(stderr, "lodge-installer: %s\n", e->detail);
    if (*e->hint)
        fprintf(stderr, "    %s\n", e->hint);
}

static void print_complaints(const struct complaints *c, const char *file)
{
    _cleanup_buf_ struct buf out = {0};
    complaints_print(c, file, &out);
    fputs(out.data ? out.data : "", stderr);
}

int validate_file(const char *path)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_arena_ struct arena arena = {0};
    _cleanup_complaints_ struct complaints c = {0};
    struct answer answer;
    struct err e;
    size_t len;
    if (fs_read(AT_FDCWD, streq(path, "-") ? "/dev/stdin" : path, TOML_FILE_MAX, &text, &len, &e) < 0) {
        tell_error(&e);
        return 2;
    }
    int r = answer_read(text, len, &arena, &answer, &c);
    print_complaints(&c, path);
    explicit_bzero(text, len);
    if (r < 0) {
        fprintf(stderr, "%s: refused, %zu error%s\n", path, c.errors, c.errors == 1 ? "" : "s");
        return 1;
    }
    printf("%s: the answer file is good\n", path);
    return 0;
}

int run_inventory(const struct run_options *o, struct inventory *ret, struct err *e)
{
    return o->inventory_path ? inventory_load(o->inventory_path, ret, e) : inventory_probe(ret, e);
}

static int turn_fd = -1;

bool take_turn(void)
{
    if (turn_fd < 0)
        turn_fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return turn_fd >= 0 && flock(turn_fd, LOCK_EX | LOCK_NB) == 0;
}

void end_turn(void)
{
    close_p(&turn_fd);
    turn_fd = -1;
}

int leave_system(const char *how, struct err *e)
{
    const char *const argv[] = {"systemctl", streq(how, "reboot") ? "reboot" : "poweroff", NULL};
    sync();
    if (proc_check(&(struct proc_spec){.argv = argv}, 60000, e) == 0)
        return 0;
    err_prefix(e, "the machine does not go down by itself");
    return err_hint(e, "switch it off by hand: nothing is being written");
}

void wait_for_the_end(void)
{
    for (;;)
        pause();
}

/* ---- one attempt ---- */

struct attempt {
    const struct run_options *o;
    struct source source;
    struct arena arena;
    struct answer answer;
    struct inventory inventory;
    struct target target;
};

static void attempt_end(struct attempt *t)
{
    source_free(&t->source);
    arena_free(&t->arena);
    inventory_free(&t->inventory);
}

static int find_answer(struct attempt *t, struct err *e)
{
    if (t->o->answer_path)
        return source_file(t->o->answer_path, &t->source, e);
    /* Its own entry in the medium's menu: no disk in the machine has a say then. */
    _cleanup_free_ char *by = cmdline_running_value("lodge.unattended");
    bool volumes = !by || !streq(by, "medium");
    int found = source_find(t->o->medium_dir, volumes, &patience_console, &t->source, e);
    if (found)
        return found < 0 ? -1 : 0;
    err_set(e, ERR_NOT_FOUND,
        "there is no answer file: not named by lodge.answer=, on no volume labelled LODGE-ANSWER, and "
        "not on the medium");
    return err_hint(e, "plug in a volume labelled LODGE-ANSWER (on FAT: LODGEANSWER) with the file "
                       "answer.toml and try again, or install by the screens");
}

/* Which card is the first that has a link shows only when all have had the time to find theirs. */
static void wait_for_links(struct attempt *t)
{
    struct err ignored; /* the cards are those that were read before */
    if (!t->o->inventory_path && t->inventory.n_nics > 1 && !t->answer.network.mac && !t->answer.network.name)
        (void)inventory_wait_for_links(&t->inventory, "/sys/class/net", LINKS_MS, &ignored);
}

/* Everything that can be refused, before anything is written. */
static int check_answer(struct attempt *t)
{
    _cleanup_complaints_ struct complaints c = {0};
    int r = answer_read(t->source.text, t->source.len, &t->arena, &t->answer, &c);
    if (r == 0)
        wait_for_links(t);
    if (r == 0)
        r = choose_target(&t->answer, &t->inventory, &t->target, &c);
    print_complaints(&c, t->source.name);
    if (r < 0)
        fprintf(stderr, "lodge-installer: refused, nothing was written. %zu error%s in %s.\n", c.errors,
            c.errors == 1 ? "" : "s", t->source.name);
    return r;
}

static void print_progress(void *arg, const char *title, unsigned percent)
{
    const char **last = arg;
    static unsigned last_percent;
    if (*last == title && percent < last_percent + 10)
        return;
    *last = title;
    last_percent = percent;
    printf("[%3u%%] %s\n", percent, title);
    fflush(stdout);
}

/* A script may have taken minutes to be fetched, and names go to other disks when disks are plugged in and
 * out. */
static int look_again(const struct attempt *t, struct err *e)
{
    _cleanup_inventory_ struct inventory now = {0};
    if (run_inventory(t->o, &now, e) < 0)
        return -1;
    for (size_t n = 0; n < t->target.n_disks; n++) {
        const struct disk *wanted = t->target.disks[n];
        size_t i = 0;
        while (i < now.n_disks &&
               !(disk_is(wanted, &now.disks[i]) && disk_holds_the_same(wanted, &now.disks[i])))
            i++;
        if (i == now.n_disks) {
            err_set(e, ERR_STATE, "refused, nothing was written: %s has changed since it was looked at",
                wanted->path);
            return err_hint(e, "try again: the disks are looked at anew");
        }
    }
    return 0;
}

static int carry_out(struct attempt *t, struct err *e)
{
    struct prepare in = {&t->answer, &t->inventory, &t->target, t->o->medium_dir, t->source.first_boot};
    struct prepared p;
    _cleanup_buf_ struct buf text = {0};
    const char *last = NULL;
    int r = prepare_plan(&in, &p, e);
    if (r < 0) {
        err_prefix(e, "refused, nothing was written");
    } else {
        plan_summary(&p.input, &text);
        if (t->o->dry_run)
            buf_str(&text, "\n");
        if (t->o->dry_run)
            plan_print(&p.plan, &text);
        fputs(text.data, stdout);
        fflush(stdout);
    }
    for (int i = 0; r == 0 && i < PHASE_COUNT; i++)
        if (t->o->skip_phases >> i & 1)
            printf("Left out, as --skip says: %s\n", plan_phase_name((enum plan_phase)i));
    if (r == 0 && !t->o->dry_run)
        r = look_again(t, e);
    if (r == 0 && !t->o->dry_run) {
        struct apply a = {&p.plan, t->o->skip_phases, APPLY_LOG, print_progress, &last};
        apply_clean(WORK_DIR);
        r = apply_run(&a, e);
        if (r < 0)
            err_prefix(e, "the installation failed");
    }
    prepared_free(&p);
    return r;
}

static int one_attempt(const struct run_options *o, char *ret_reboot_mode, size_t n)
{
    struct attempt t = {.o = o};
    struct err e;
    int r = find_answer(&t, &e);
    if (r == 0)
        printf("Installing Lodge by %s\n", t.source.name);
    if (r == 0)
        r = run_inventory(o, &t.inventory, &e);
    if (r < 0) {
        err_prefix(&e, "refused, nothing was written");
        tell_error(&e);
    }
    if (r == 0 && check_answer(&t) < 0)
        r = -1;
    else if (r == 0 && (r = carry_out(&t, &e)) < 0)
        tell_error(&e);
    if (r == 0)
        snprintf(ret_reboot_mode, n, "%s", t.answer.global.reboot_mode);
    attempt_end(&t);
    return r;
}

/* ---- after it ---- */

static void show_log(void)
{
    _cleanup_free_ char *text = NULL;
    struct err e;
    if (fs_read(AT_FDCWD, APPLY_LOG, 16 * 1024 * 1024, &text, NULL, &e) < 0)
        tell_error(&e);
    else
        fputs(text, stdout);
}

void run_shell(void)
{
    static const char *const argv[] = {"bash", "-l", NULL};
    static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root", "TERM=linux", "LANG=C.UTF-8", NULL};
    const struct proc_fd fds[] = {{STDIN_FILENO, 0}};
    struct err e;
    int pidfd, code;
    if (proc_spawn(&(struct proc_spec){.argv = argv, .env = env, .fds = fds, .n_fds = 1}, NULL, &pidfd, &e) <
            0 ||
        proc_reap(pidfd, &code, &e) < 0)
        tell_error(&e);
    else
        close(pidfd);
}

static void restart_machine(void)
{
    struct err e;
    if (!take_turn()) {
        printf("Lodge is being installed from another console: wait until that has ended.\n");
        return;
    }
    if (leave_system("reboot", &e) == 0)
        wait_for_the_end();
    tell_error(&e);
    end_turn();
}

/* r: again, i: the screens; the end of input ends it. */
static char ask_what_next(void)
{
    char line[64];
    for (;;) {
        printf("\nr: try again   i: install by screens   l: show the log   s: shell   b: restart the "
               "machine\n> ");
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin))
            return 'q';
        switch (line[0]) {
        case 'r':
        case 'i': return line[0];
        case 'l': show_log(); break;
        case 's': run_shell(); break;
        case 'b': restart_machine(); break;
        default: printf("%s", "Type one of the letters and Enter.\n");
        }
    }
}

/* On the other console somebody installs: show how far it is. */
static int follow_other_console(void)
{
    char block[4096];
    printf("Lodge is being installed from another console. Its log:\n");
    _cleanup_close_ int fd = open(APPLY_LOG, O_RDONLY | O_CLOEXEC);
    while (!take_turn()) {
        if (fd < 0)
            fd = open(APPLY_LOG, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, block, sizeof(block));
        if (n > 0 && write(STDOUT_FILENO, block, (size_t)n) < 0)
            return 1;
        if (n <= 0)
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return 1;
}

/* The medium's boot menu asks for one installation. When that has failed, on whichever console, another one
 * is for somebody to decide: this program is started again each time that it ends. */
static bool begun_before(const struct run_options *o)
{
    if (o->unattended || o->dry_run || o->inventory_path || access(APPLY_LOG, F_OK) < 0)
        return false;
    printf("An installation was begun before, and has failed or was cut short: the log says why. "
           "Nothing is begun again by itself.\n");
    return true;
}

int run_unattended(const struct run_options *o)
{
    char reboot_mode[16] = "reboot";
    struct err e;
    if (!o->dry_run && !take_turn())
        return follow_other_console();
    bool installed = !begun_before(o) && one_attempt(o, reboot_mode, sizeof(reboot_mode)) == 0;
    while (!installed) {
        if (o->dry_run || !isatty(STDIN_FILENO))
            return 1;
        end_turn(); /* whoever sits at the other console sees as well what is wrong, and may act */
        char next = ask_what_next();
        if (next == 'r' && !take_turn())
            return follow_other_console();
        if (next != 'r')
            return next == 'i' ? 2 : 1;
        installed = one_attempt(o, reboot_mode, sizeof(reboot_mode)) == 0;
    }
    if (o->dry_run || o->inventory_path) /* a test, or an image file: not this machine */
        return 0;
    printf("Lodge is installed. The machine %s in %d seconds. Remove the installation medium.\n",
        streq(reboot_mode, "reboot") ? "restarts" : "is switched off", LEAVE_S);
    fflush(stdout);
    nanosleep(&(struct timespec){.tv_sec = LEAVE_S},
        NULL); /* whoever follows it from another console reads the end */
    if (leave_system(reboot_mode, &e) < 0)
        tell_error(&e);
    wait_for_the_end();
}
