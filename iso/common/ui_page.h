/* One screen of the installer, or of the host, with newt: a window of a fixed size, a text, what the screen
 * asks, Back and Next. */
#pragma once

#include <newt.h>
#include <stdbool.h>

#define PAGE_WIDTH  74
#define PAGE_HEIGHT 18

#define PAGE_KEY_REDRAW 12 /* Ctrl-L */

enum page_action { PAGE_NEXT, PAGE_BACK, PAGE_EXTRA, PAGE_TIMER };

struct page {
    newtComponent form, next, back, extra;
    bool running; /* the buttons are in the form */
    bool careful; /* the cursor stands on `back` at first */
    int row;      /* first free one below the text */
};

/* Starts newt on this terminal; false when it cannot show screens. Ctrl-S is a key like others from then on,
 * and stops nothing. */
bool page_begin(void);
/* Back from newtSuspend. */
void page_resume(void);
/* `next`, `back` and `extra` are the buttons' words; NULL: no such button. */
struct page page_open(
    const char *title, const char *text, const char *next, const char *back, const char *extra);
/* A labelled line to type into, one row further each; `value` is what stands in it first. */
newtComponent page_entry(struct page *p, const char *label, const char *value, int flags);
newtComponent page_list(struct page *p, int height);
/* A text of so many lines, which newtTextboxSetText changes. */
newtComponent page_note(struct page *p, int lines);
newtComponent page_check(struct page *p, const char *label, bool on, char *ret_state);
/* Runs it until a button, Enter in a list, or `timer_ms` (0: none) have passed. Ctrl-L draws the screen anew.
 * When the terminal is gone the program ends. */
enum page_action page_run(struct page *p, int timer_ms);
void page_close(struct page *p);
/* Every line is sent again at the next refresh, whatever others have written over it. */
void page_repair(void);
/* A short window with one button. */
void page_say(const char *title, const char *text);
/* A window without buttons, while something is done. */
newtComponent page_busy(const char *text);
void page_busy_end(newtComponent busy);
/* A long text to scroll through. */
void page_scroll(const char *title, const char *text);
