/* lodge-console: the screen of an installed host, on its first terminal and its first serial port. Who stands
 * there sees how the host is reached and how it is; what the menu changes asks for a password first. */
#include <errno.h>
#include <signal.h>
#include <termios.h>

#include "base/log.h"
#include "iso/common/ui_page.h"
#include "iso/console/look.h"
#include "iso/console/screens.h"
#include "iso/console/trial.h"

#define TICK_MS       5000
#define REPAIR_TICKS  12 /* between two drawings of all lines, against what others have written there */
#define SETTLE_TICKS  24 /* while the host starts, others write more often */
#define SERVICE_TICKS 2  /* between two questions to systemd */
#define STATUS_ROWS   16

static const struct {
    const char *label;
    void (*run)(void);
} menu[] = {
    {"Network", screen_network},
    {"Password", screen_password},
    {"Shell", screen_shell},
    {"Restart", screen_restart},
    {"Power off", screen_power_off},
};

struct front {
    newtComponent form, box, buttons[ARRAY_SIZE(menu)];
    struct status status;
    char *shown; /* what stands in the box; owned */
};

static void front_open(struct front *f)
{
    int column = 2;
    *f = (struct front){.form = newtForm(NULL, NULL, 0)};
    newtCenteredWindow(PAGE_WIDTH, PAGE_HEIGHT, "Lodge " LODGE_VERSION);
    f->box = newtTextbox(2, 0, STATUS_WIDTH, STATUS_ROWS, 0);
    newtFormAddComponent(f->form, f->box);
    for (size_t i = 0; i < ARRAY_SIZE(menu); i++) {
        f->buttons[i] = newtCompactButton(column, PAGE_HEIGHT - 1, menu[i].label);
        newtFormAddComponent(f->form, f->buttons[i]);
        column += (int)strlen(menu[i].label) + 7;
    }
    newtFormAddHotKey(f->form, PAGE_KEY_REDRAW);
}

static void front_close(struct front *f)
{
    newtFormDestroy(f->form);
    newtPopWindow();
    status_clear(&f->status);
    free(f->shown);
}

/* Draws only when something has changed: a serial line is slow. */
static void front_update(struct front *f, const char *note, bool ask_systemd)
{
    _cleanup_buf_ struct buf text = {0};
    status_look(&f->status, ask_systemd || !f->shown);
    f->status.note = note;
    status_text(&f->status, &text);
    if (f->shown && streq(f->shown, text.data))
        return;
    newtTextboxSetText(f->box, text.data);
    newtDrawForm(f->form);
    free(f->shown);
    f->shown = buf_take(&text);
}

/* What happened while nobody was there; NULL: nothing. */
static const char *clean_up(void)
{
    struct err e;
    int r = trial_clean_up(&e);
    if (r < 0)
        log_error("%s", e.detail);
    if (r > 0)
        log_notice("a network that nobody had confirmed was taken back");
    return r > 0 ? "A network that nobody confirmed was taken back." : NULL;
}

/* Until an entry of the menu is chosen. */
static size_t front_run(struct front *f)
{
    static unsigned ticks;
    static const char *note;
    struct newtExitStruct exited = {.reason = NEWT_EXIT_TIMER};
    while (exited.reason != NEWT_EXIT_COMPONENT) {
        const char *news = clean_up();
        note = news ? news : note;
        front_update(f, note, ticks % SERVICE_TICKS == 0);
        if (exited.reason == NEWT_EXIT_HOTKEY || ticks < SETTLE_TICKS || ticks % REPAIR_TICKS == 0)
            page_repair();
        newtRefresh();
        newtFormSetTimer(f->form, TICK_MS);
        newtFormRun(f->form, &exited);
        ticks += exited.reason == NEWT_EXIT_TIMER;
        if (exited.reason == NEWT_EXIT_ERROR)
            exit(1);
    }
    note = NULL;
    size_t chosen = 0;
    while (chosen + 1 < ARRAY_SIZE(menu) && exited.u.co != f->buttons[chosen])
        chosen++;
    return chosen;
}

/* At the end of the host nobody draws any more, and the terminal is left as a shell wants it. */
static struct termios terminal_before;

static void stopped(int number)
{
    static const char words[] = "\033[0m\033[2J\033[H\033[?25h"
                                "Lodge: the screen was stopped. When the host goes down, its guests\r\n"
                                "are shut down first: that can take some minutes.\r\n";
    (void)number;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    ssize_t n = write(STDOUT_FILENO, words, sizeof(words) - 1);
    _exit(n < 0 ? 1 : 0);
}

/* No key and no other program of the terminal ends the screen or stops it. */
static void set_signals(void)
{
    static const int ignored[] = {
        SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGTERM, stopped);
}

static int wrong_usage(int argc, char **argv)
{
    if (argc == 2 && streq(argv[1], "--version"))
        return puts("lodge-console " LODGE_VERSION) < 0;
    fputs("usage: lodge-console [--version]\n    shows the screen of the host on this terminal; it takes no "
          "arguments\n",
        stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct front front;
    if (argc > 1)
        return wrong_usage(argc, argv);
    log_init("lodge-console", LOG_LEVEL_NOTICE);
    if (tcgetattr(STDIN_FILENO, &terminal_before) < 0) {
        log_error("there is no terminal on standard input: lodge-console@.service gives it one");
        return 1;
    }
    set_signals();
    if (!page_begin()) {
        log_error("this terminal cannot show screens: set TERM (linux, vt220)");
        return 1;
    }
    newtPushHelpLine("Tab: next   Enter: choose   Ctrl-L: draw the screen anew");
    for (;;) {
        front_open(&front);
        size_t chosen = front_run(&front);
        front_close(&front);
        menu[chosen].run();
    }
}
