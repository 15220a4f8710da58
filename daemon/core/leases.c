#include "core/leases.h"

#include "base/log.h"
#include "core/views.h"

#define KEY_SIZE (UUID_LEN + 20)

struct reading {
    struct lease_book *book;
    const char *network;
};

static void key_of(const char *network, const char *mac, char out[static KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "%.36s %.17s", network, mac);
}

static void keep(void *arg, const struct net_lease *lease)
{
    const struct reading *reading = arg;
    struct known_lease *known = mem_new(struct known_lease, 1);
    char key[KEY_SIZE];
    key_of(reading->network, lease->mac, key);
    known->lease = *lease;
    known->next = map_set(&reading->book->known, key, known);
}

void lease_book_read(struct core *core, struct snapshot *s, struct lease_book *ret)
{
    struct snapshot_iter it;
    *ret = (struct lease_book){0};
    snapshot_iter_init(&it, s, KIND_NETWORK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct network_spec *spec = network_spec_of(d);
        const struct network_record *record = network_record_of(d);
        const struct net_ops *ops = spec ? core->drivers->networks[spec->kind] : NULL;
        if (!ops || !record || !ops->leases)
            continue;
        struct net_config config = {.uuid = d->uuid, .name = d->name, .bridge = record->bridge};
        struct reading reading = {ret, d->uuid};
        struct err e;
        if (ops->leases(core->net_drivers[spec->kind], &config, keep, &reading, &e) < 0)
            log_debug("cannot read the leases of network %s: %s", d->name, e.detail);
    }
}

const struct known_lease *lease_book_find(
    const struct lease_book *book, const char *network_uuid, const char *mac)
{
    char key[KEY_SIZE];
    key_of(network_uuid, mac, key);
    return map_get(&book->known, key);
}

void lease_book_clear(struct lease_book *book)
{
    MAP_FOREACH (&book->known, entry) {
        for (struct known_lease *known = entry->value, *next; known; known = next) {
            next = known->next;
            free(known);
        }
    }
    map_clear(&book->known);
}
