#include "gate/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct addresses {
    unsigned limit;
    pthread_mutex_t lock; /* guards counts */
    struct map counts;    /* key → how many, as (void *)(uintptr_t) */
};

struct addresses *addresses_new(unsigned limit)
{
    struct addresses *a = mem_new(struct addresses, 1);
    a->limit = limit;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void addresses_free(struct addresses *a)
{
    if (!a)
        return;
    map_clear(&a->counts);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* An IPv4 client of a socket for both families comes as ::ffff:192.0.2.1, and is one of its own. */
static void address_key(const struct sockaddr *from, char out[static ADDRESS_KEY_MAX])
{
    out[0] = '\0'; /* what is neither shares one count */
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        inet_ntop(AF_INET, &in->sin_addr, out, ADDRESS_KEY_MAX);
    } else if (from->sa_family == AF_INET6) {
        struct in6_addr address = ((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&address)) {
            inet_ntop(AF_INET, &address.s6_addr[12], out, ADDRESS_KEY_MAX);
            return;
        }
        memset(&address.s6_addr[8], 0, 8);
        inet_ntop(AF_INET6, &address, out, ADDRESS_KEY_MAX);
    }
}

bool addresses_enter(struct addresses *a, const struct sockaddr *from, char ret_key[static ADDRESS_KEY_MAX])
{
    char key[ADDRESS_KEY_MAX];
    address_key(from, key);
    pthread_mutex_lock(&a->lock);
    uintptr_t count = (uintptr_t)map_get(&a->counts, key);
    bool room = count < a->limit;
    if (room)
        map_set(&a->counts, key, (void *)(count + 1));
    pthread_mutex_unlock(&a->lock);
    if (room)
        memcpy(ret_key, key, sizeof(key));
    return room;
}

void addresses_leave(struct addresses *a, const char *key)
{
    pthread_mutex_lock(&a->lock);
    uintptr_t count = (uintptr_t)map_get(&a->counts, key);
    if (count > 1)
        map_set(&a->counts, key, (void *)(count - 1));
    else
        map_remove(&a->counts, key);
    pthread_mutex_unlock(&a->lock);
}
