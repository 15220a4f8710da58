#include "core/console_mux.h"

#include <signal.h>

#include "core/console_hub.h"

char **console_command_copy(const char *const *command)
{
    size_t n = 0;
    while (command && command[n])
        n++;
    if (!n)
        return NULL;
    char **copy = mem_new(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(command[i]);
    return copy;
}

void console_command_free(char **command)
{
    for (size_t i = 0; command && command[i]; i++)
        free(command[i]);
    free(command);
}

static void viewer_free(struct viewer *v)
{
    console_command_free(v->command);
    free(v);
}

/* ---- telling the core's loop ---- */

static void deliver(struct note *n)
{
    struct viewer *v = n->viewer;
    switch (n->what) {
    case NOTE_OPENED: v->handler.opened(v->arg, n->fd, n->writer); break;
    case NOTE_FAILED: v->handler.failed(v->arg, &n->err); break;
    case NOTE_ENDED: v->handler.ended(v->arg, n->end, n->code); break;
    case NOTE_FREED:
        v->handler.freed(v->arg);
        viewer_free(v);
        break;
    }
    free(n);
}

static void deliver_all(void *arg)
{
    struct mux *m = arg;
    pthread_mutex_lock(&m->lock);
    struct note *list = m->notes;
    m->notes = NULL;
    m->last = &m->notes;
    pthread_mutex_unlock(&m->lock);
    for (struct note *n = list, *next; n; n = next) {
        next = n->next;
        deliver(n);
    }
}

void mux_tell(struct viewer *v, const struct note *note)
{
    struct mux *m = v->mux;
    struct note *n = mem_dup(note, sizeof(*note));
    n->viewer = v;
    pthread_mutex_lock(&m->lock);
    bool first = !m->notes;
    *m->last = n;
    m->last = &n->next;
    pthread_mutex_unlock(&m->lock);
    if (first)
        loop_post(m->core->loop, deliver_all, m);
}

static void view(void *arg)
{
    struct viewer *v = arg;
    struct mux *m = v->mux;
    struct hub *h = hub_find(m, v);
    viewer_join(h ? h : hub_new(m, v), v);
    if (h && h->open)
        viewer_begin(v);
}

static void leave(void *arg)
{
    struct viewer *v = arg;
    struct hub *h = v->hub;
    if (h) {
        viewer_drop(v);
        hub_check_empty(h);
    }
    mux_tell(v, &(struct note){.what = NOTE_FREED});
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct mux *m = arg;
    loop_run(m->loop);
    return NULL;
}

void mux_start(struct mux *m)
{
    sigset_t all, old;
    if (m->started)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&m->thread, NULL, run, m) != 0)
        abort(); /* out of threads: nothing else would work either */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    m->started = true;
}

struct mux *mux_new(struct core *core)
{
    struct mux *m = mem_new(struct mux, 1);
    m->core = core;
    m->loop = loop_new();
    m->last = &m->notes;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

static void finish(void *arg)
{
    struct mux *m = arg;
    while (m->hubs) {
        struct hub *h = m->hubs;
        while (h->viewers)
            viewer_drop(h->viewers);
        hub_free(h);
    }
    while (m->screens)
        screen_free(m->screens);
    while (m->leftovers) {
        struct leftover *l = m->leftovers;
        m->leftovers = l->next;
        loop_watch_free(l->watch);
        close(l->pidfd);
        free(l);
    }
    loop_stop(m->loop, 0);
}

void mux_free(struct mux *m)
{
    if (!m)
        return;
    if (m->started) {
        loop_post(m->loop, finish, m);
        pthread_join(m->thread, NULL);
        deliver_all(m); /* the core's loop runs no more */
    }
    pthread_mutex_destroy(&m->lock);
    loop_free(m->loop);
    free(m);
}

struct viewer *mux_view(
    struct mux *m, const struct console_wish *wish, const struct mux_handler *handler, void *arg)
{
    struct viewer *v = mem_new(struct viewer, 1);
    *v = (struct viewer){.mux = m,
        .handler = *handler,
        .arg = arg,
        .fd = -1,
        .type = wish->type,
        .kind = wish->kind,
        .columns = wish->columns,
        .rows = wish->rows,
        .command = console_command_copy(wish->command)};
    v->seat.may_write = !wish->read_only && wish->kind != CONSOLE_LOG;
    snprintf(v->uuid, sizeof(v->uuid), "%s", wish->uuid);
    snprintf(v->who, sizeof(v->who), "%s", wish->who);
    mux_start(m);
    loop_post(m->loop, view, v);
    return v;
}

void mux_leave(struct viewer *v)
{
    loop_post(v->mux->loop, leave, v);
}
