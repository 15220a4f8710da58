/* The event loop of a process: descriptors, timers, and functions posted from other threads. All
 * callbacks run on the thread that calls loop_run; only loop_post and loop_stop may be called from
 * elsewhere. Nothing here blocks but epoll. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

struct loop;
struct loop_watch;
struct loop_timer;

typedef void loop_fd_fn(void *arg, uint32_t events);
typedef void loop_fn(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop *, loop_free)

/* Runs until loop_stop; returns what loop_stop was given. May be run again then. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code);

/* Watches fd (borrowed) for epoll events. The watch may be removed inside any callback. */
struct loop_watch *loop_watch_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg);
void loop_watch_set(struct loop_watch *watch, uint32_t events);
void loop_watch_free(struct loop_watch *watch);

/* Calls fn once after delay_ms; free it to cancel, free or re-arm it after it fired. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_disarm(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/* Thread-safe: fn(arg) runs on the loop's thread, in the order of posting. */
void loop_post(struct loop *loop, loop_fn *fn, void *arg);
/* Thread-safe: takes back one such call; false when it was not there or its turn has begun. */
bool loop_unpost(struct loop *loop, loop_fn *fn, void *arg);

/* fn(arg) runs on the loop's thread each time before the loop would sleep: a place to flush what
 * the callbacks of this turn have queued. */
void loop_on_idle(struct loop *loop, loop_fn *fn, void *arg);

/* Calls fn(arg) with the signal number in `events`; the signal is blocked in this thread, so call
 * it before others are started. */
struct loop_watch *loop_watch_signals(
    struct loop *loop, const int *signals, size_t n, loop_fd_fn *fn, void *arg);
