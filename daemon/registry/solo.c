/* The replica of a single host: what is proposed is committed at once, in the order of proposing.
 * There is no log here: the registry's own group commit makes an entry durable. */
#include "registry/replica_ops.h"

#include <pthread.h>

#include "base/mem.h"

struct solo {
    struct replica_events events;
    pthread_mutex_t lock; /* guards position, and keeps the calls of `committed` in its order */
    struct position position;
};

static int solo_open(
    const struct replica_events *events, struct position applied, void **ret_replica, struct err *e)
{
    (void)e;
    struct solo *solo = mem_new(struct solo, 1);
    solo->events = *events;
    solo->position = applied;
    pthread_mutex_init(&solo->lock, NULL);
    *ret_replica = solo;
    return 0;
}

static void solo_close(void *replica)
{
    struct solo *solo = replica;
    pthread_mutex_destroy(&solo->lock);
    free(solo);
}

static int solo_propose(void *replica, struct entry *entry, struct err *e)
{
    struct solo *solo = replica;
    (void)e;
    pthread_mutex_lock(&solo->lock);
    solo->position.index++;
    solo->events.committed(solo->events.arg, solo->position, &entry, 1);
    pthread_mutex_unlock(&solo->lock);
    return 0;
}

static struct position solo_position(void *replica)
{
    struct solo *solo = replica;
    pthread_mutex_lock(&solo->lock);
    struct position position = solo->position;
    pthread_mutex_unlock(&solo->lock);
    return position;
}

const struct replica_ops replica_solo = {
    .name = "solo",
    .open = solo_open,
    .close = solo_close,
    .propose = solo_propose,
    .position = solo_position,
};
