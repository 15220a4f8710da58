/* What operations mean: guests, volumes, networks, images, nodes. Core sees drivers only through
 * their ops tables, decides on the loop's thread from snapshots, and acts in tasks on workers. */
#pragma once

#include <stdatomic.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/workers.h"
#include "guest/guest_ops.h"
#include "network/net_ops.h"
#include "registry/registry.h"
#include "schema/specs.h"
#include "storage/storage_ops.h"

/* Which drivers this daemon has: wired in main.c, all const. */
struct core_drivers {
    const struct guest_ops *guests[2];        /* by enum guest_type */
    const struct storage_ops *const *storage; /* by pool kind, in the order of the enumeration */
    size_t n_storage;
    const struct net_ops *const *networks; /* by network kind */
    size_t n_networks;
    const struct guard_ops *guard;
    bool (*kvm_works)(const char *state_dir, char *ret_reason, size_t reason_size);
    int (*free_subnet)(char *ret_cidr, size_t size, struct err *e); /* a /24 that the host routes nowhere */
    /* Whether the file is what `format` (enum image_kind) says and safe to use: fills virtual_size. */
    int (*image_probe)(const char *helper_dir, int fd, int format, uint64_t *ret_virtual_size,
        const _Atomic bool *cancel, struct err *e);
    /* Downloads into fd. */
    int (*image_fetch)(const char *helper_dir, const char *url, int fd,
        bool (*progress)(void *arg, unsigned percent), void *progress_arg, const _Atomic bool *cancel,
        struct err *e);
};

struct core_options {
    struct loop *loop;
    struct registry *registry;
    const struct clock *clock;
    const struct core_drivers *drivers;
    const char *state_dir;
    const char *helper_dir;
    const char *instance;
    const char *node_name;
    const char *boot_id; /* changes when the host (or the sandbox of `make run`) was booted */
};

struct tasks;
struct inventory;
struct pools;
struct uploads;
struct network_keeper;
struct mux;
struct guest_guard;
struct id_ranges;
struct secret_key;

enum kvm_state { KVM_UNKNOWN, KVM_NO, KVM_YES };

struct core {
    struct loop *loop;
    struct registry *registry;
    const struct clock *clock;
    const struct core_drivers *drivers;
    struct workers *task_workers;    /* tasks: may wait for minutes */
    struct workers *io_workers;      /* short jobs: polls, lease files */
    struct workers *console_workers; /* opening consoles: a container may let that hang for a while */
    char *state_dir;
    char *helper_dir;
    char *instance;
    char *node_name;
    char *boot_id;
    char node_uuid[UUID_LEN + 1];
    unsigned host_cpus;
    uint64_t host_memory_bytes;
    void *guest_drivers[2];
    void *net_drivers[3];
    void *guard_driver;
    struct pools *pools;
    struct uploads *uploads;
    struct tasks *tasks;
    struct inventory *inventory;
    struct network_keeper *network_keeper;
    struct mux *mux; /* of consoles */
    struct guest_guard *guest_guard;
    struct id_ranges *id_ranges;
    struct secret_key *secret_key;
    _Atomic int kvm; /* enum kvm_state; KVM_UNKNOWN until it was tried */
    char kvm_reason[160];
    struct loop_timer *minute_timer;
    struct registry_watch *watch;
    _Atomic bool closing; /* tasks stop where they are; the next start goes on with them */
};

/* Opens drivers; none of them waits for what it drives. Then bootstrap() on a worker, then core_start. */
int core_open(const struct core_options *options, struct core **ret, struct err *e);
/* Takes up unfinished tasks and begins to watch guests. Loop thread. */
void core_start(struct core *core);
void core_close(struct core *core);

/* Where a driver puts an event; any thread. */
void core_guest_event(void *arg, const struct guest_event *event);

/* The views that registry documents get: set before the registry is opened. */
void core_set_views(void);
