/* The thread between guests' consoles and those who look at them. It always reads what a guest writes,
 * keeps the newest 64 KiB, and gives each viewer as much as it takes. */
#pragma once

#include "core/console.h"

struct mux;
struct viewer;

/* Starts with the first use. */
struct mux *mux_new(struct core *core);
/* Ends all consoles; guests go on. */
void mux_free(struct mux *m);

/* Called on the core's loop; `arg` as given to mux_view. `freed` is the last one. */
struct mux_handler {
    void (*opened)(void *arg, int fd, bool writer);
    void (*failed)(void *arg, const struct err *e);
    void (*ended)(void *arg, enum console_end end, int code);
    void (*freed)(void *arg);
};

struct viewer *mux_view(
    struct mux *m, const struct console_wish *wish, const struct mux_handler *handler, void *arg);
/* From now on carries a screen between QEMU and one who only looks (both owned), until either ends. */
void mux_screen(struct mux *m, int guest, int viewer);
/* Ends it; it is gone when `freed` is called. Calls that are on their way arrive before that. */
void mux_leave(struct viewer *v);
