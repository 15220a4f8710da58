/* The whole interactive run: screens, plan, progress, result. */
#include "iso/installer/ui.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/proc.h"
#include "iso/installer/apply.h"
#include "iso/installer/ui_screens.h"

#define LOG_MAX (16 * 1024 * 1024)

struct session {
    const struct run_options *o;
    struct inventory inventory;
    struct ui_model model;
    struct answer answer;
    struct target target;
    struct prepared prepared;
    bool has_plan;
    char *plan_text; /* for --dry-run, printed when the screens are gone; owned */
};

static void drop_plan(struct session *s)
{
    if (s->has_plan)
        prepared_free(&s->prepared);
    s->has_plan = false;
}

static void say_error(const char *title, const struct err *e)
{
    _cleanup_free_ char *text = mem_printf("%s%s%s", e->detail, *e->hint ? "\n\n" : "", e->hint);
    page_say(title, text);
}

/* Warnings, or the reasons why not, in lines. */
static char *complaints_text(const struct complaints *c)
{
    struct buf b = {0};
    for (size_t i = 0; i < c->n; i++)
        buf_printf(&b, "%s%s%s%s\n", c->items[i].warning ? "Note: " : "", c->items[i].why,
            c->items[i].write ? ". " : "", c->items[i].write ? c->items[i].write : "");
    return buf_take(&b);
}

/* False when the choices do not fit this machine, which is said. */
static bool make_plan(struct session *s, char **ret_warnings)
{
    _cleanup_complaints_ struct complaints c = {0};
    struct err e;
    drop_plan(s);
    ui_model_answer(&s->model, &s->answer);
    int r = choose_target(&s->answer, &s->inventory, &s->target, &c);
    char *texts = complaints_text(&c);
    if (r < 0) {
        page_say("This does not work", texts);
        free(texts);
        return false;
    }
    struct prepare in = {&s->answer, &s->inventory, &s->target, s->o->medium_dir, NULL};
    s->has_plan = true;
    if (prepare_plan(&in, &s->prepared, &e) < 0) {
        say_error("This does not work", &e);
        free(texts);
        return false;
    }
    *ret_warnings = texts;
    return true;
}

static enum page_action summary(struct session *s)
{
    _cleanup_free_ char *warnings = NULL;
    _cleanup_buf_ struct buf text = {0};
    if (!make_plan(s, &warnings))
        return PAGE_BACK;
    plan_summary(&s->prepared.input, &text);
    return screen_summary(&s->model, text.data, warnings);
}

/* ---- progress ---- */

struct progress {
    newtComponent form, scale, label;
};

static void show_progress(void *arg, const char *title, unsigned percent)
{
    struct progress *p = arg;
    char text[PAGE_WIDTH];
    snprintf(text, sizeof(text), "%-60s", title);
    newtLabelSetText(p->label, text);
    newtScaleSet(p->scale, percent);
    newtDrawForm(p->form);
    newtRefresh();
}

static int install(struct session *s, struct err *e)
{
    struct progress p = {.form = newtForm(NULL, NULL, 0)};
    newtCenteredWindow(PAGE_WIDTH, 6, "Installing");
    p.label = newtLabel(2, 1, "");
    p.scale = newtScale(2, 3, PAGE_WIDTH - 4, 100);
    newtFormAddComponents(p.form, p.label, p.scale, NULL);
    struct apply a = {&s->prepared.plan, s->o->skip_phases, APPLY_LOG, show_progress, &p};
    apply_clean(WORK_DIR);
    int r = apply_run(&a, e);
    newtFormDestroy(p.form);
    newtPopWindow();
    return r;
}

/* ---- result ---- */

static void show_log(void)
{
    _cleanup_free_ char *text = NULL;
    struct err e;
    if (fs_read(AT_FDCWD, APPLY_LOG, LOG_MAX, &text, NULL, &e) < 0)
        say_error("Log", &e);
    else
        page_scroll("Log (" APPLY_LOG ")", text);
}

static void open_shell(void)
{
    newtSuspend();
    puts("\nThe installer waits. `exit` leads back to it.");
    fflush(stdout);
    run_shell();
    page_resume();
}

/* True: again from the summary. */
static bool failed(const struct err *e)
{
    _cleanup_free_ char *text =
        mem_printf("%s%s%s\n\nThe log has the details. Nothing is left mounted: the installation can be "
                   "tried again without restarting the machine.",
            e->detail, *e->hint ? "\n\n" : "", e->hint);
    for (;;) {
        struct page p = page_open("The installation failed", text, "Try again", "Log", "Shell");
        enum page_action action = page_run(&p, 0);
        page_close(&p);
        if (action == PAGE_NEXT)
            return true;
        if (action == PAGE_EXTRA)
            open_shell();
        else
            show_log();
    }
}

/* Comes back only when the machine does not go down. */
static void restart(void)
{
    struct err e;
    newtComponent busy = page_busy("The machine restarts.");
    if (leave_system("reboot", &e) == 0)
        wait_for_the_end();
    page_busy_end(busy);
    say_error("Restart", &e);
}

static void succeeded(const struct session *s)
{
    _cleanup_free_ char *text = mem_printf("%s is installed. Remove the installation medium when the machine "
                                           "restarts. The host's own screen then shows "
                                           "under which address its console is reached; sign in as admin.",
        s->model.host);
    for (;;) {
        struct page p = page_open("Lodge is installed", text, "Restart", "Log", "Shell");
        enum page_action action = page_run(&p, 0);
        page_close(&p);
        if (action == PAGE_NEXT && s->o->inventory_path)
            return;
        if (action == PAGE_NEXT)
            restart();
        else if (action == PAGE_EXTRA)
            open_shell();
        else
            show_log();
    }
}

/* ---- the machine, read again ---- */

/* False when it cannot be read, which is said, or when a chosen disk is gone. */
static bool follow_machine(struct session *s)
{
    _cleanup_free_ struct inventory *now = mem_new(struct inventory, 1);
    struct err e;
    if (run_inventory(s->o, now, &e) < 0) {
        inventory_free(now);
        say_error("This does not work", &e);
        return false;
    }
    drop_plan(s);
    bool there = ui_model_follow(&s->model, now);
    inventory_free(&s->inventory);
    s->inventory = *now;
    s->model.inventory = &s->inventory;
    return there;
}

/* Names go to other disks when disks are plugged in and out, and another console may have written meanwhile.
 */
static bool disks_are_as_shown(struct session *s)
{
    _cleanup_free_ struct inventory *now = mem_new(struct inventory, 1);
    struct err e;
    bool current = run_inventory(s->o, now, &e) == 0 && ui_model_is_current(&s->model, now);
    inventory_free(now);
    if (current)
        return true;
    (void)follow_machine(s);
    page_say("The disks have changed", "A disk that was chosen is not there any more, or it holds something "
                                       "else than was shown. Nothing was "
                                       "written. Look at the disks again, and choose.");
    s->model.at = SCREEN_DISK;
    return false;
}

/* True when it is over. */
static bool carry_out(struct session *s)
{
    struct err e;
    if (s->o->dry_run && !disks_are_as_shown(s))
        return false;
    if (s->o->dry_run) {
        _cleanup_buf_ struct buf text = {0};
        plan_print(&s->prepared.plan, &text);
        s->plan_text = buf_take(&text);
        page_say("Nothing was written",
            "This was a dry run (--dry-run). The plan is printed when this window closes.");
        return true;
    }
    if (!take_turn()) {
        page_say("Busy", "Lodge is being installed from another console (monitor or serial line). Wait until "
                         "it has ended there.");
        s->model.at = SCREEN_SUMMARY;
        return false;
    }
    if (!disks_are_as_shown(s)) {
        end_turn();
        return false;
    }
    if (install(s, &e) == 0) {
        succeeded(s);
        return true;
    }
    end_turn();
    if (failed(&e))
        s->model.at = follow_machine(s) ? SCREEN_SUMMARY : SCREEN_DISK;
    return false;
}

static void loop(struct session *s)
{
    char why[512];
    bool live = !s->o->inventory_path;
    for (bool over = false; !over;) {
        if (s->model.at == SCREEN_INSTALL) {
            over = carry_out(s);
            continue;
        }
        enum page_action action =
            s->model.at == SCREEN_SUMMARY ? summary(s) : screen_run(&s->model, &s->inventory, live);
        if (action == PAGE_BACK)
            ui_model_back(&s->model);
        else if (ui_model_may_leave(&s->model, why))
            ui_model_next(&s->model);
        else
            page_say("Not yet", why);
    }
}

/* Cards that are down do not tell whether a cable is in. */
static void raise_links(const struct inventory *i)
{
    for (size_t k = 0; k < i->n_nics; k++) {
        const char *const argv[] = {"ip", "link", "set", "dev", i->nics[k].name, "up", NULL};
        struct err ignored;
        (void)proc_check(&(struct proc_spec){.argv = argv}, 10000, &ignored);
    }
}

int run_interactive(const struct run_options *o)
{
    _cleanup_free_ struct session *s = mem_new(struct session, 1);
    struct err e;
    s->o = o;
    if (run_inventory(o, &s->inventory, &e) < 0) {
        tell_error(&e);
        return 1;
    }
    if (!o->inventory_path && !o->dry_run)
        raise_links(&s->inventory);
    if (!page_begin()) {
        fprintf(stderr, "lodge-installer: this terminal cannot show screens. Set TERM (linux, vt220), or use "
                        "--answer.\n");
        inventory_free(&s->inventory);
        return 1;
    }
    newtDrawRootText(1, 0, "Lodge " LODGE_VERSION);
    newtPushHelpLine("Tab: next field   Space: mark   Enter: choose   F12: next screen   Esc: back");
    ui_model_init(&s->model, &s->inventory);
    loop(s);
    newtFinished();
    if (s->plan_text)
        fputs(s->plan_text, stdout);
    free(s->plan_text);
    drop_plan(s);
    explicit_bzero(&s->model, sizeof(s->model));
    inventory_free(&s->inventory);
    return 0;
}
