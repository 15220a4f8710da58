/* Live state: what runs, what it uses, which addresses it has. Fed by driver events and one bulk poll
 * per node; read from memory at no cost. Thread-safe; `changed` calls come on the loop's thread. */
#pragma once

#include "base/mdstat.h"
#include "core/core.h"

#define POLL_INTERVAL_MS 5000

struct live {
    enum guest_state state;
    enum guest_cause cause;
    char detail[160];
    uint64_t since_ms;   /* unix time of the last change of state */
    uint64_t changed_ms; /* the same, monotonic: a poll that began earlier does not know better */
    uint64_t changes;    /* of the state */
    struct guest_sample sample;
    uint64_t sampled_ms; /* monotonic; 0: no figures yet */
    /* per second, from the last two samples; cpu in cores */
    double cpu, disk_read, disk_write, disk_read_ops, disk_write_ops, net_rx, net_tx;
    struct guest_addresses leased;    /* by the networks of this host */
    struct guest_addresses addresses; /* these, and then those that the guest has besides */
};

struct host_live {
    double cpu; /* share of all CPUs, 0 to 1 */
    double load[3];
    uint64_t memory_used_bytes, memory_total_bytes;
    uint64_t net_rx, net_tx, disk_read, disk_write; /* bytes per second */
    uint64_t uptime_s;
    enum mirror mirror; /* of its disks */
};

struct inventory *inventory_new(struct core *core);
/* Polls the host and each driver at once, in workers, and then every POLL_INTERVAL_MS. */
void inventory_start(struct inventory *inv);
void inventory_free(struct inventory *inv);

/* Sets a guest's state as somebody who knows it; wakes waiters. Any thread. */
void inventory_set(struct inventory *inv, const char *uuid, enum guest_state state, enum guest_cause cause,
    const char *detail);
/* What has come of an action, for which `changes` was asked before it: nothing when somebody has told of
 * another state since then, as of a guest that ended while it was being started. */
uint64_t inventory_changes(struct inventory *inv, const char *uuid);
void inventory_set_since(struct inventory *inv, const char *uuid, uint64_t changes, enum guest_state state,
    enum guest_cause cause);
void inventory_forget(struct inventory *inv, const char *uuid);
/* Polls all drivers soon, because an event says that much changed. */
void inventory_refresh(struct inventory *inv);
/* Reads leases again soon. */
void inventory_refresh_leases(struct inventory *inv);

/* A copy; a guest that nobody saw is GUEST_STOPPED. */
void inventory_get(struct inventory *inv, const char *uuid, struct live *ret);
enum guest_state inventory_state(struct inventory *inv, const char *uuid);
void inventory_host(struct inventory *inv, struct host_live *ret);
/* False until the driver of guests of this type was polled once: before that, stopped means unknown. */
bool inventory_knows(struct inventory *inv, int type);
/* The same of every driver. */
bool inventory_complete(struct inventory *inv);

/* Worker threads: waits until the guest is in `state`; one that crashed counts as stopped. ERR_TIMEOUT,
 * ERR_CANCELLED. */
int inventory_wait(struct inventory *inv, const char *uuid, enum guest_state state, uint64_t timeout_ms,
    const _Atomic bool *cancel, struct err *e);

/* Grows with each change of anything that a status shows. */
uint64_t inventory_generation(struct inventory *inv);

/* Loop thread: fn is called for each guest whose state changed or whose figures are new, and with
 * uuid NULL when the host's figures are. */
typedef void inventory_fn(void *arg, const char *uuid, bool state_changed);
void inventory_watch(struct inventory *inv, inventory_fn *fn, void *arg);
