#include "iso/common/ui_page.h"

#include <slang.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/mem.h"

#define BUTTON_ROW (PAGE_HEIGHT - 1)

/* newt takes Ctrl-S for itself, and whoever hits it would stand before a dead screen. */
static void stop_flow_control(void)
{
    struct termios t;
    if (tcgetattr(STDIN_FILENO, &t) < 0 || !(t.c_iflag & (IXON | IXOFF)))
        return;
    t.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* A serial line does not know how large its terminal is. */
static void set_size(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        return;
    size = (struct winsize){.ws_row = 24, .ws_col = 80};
    (void)ioctl(STDOUT_FILENO, TIOCSWINSZ, &size);
}

bool page_begin(void)
{
    set_size();
    if (newtInit() != 0)
        return false;
    stop_flow_control();
    newtCls();
    return true;
}

void page_resume(void)
{
    newtResume();
    stop_flow_control();
    page_repair();
}

/* The text wrapped to the window; returns its rows. */
static int add_text(newtComponent form, const char *text, int row)
{
    int width, height;
    char *flowed = newtReflowText((char *)(uintptr_t)text, PAGE_WIDTH - 4, 8, 0, &width, &height);
    newtComponent box = newtTextbox(1, row, PAGE_WIDTH - 2, height, 0);
    newtTextboxSetText(box, flowed);
    newtFormAddComponent(form, box);
    free(flowed);
    return height;
}

struct page page_open(
    const char *title, const char *text, const char *next, const char *back, const char *extra)
{
    struct page p = {.form = newtForm(NULL, NULL, 0)};
    newtCenteredWindow(PAGE_WIDTH, PAGE_HEIGHT, title);
    p.row = add_text(p.form, text, 0) + 1;
    /* Made here, and added when the form runs, so that the Tab key reaches them last. */
    p.back = back ? newtCompactButton(2, BUTTON_ROW, back) : NULL;
    p.extra =
        extra ? newtCompactButton(PAGE_WIDTH / 2 - (int)strlen(extra) / 2 - 2, BUTTON_ROW, extra) : NULL;
    p.next = next ? newtCompactButton(PAGE_WIDTH - (int)strlen(next) - 6, BUTTON_ROW, next) : NULL;
    return p;
}

newtComponent page_entry(struct page *p, const char *label, const char *value, int flags)
{
    newtFormAddComponent(p->form, newtLabel(1, p->row, label));
    newtComponent entry = newtEntry(26, p->row, value, PAGE_WIDTH - 28, NULL, NEWT_FLAG_SCROLL | flags);
    newtFormAddComponent(p->form, entry);
    p->row += 2;
    return entry;
}

newtComponent page_list(struct page *p, int height)
{
    newtComponent list = newtListbox(1, p->row, height, NEWT_FLAG_SCROLL | NEWT_FLAG_RETURNEXIT);
    newtListboxSetWidth(list, PAGE_WIDTH - 2);
    newtFormAddComponent(p->form, list);
    p->row += height + 1;
    return list;
}

newtComponent page_note(struct page *p, int lines)
{
    newtComponent note = newtTextbox(1, p->row, PAGE_WIDTH - 4, lines, NEWT_FLAG_WRAP);
    newtFormAddComponent(p->form, note);
    p->row += lines + 1;
    return note;
}

newtComponent page_check(struct page *p, const char *label, bool on, char *ret_state)
{
    newtComponent check = newtCheckbox(1, p->row, label, on ? '*' : ' ', " *", ret_state);
    newtFormAddComponent(p->form, check);
    p->row += 2;
    return check;
}

void page_repair(void)
{
    stop_flow_control(); /* newt has it again when the terminal changed its size */
    SLsmg_touch_screen();
}

/* Before the first run. */
static void add_buttons(struct page *p)
{
    newtComponent buttons[] = {p->next, p->extra, p->back};
    for (size_t i = 0; i < ARRAY_SIZE(buttons); i++)
        if (buttons[i])
            newtFormAddComponent(p->form, buttons[i]);
    newtFormAddHotKey(p->form, PAGE_KEY_REDRAW);
    if (p->careful)
        newtFormSetCurrent(p->form, p->back);
    p->running = true;
}

enum page_action page_run(struct page *p, int timer_ms)
{
    struct newtExitStruct exited;
    if (!p->running)
        add_buttons(p);
    newtFormSetTimer(p->form, timer_ms);
    for (;;) {
        newtFormRun(p->form, &exited);
        switch (exited.reason) {
        case NEWT_EXIT_TIMER: return PAGE_TIMER;
        case NEWT_EXIT_COMPONENT:
            return exited.u.co == p->back ? PAGE_BACK : exited.u.co == p->extra ? PAGE_EXTRA : PAGE_NEXT;
        case NEWT_EXIT_HOTKEY: break;
        default: exit(1); /* nobody must be taken for having agreed */
        }
        if (exited.u.key == NEWT_KEY_F12)
            return PAGE_NEXT;
        if (exited.u.key == NEWT_KEY_ESCAPE && p->back)
            return PAGE_BACK;
        page_repair(); /* Ctrl-L; Esc where nothing lies behind */
    }
}

void page_close(struct page *p)
{
    newtFormDestroy(p->form);
    newtPopWindow();
    *p = (struct page){0};
}

void page_say(const char *title, const char *text)
{
    newtWinMessage((char *)(uintptr_t)title, (char *)(uintptr_t) "OK", (char *)(uintptr_t) "%s", text);
}

newtComponent page_busy(const char *text)
{
    newtComponent form = newtForm(NULL, NULL, 0);
    newtCenteredWindow((unsigned)strlen(text) + 4, 3, NULL);
    newtFormAddComponent(form, newtLabel(2, 1, text));
    newtDrawForm(form);
    newtRefresh();
    return form;
}

void page_busy_end(newtComponent busy)
{
    newtFormDestroy(busy);
    newtPopWindow();
}

void page_scroll(const char *title, const char *text)
{
    newtComponent form = newtForm(NULL, NULL, 0);
    newtCenteredWindow(PAGE_WIDTH, PAGE_HEIGHT, title);
    newtComponent box = newtTextbox(1, 0, PAGE_WIDTH - 3, PAGE_HEIGHT - 2, NEWT_FLAG_SCROLL | NEWT_FLAG_WRAP);
    newtTextboxSetText(box, text);
    newtComponent close = newtCompactButton(PAGE_WIDTH - 12, BUTTON_ROW, "Close");
    newtFormAddComponents(form, box, close, NULL);
    newtRunForm(form);
    newtFormDestroy(form);
    newtPopWindow();
}
