/* Inside of the LXC driver: what its files share. */
#pragma once

#include <pthread.h>

#include "base/map.h"
#include "guest/ct_cgroup.h"
#include "helpers/ct_files.h"

struct ct_guest {
    char uuid[UUID_LEN + 1];
    uint64_t id; /* in epoll: what an event means once the guest is gone is nobody */
    enum guest_state state;
    enum guest_cause cause;
    bool stop_asked;
    struct ct_process monitor, init;
    int monitor_fd, init_fd; /* pidfds; -1 */
    uint64_t init_gone_ms;   /* since when its init is gone while the monitor lives: it reboots, or ends */
    struct ct_cgroup cgroup;
    char *ifnames; /* host sides of its NICs: " name name " */
};

struct ct_driver {
    char *state_dir, *path, *instance, *helper_dir; /* path: LODGE_STATE/run/lxc */
    guest_event_fn *event;
    void *event_arg;
    struct ct_mounts *mounts;
    pthread_mutex_t lock; /* guards guests, next_id and closing */
    struct map guests;    /* uuid → struct ct_guest */
    uint64_t next_id;
    bool closing;
    pthread_t watcher;
    int epoll, wake; /* wake: an eventfd that ends the watcher */
};

/* ct_watch.c: the thread that sees inits and monitors end. */
int ct_watch_start(struct ct_driver *driver, struct err *e);
void ct_watch_stop(struct ct_driver *driver);
/* With the lock: takes up a container whose monitor runs; false when it does not (any more). */
bool ct_watch_adopt(struct ct_driver *driver, const char *uuid);
/* With the lock: how a container ended whose monitor is gone: state, cause and detail of the event. */
void ct_judge_end(const struct ct_driver *driver, const struct ct_guest *guest, struct guest_event *event);
/* With the lock. */
struct ct_guest *ct_guest_get(struct ct_driver *driver, const char *uuid);
void ct_guest_free(struct ct_guest *guest);
/* The open folder of a container, -1 when it has none. */
int ct_guest_dir(const struct ct_driver *driver, const char *uuid);
bool ct_guest_alive(const struct ct_guest *guest);
/* ct_console.c */
int ct_console_open(void *arg, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e);
/* With the lock held: in the order in which it happened. */
void ct_tell(const struct ct_driver *driver, const struct guest_event *event);
