/* What core knows of running guests: a driver for virtual machines and one for containers. Calls
 * block and run in workers, for different guests at once, never two for the same guest at once.
 * Repeating a call that was already carried out succeeds. The driver keeps no configuration of its
 * own: each start gets all of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "storage/storage_ops.h"

enum guest_type { GUEST_VM, GUEST_CONTAINER };

/* What is really there, as the driver sees it. */
enum guest_state {
    GUEST_STOPPED,
    GUEST_RUNNING,
    GUEST_PAUSED,  /* by the user */
    GUEST_BLOCKED, /* stopped by an I/O error: a full pool */
    GUEST_CRASHED, /* the guest's kernel or QEMU died; nothing runs any more */
    GUEST_UNKNOWN, /* the driver cannot be reached */
};
const char *guest_state_name(enum guest_state state);

/* Why the state is what it is, as far as the driver can tell. */
enum guest_cause {
    CAUSE_NONE,
    CAUSE_GUEST, /* powered off or rebooted from inside */
    CAUSE_STARTED,
    CAUSE_STOPPED, /* killed on request */
    CAUSE_FAILED,  /* QEMU, monitor or init ended unexpectedly */
    CAUSE_IO_ERROR,
};

struct guest_disk {
    struct attachment at;
    const char *serial; /* seen in the guest; at most 20 characters */
    bool read_only;
    bool cdrom;
    unsigned boot_order; /* 0: not booted from */
    unsigned slot;       /* stable position on the guest's bus, from the hardware record */
};

struct guest_nic {
    const char *bridge; /* of the network; exists already */
    const char *mac;
    const char *ifname; /* host side, at most 15 characters, chosen by core; NULL: the driver's choice */
    unsigned mtu;       /* 0: the bridge's */
    unsigned slot;
    bool link_down;
};

struct guest_config {
    const char *uuid;
    const char *name; /* for people: process titles, host name */
    enum guest_type type;
    unsigned vcpus; /* container: cores' worth of time; 0: no limit */
    uint64_t memory_bytes;
    const struct guest_disk *disks; /* container: the first is its root */
    size_t n_disks;
    const struct guest_nic *nics;
    size_t n_nics;
    const char *serial_log; /* absolute path of the console's log; its directory exists */
    /* virtual machines */
    bool kvm;            /* false: software emulation */
    const char *machine; /* versioned machine type from the hardware record; NULL: the newest, see started */
    const char *runtime_dir; /* for sockets; exists; short enough for a socket path */
    /* containers */
    unsigned id_base; /* uid 0 inside is this outside */
    unsigned id_count;
    const char *const *init; /* argument vector, NULL: /sbin/init */
};

struct guest_started {
    char machine[64]; /* what the machine type resolved to; for the hardware record */
    pid_t pid;        /* QEMU, or the container's init; 0 when unknown */
};

/* Counters since the guest started, from one bulk poll. */
#define GUEST_ADDRESSES_MAX 8
struct guest_addresses {
    char items[GUEST_ADDRESSES_MAX][46]; /* INET6_ADDRSTRLEN */
    size_t n;
};

/* Each once, as far as there is room. */
static inline void guest_addresses_add(struct guest_addresses *list, const char *address)
{
    for (size_t i = 0; i < list->n; i++)
        if (streq(list->items[i], address))
            return;
    if (list->n < GUEST_ADDRESSES_MAX)
        snprintf(list->items[list->n++], sizeof(list->items[0]), "%s", address);
}

struct guest_sample {
    char uuid[UUID_LEN + 1];
    enum guest_state state;
    enum guest_cause cause;
    uint64_t cpu_time_ns;
    uint64_t memory_used_bytes; /* resident or charged to the guest */
    uint64_t memory_max_bytes;
    uint64_t disk_read_bytes, disk_write_bytes, disk_read_ops, disk_write_ops;
    uint64_t net_rx_bytes, net_tx_bytes; /* as the guest counts: rx is what it received */
    struct guest_addresses addresses;    /* that it has by itself; none where that is not known */
};

struct guest_event {
    char uuid[UUID_LEN + 1];
    enum guest_state state;
    enum guest_cause cause;
    char detail[160]; /* for people, may be empty */
};

/* Called on any thread. An event without uuid: the driver was lost (GUEST_UNKNOWN) or is back
 * (GUEST_RUNNING): poll everything. */
typedef void guest_event_fn(void *arg, const struct guest_event *event);
typedef void guest_sample_fn(void *arg, const struct guest_sample *sample);

/* What somebody wants to look at or type into; the order is that of the enumeration in fields.def. */
enum console_kind { CONSOLE_VNC, CONSOLE_SERIAL, CONSOLE_SHELL, CONSOLE_LOG };

struct console_target {
    const char *uuid;
    const char *runtime_dir;    /* as its start had it */
    unsigned columns, rows;     /* of the first one who looks */
    const char *const *command; /* shell: argument vector; NULL: a login shell */
};

/* What is behind a console; all descriptors are owned by whoever gets them. */
struct console_source {
    int fd;      /* a stream socket (a VM's) or the master side of a terminal (a container's) */
    int hold_fd; /* kept open as long as fd; -1: none */
    int pidfd;   /* of a child that ends as the shell does, with its code: to be reaped; -1: none */
};

struct guest_driver_options {
    const char *state_dir;  /* LODGE_STATE */
    const char *instance;   /* tells two Lodges on one host apart: cgroup and link names */
    const char *helper_dir; /* where lodge-ct is */
    guest_event_fn *event;
    void *event_arg;
};

struct guest_ops {
    const char *name; /* "libvirt", "lxc", "fake" */
    enum guest_type type;
    /* Opens even when what it drives is away: it connects in the background and says so by an event. */
    int (*open)(const struct guest_driver_options *options, void **ret_driver, struct err *e);
    void (*close)(void *driver); /* never touches a guest */
    /* Returns when the guest runs (its CPU or init does; not when its system is up). On an error
     * nothing of it is left running. */
    int (*start)(void *driver, const struct guest_config *config, struct guest_started *ret, struct err *e);
    int (*shutdown)(void *driver, const char *uuid, struct err *e); /* asks; the guest may refuse */
    int (*stop)(void *driver, const char *uuid, struct err *e);     /* returns when it is dead */
    int (*reboot)(void *driver, const char *uuid, struct err *e);   /* asks */
    int (*reset)(void *driver, const char *uuid, struct err *e);    /* VM only */
    int (*pause)(void *driver, const char *uuid, struct err *e);
    int (*resume)(void *driver, const char *uuid, struct err *e);
    /* Removes what the driver left for a stopped guest: domain definition, cgroup, folders. */
    int (*forget)(void *driver, const char *uuid, struct err *e);
    /* The guest is deleted: what forget keeps for people to read (logs) goes too. NULL: there is nothing. */
    int (*erase)(void *driver, const char *uuid, struct err *e);
    /* One bulk call for all guests of this driver; a stopped one may be missing. */
    int (*poll)(void *driver, guest_sample_fn *fn, void *arg, struct err *e);
    unsigned consoles; /* bit 1 << kind: those that console_open can open (the log is core's) */
    /* Connects to a console of a guest that runs; at most 10 s. More than one at once for the same guest is
     * possible, but only one CONSOLE_SERIAL. Closing what it gave never ends a guest; a shell gets SIGHUP. */
    int (*console_open)(void *driver, enum console_kind kind, const struct console_target *target,
        struct console_source *ret, struct err *e);
};

extern const struct guest_ops guest_libvirt;
extern const struct guest_ops guest_lxc;

/* Whether a guest really runs under KVM here: /dev/kvm may open and still run none. Boots a small
 * kernel once (blocking, up to 2 minutes) and remembers the answer for this boot and this QEMU in
 * state_dir. */
bool vm_kvm_works(const char *state_dir, char *ret_reason, size_t reason_size);
