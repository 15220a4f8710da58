/* Consoles of guests: opened for one who looks (and may type), as one descriptor that can be handed on.
 * Screens are QEMU's own; for everything else a thread of its own stands between the guest and those who
 * look (console_mux.c), so that nobody who is slow or gone holds the guest up. Loop thread. */
#pragma once

#include "core/core.h"
#include "wire/console.h"

struct console_wish {
    const char *uuid;
    enum guest_type type;
    enum console_kind kind;
    unsigned columns, rows;     /* 0: unknown */
    const char *const *command; /* shell: NULL: a login shell */
    bool read_only;
    const char *who; /* as others are told who types */
};

struct console_handler {
    /* One of these two, once, later. fd: as wire/console.h says; owned by the receiver. */
    void (*opened)(void *arg, int fd, bool writer);
    void (*failed)(void *arg, const struct err *e);
    /* After opened: it ended from the guest's side. code: of a shell, -1 otherwise. */
    void (*ended)(void *arg, enum console_end end, int code);
};

struct console;
/* Everything is copied. */
struct console *console_open(
    struct core *core, const struct console_wish *wish, const struct console_handler *handler, void *arg);
/* No call follows. Whoever has the descriptor reads its end. */
void console_close(struct console *c);

const char *console_end_word(enum console_end end);
const char *console_end_help(enum console_end end);

/* The guest's console log; owned. */
char *guest_log_path(const struct core *core, const char *uuid);
