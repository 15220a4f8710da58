/* Inside of the multiplexer: what its files share. All of it belongs to the multiplexer's thread, but where
 * it says otherwise. */
#pragma once

#include <pthread.h>

#include "core/console_mux.h"
#include "core/console_ring.h"

/* Everything that shows the same: a VM's serial port, one shell, … */
struct hub {
    struct mux *mux;
    struct hub *next, **at;
    char uuid[UUID_LEN + 1];
    enum guest_type type;
    enum console_kind kind;
    char **command; /* NULL-terminated; NULL: none was given */
    unsigned columns, rows;
    bool open, ended;
    enum console_end end;
    int code;
    struct console_source source;
    struct loop_watch *watch, *pid_watch;
    struct loop_timer *timer; /* looks at a log; or ends the wait for viewers once it has ended */
    uint64_t log_at;
    uint8_t in[CONSOLE_DATA_MAX]; /* typed and not taken by the guest yet: nobody is read meanwhile */
    size_t in_len, in_done;
    struct console_seats seats;
    struct viewer *viewers;
    struct console_ring ring;
};

struct viewer {
    struct console_seat seat;
    struct mux *mux;
    struct hub *hub; /* NULL once it has left */
    struct viewer *next, **at;
    struct mux_handler handler;
    void *arg;
    int fd;
    struct loop_watch *watch;
    uint64_t position;
    uint64_t lost;  /* bytes that it was not told of yet */
    bool tell_mode; /* likewise */
    bool full;      /* its socket takes no more for now */
    char who[128];
    /* What it was opened with. */
    char uuid[UUID_LEN + 1];
    enum guest_type type;
    enum console_kind kind;
    unsigned columns, rows;
    char **command;
};

/* A helper that was told to end. */
struct leftover {
    struct mux *mux;
    int pidfd;
    struct loop_watch *watch;
    struct leftover *next, **at;
};

struct screen;

struct mux {
    struct core *core;
    struct loop *loop;
    pthread_t thread;
    bool started; /* core's loop only */
    struct hub *hubs;
    struct leftover *leftovers;
    struct screen *screens;
    uint8_t block[CONSOLE_PACKET_MAX + 1];
    pthread_mutex_t lock; /* guards notes and last */
    struct note *notes, **last;
};

/* What the core's loop is told. */
struct note {
    struct note *next;
    struct viewer *viewer;
    enum { NOTE_OPENED, NOTE_FAILED, NOTE_ENDED, NOTE_FREED } what;
    int fd;
    bool writer;
    enum console_end end;
    int code;
    struct err err;
};

/* ---- console_screen.c ---- */
void screen_free(struct screen *s);

/* ---- console_mux.c ---- */
void mux_start(struct mux *m); /* core's loop; once is enough */
void mux_tell(struct viewer *v, const struct note *note);
char **console_command_copy(const char *const *command); /* NULL when there is none; owned */
void console_command_free(char **command);

/* ---- console_hub.c ---- */
/* What is open already, or about to be, for others to join; NULL: nothing. */
struct hub *hub_find(const struct mux *m, const struct viewer *v);
/* For this first viewer, which joins it afterwards: is opened by a worker. */
struct hub *hub_new(struct mux *m, struct viewer *v);
void hub_free(struct hub *h);
/* Nobody looks any more: a shell ends by the end of its terminal, everything else goes on in its log. May
 * free it. */
void hub_check_empty(struct hub *h);
/* Gives what waits in h->in to the guest; true when it has taken all of it. */
bool hub_write(struct hub *h);
/* After h->in has become full or empty. */
void hub_watch_source(struct hub *h);
/* The terminal gets the size of this viewer's window. */
void hub_apply_size(const struct hub *h, const struct viewer *v);

/* ---- console_viewer.c ---- */
void viewer_join(struct hub *h, struct viewer *v);
/* The hub is open: makes the viewer's socket, and shows what was there. */
void viewer_begin(struct viewer *v);
/* Leaves the hub, whose next writer is told. Whoever has the other end reads what is in it, and then the end.
 */
void viewer_drop(struct viewer *v);
/* The same, and tells why the hub has ended. */
void viewer_finish(struct viewer *v);
/* As much as its socket takes; one that was left behind goes on with the newest. True when it has all. */
bool viewer_feed(struct viewer *v);
void viewer_set_watch(struct viewer *v);
/* All viewers that take something now. */
void hub_feed(struct hub *h);
