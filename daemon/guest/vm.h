/* Inside of the libvirt driver: what its files share. */
#pragma once

#include <libvirt/libvirt.h>
#include <pthread.h>

#include "base/map.h"
#include "guest/guest_ops.h"

#define VM_CALLBACKS 3

struct vm_driver {
    char *state_dir, *instance;
    guest_event_fn *event;
    void *event_arg;
    pthread_mutex_t lock;        /* guards all below */
    pthread_cond_t changed;      /* conn was lost, the keeper waits, or closing */
    virConnectPtr conn;          /* NULL while libvirtd is away */
    int callbacks[VM_CALLBACKS]; /* of conn */
    char reason[256];            /* why it is */
    struct map ours;             /* uuid → OURS or FOREIGN: which domains carry our mark */
    struct map starting;         /* uuids whose failure is the caller's to tell */
    char *machines[2];           /* the newest machine type: emulated, KVM; NULL until asked */
    uint64_t waiting_since_ms;   /* monotonic; the keeper waits for libvirtd; 0: it does not */
    bool given_up;               /* waiting_since_ms was too long ago */
    bool closing, closed, lost_told;
    pthread_t keeper, watchdog;
};

/* vm_connect.c: the connection, kept by a thread. */
int vm_connect_start(struct vm_driver *driver, struct err *e);
void vm_connect_stop(struct vm_driver *driver);
/* A reference to the connection, or ERR_UNAVAILABLE with a hint. */
int vm_connect_get(struct vm_driver *driver, virConnectPtr *ret, struct err *e);
/* Fills *e from libvirt's last error in this thread; returns -1. */
int vm_error(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);
bool vm_is_ours(struct vm_driver *driver, virDomainPtr domain);
void vm_set_ours(struct vm_driver *driver, const char *uuid, bool ours);
bool vm_is_starting(struct vm_driver *driver, const char *uuid);

/* vm_event.c: from libvirt's words to ours. */
void vm_event_register(struct vm_driver *driver, virConnectPtr conn, int ids[static VM_CALLBACKS]);
/* Pure: false for what says nothing about the state. */
bool vm_event_map(int event, int detail, struct guest_event *ret);
/* Pure: a domain's state and reason. */
void vm_state_map(int state, int reason, enum guest_state *ret_state, enum guest_cause *ret_cause);

static inline void virDomainFree_p(virDomainPtr *domain)
{
    if (*domain)
        virDomainFree(*domain);
}

static inline void virConnectClose_p(virConnectPtr *conn)
{
    if (*conn)
        virConnectClose(*conn);
}
