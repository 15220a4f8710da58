#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/clock.h"

struct loop_watch {
    struct loop *loop;
    int fd;
    int owned_fd; /* signalfd, else -1 */
    loop_fd_fn *fn;
    void *arg;
    bool dead;
    struct loop_watch *next_dead;
};

struct loop_timer {
    struct loop *loop;
    uint64_t due_ms;
    size_t at; /* index in the heap plus one; 0 when not armed */
    loop_fn *fn;
    void *arg;
};

struct posted {
    struct posted *next;
    loop_fn *fn;
    void *arg;
};

struct loop {
    int epoll_fd;
    int wake_fd;
    struct loop_watch *wake;
    struct loop_watch *dead; /* freed after the turn in which they were removed */
    struct loop_timer **heap;
    size_t n_heap, cap_heap;
    loop_fn *idle_fn[4];
    void *idle_arg[4];
    size_t n_idle;
    int code;

    pthread_mutex_t lock; /* guards posted, posted_tail, stopping */
    struct posted *posted;
    struct posted **posted_tail;
    bool stopping;
};

static void run_posted(void *arg, uint32_t events)
{
    struct loop *loop = arg;
    uint64_t count;
    (void)events;
    ssize_t n = read(loop->wake_fd, &count, sizeof(count));
    (void)n;
    pthread_mutex_lock(&loop->lock);
    struct posted *list = loop->posted;
    loop->posted = NULL;
    loop->posted_tail = &loop->posted;
    pthread_mutex_unlock(&loop->lock);
    for (struct posted *p = list, *next; p; p = next) {
        next = p->next;
        p->fn(p->arg);
        free(p);
    }
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_new(struct loop, 1);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0)
        abort(); /* out of descriptors at start: nothing can work */
    pthread_mutex_init(&loop->lock, NULL);
    loop->posted_tail = &loop->posted;
    loop->wake = loop_watch_fd(loop, loop->wake_fd, EPOLLIN, run_posted, loop);
    return loop;
}

static void free_dead(struct loop *loop)
{
    for (struct loop_watch *w = loop->dead, *next; w; w = next) {
        next = w->next_dead;
        free(w);
    }
    loop->dead = NULL;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_watch_free(loop->wake);
    free_dead(loop);
    for (struct posted *p = loop->posted, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    close(loop->epoll_fd);
    close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->heap);
    free(loop);
}

struct loop_watch *loop_watch_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg)
{
    struct loop_watch *w = mem_new(struct loop_watch, 1);
    *w = (struct loop_watch){.loop = loop, .fd = fd, .owned_fd = -1, .fn = fn, .arg = arg};
    struct epoll_event event = {.events = events, .data.ptr = w};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        abort(); /* a descriptor that cannot be watched is a programming error */
    return w;
}

void loop_watch_set(struct loop_watch *w, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};
    epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &event);
}

void loop_watch_free(struct loop_watch *w)
{
    if (!w || w->dead)
        return;
    epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    if (w->owned_fd >= 0)
        close(w->owned_fd);
    w->dead = true;
    w->next_dead = w->loop->dead;
    w->loop->dead = w;
}

/* Timers: a binary heap by due time. */

static void heap_put(struct loop *loop, size_t i, struct loop_timer *t)
{
    loop->heap[i] = t;
    t->at = i + 1;
}

static void heap_up(struct loop *loop, size_t i)
{
    struct loop_timer *t = loop->heap[i];
    for (; i && loop->heap[(i - 1) / 2]->due_ms > t->due_ms; i = (i - 1) / 2)
        heap_put(loop, i, loop->heap[(i - 1) / 2]);
    heap_put(loop, i, t);
}

static void heap_down(struct loop *loop, size_t i)
{
    struct loop_timer *t = loop->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < loop->n_heap && loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
            child++;
        if (child >= loop->n_heap || loop->heap[child]->due_ms >= t->due_ms)
            break;
        heap_put(loop, i, loop->heap[child]);
        i = child;
    }
    heap_put(loop, i, t);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
    struct loop_timer *t = mem_new(struct loop_timer, 1);
    *t = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
    return t;
}

void loop_timer_disarm(struct loop_timer *t)
{
    struct loop *loop = t->loop;
    if (!t->at)
        return;
    size_t i = t->at - 1;
    t->at = 0;
    struct loop_timer *last = loop->heap[--loop->n_heap];
    if (last == t)
        return;
    heap_put(loop, i, last);
    heap_up(loop, i);
    heap_down(loop, last->at - 1);
}

void loop_timer_arm(struct loop_timer *t, uint64_t delay_ms)
{
    struct loop *loop = t->loop;
    loop_timer_disarm(t);
    if (loop->n_heap == loop->cap_heap) {
        loop->cap_heap = loop->cap_heap ? loop->cap_heap * 2 : 16;
        loop->heap = mem_resize(loop->heap, loop->cap_heap, sizeof(*loop->heap));
    }
    t->due_ms = clock_monotonic_ms(&clock_system) + delay_ms;
    heap_put(loop, loop->n_heap++, t);
    heap_up(loop, t->at - 1);
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    loop_timer_disarm(t);
    free(t);
}

static void run_timers(struct loop *loop)
{
    if (!loop->n_heap)
        return;
    uint64_t now = clock_monotonic_ms(&clock_system);
    while (loop->n_heap && loop->heap[0]->due_ms <= now) {
        struct loop_timer *t = loop->heap[0];
        loop_timer_disarm(t);
        t->fn(t->arg);
    }
}

static int sleep_ms(struct loop *loop)
{
    if (!loop->n_heap)
        return -1;
    uint64_t now = clock_monotonic_ms(&clock_system), due = loop->heap[0]->due_ms;
    return due <= now ? 0 : (int)MIN_OF(due - now, (uint64_t)INT32_MAX);
}

static bool is_stopping(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool stopping = loop->stopping;
    pthread_mutex_unlock(&loop->lock);
    return stopping;
}

int loop_run(struct loop *loop)
{
    while (!is_stopping(loop)) {
        for (size_t i = 0; i < loop->n_idle; i++)
            loop->idle_fn[i](loop->idle_arg[i]);
        struct epoll_event events[64];
        int n = epoll_wait(loop->epoll_fd, events, ARRAY_SIZE(events), sleep_ms(loop));
        for (int i = 0; i < n; i++) {
            struct loop_watch *w = events[i].data.ptr;
            if (!w->dead)
                w->fn(w->arg, events[i].events);
        }
        run_timers(loop);
        free_dead(loop);
    }
    pthread_mutex_lock(&loop->lock);
    loop->stopping = false;
    pthread_mutex_unlock(&loop->lock);
    return loop->code;
}

static void wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));
    (void)n;
}

void loop_stop(struct loop *loop, int code)
{
    pthread_mutex_lock(&loop->lock);
    loop->stopping = true;
    loop->code = code;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

void loop_post(struct loop *loop, loop_fn *fn, void *arg)
{
    struct posted *p = mem_new(struct posted, 1);
    *p = (struct posted){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    bool first = loop->posted == NULL;
    *loop->posted_tail = p;
    loop->posted_tail = &p->next;
    pthread_mutex_unlock(&loop->lock);
    if (first)
        wake(loop);
}

bool loop_unpost(struct loop *loop, loop_fn *fn, void *arg)
{
    struct posted *found = NULL;
    pthread_mutex_lock(&loop->lock);
    for (struct posted **at = &loop->posted; *at; at = &(*at)->next) {
        if ((*at)->fn != fn || (*at)->arg != arg)
            continue;
        found = *at;
        *at = found->next;
        if (!found->next)
            loop->posted_tail = at;
        break;
    }
    pthread_mutex_unlock(&loop->lock);
    free(found);
    return found != NULL;
}

void loop_on_idle(struct loop *loop, loop_fn *fn, void *arg)
{
    if (loop->n_idle == ARRAY_SIZE(loop->idle_fn))
        abort();
    loop->idle_fn[loop->n_idle] = fn;
    loop->idle_arg[loop->n_idle++] = arg;
}

struct signal_watch {
    loop_fd_fn *fn;
    void *arg;
    int fd;
};

static void on_signal(void *arg, uint32_t events)
{
    struct signal_watch *s = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        s->fn(s->arg, info.ssi_signo);
}

struct loop_watch *loop_watch_signals(
    struct loop *loop, const int *signals, size_t n, loop_fd_fn *fn, void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < n; i++)
        sigaddset(&set, signals[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    static struct signal_watch the_signals; /* a process has one set of signals */
    the_signals =
        (struct signal_watch){.fn = fn, .arg = arg, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (the_signals.fd < 0)
        abort();
    struct loop_watch *w = loop_watch_fd(loop, the_signals.fd, EPOLLIN, on_signal, &the_signals);
    w->owned_fd = the_signals.fd;
    return w;
}
