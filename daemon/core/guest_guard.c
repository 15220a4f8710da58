#include "core/guest_guard.h"

#include <pthread.h>

#include "base/log.h"
#include "core/views.h"

#define CARDS_MAX     8  /* as many as guest_spec.nics takes */
#define ADDRESSES_ALL 32 /* those of its spec (guest_nic_spec.addresses), and leases */
#define PREFIX_SIZE   16
#define SLOTS         10 /* that a link's name can tell */

/* What is in the kernel is the driver's to remember; the first call of a process and the one after a failure
 * make it anew from what is plugged in. */
struct guest_guard {
    pthread_mutex_t lock; /* guards `right`, and that calls of the driver come one at a time */
    bool right;           /* the rules are those that we made */
};

struct cards {
    struct net_guard list[CARDS_MAX];
    char links[CARDS_MAX][16];
    const char *addresses[CARDS_MAX][ADDRESSES_ALL];
    char barred[CARDS_MAX][46];
    size_t n;
};

void guest_link_name(const char *uuid, int64_t slot, char out[static 16])
{
    snprintf(out, 16, "lg%.8s.%u", uuid, (unsigned)slot % SLOTS);
}

static void prefix_of(const char *uuid, char out[static PREFIX_SIZE])
{
    snprintf(out, PREFIX_SIZE, "lg%.8s.", uuid);
}

static const struct nic_record *nic_named(const struct guest_record *r, const char *name)
{
    for (size_t i = 0; i < r->n_nics; i++)
        if (streq(r->nics[i].name, name))
            return &r->nics[i];
    return NULL;
}

static bool slot_is_known(const struct guest_record *r, int64_t slot)
{
    for (size_t i = 0; i < r->n_nics; i++)
        if (r->nics[i].slot % SLOTS == slot)
            return true;
    return false;
}

/* A card that has left the spec of a running guest has left its record, too, but is still plugged in: it is
 * taken to be the next link of the guest that is nobody else's. */
static int64_t slot_of_removed(
    const struct core *core, const char *uuid, const struct guest_record *r, int64_t *from)
{
    char link[16];
    for (int64_t slot = *from; slot < SLOTS; slot++) {
        guest_link_name(uuid, slot, link);
        *from = slot + 1;
        if (!slot_is_known(r, slot) && core->drivers->guard->link_exists(core->guard_driver, link))
            return slot;
    }
    return -1;
}

static void allow(struct net_guard *card, const char **addresses, const char *address)
{
    if (card->n_addresses < ADDRESSES_ALL && (!card->barred || !streq(address, card->barred)))
        addresses[card->n_addresses++] = address;
}

static void add_card(struct cards *cards, const char *link, const char *mac, const struct guest_nic_spec *nic,
    const struct doc *network, const struct lease_book *book)
{
    size_t i = cards->n++;
    struct net_guard *card = &cards->list[i];
    const struct network_record *r = network_record_of(network);
    snprintf(cards->links[i], sizeof(cards->links[i]), "%s", link);
    *card = (struct net_guard){.link = cards->links[i], .mac = mac, .addresses = cards->addresses[i]};
    if (r && r->address) {
        snprintf(
            cards->barred[i], sizeof(cards->barred[i]), "%.*s", (int)strcspn(r->address, "/"), r->address);
        card->barred = cards->barred[i];
    }
    card->held = r && r->dhcp_from;
    if (!card->held)
        return;
    for (size_t k = 0; k < nic->n_addresses; k++)
        allow(card, cards->addresses[i], nic->addresses[k]);
    for (const struct known_lease *l = lease_book_find(book, network->uuid, mac); l; l = l->next)
        allow(card, cards->addresses[i], l->lease.address);
}

/* `plugged`: as it was started, and only the cards that are there; else as it is about to be started. */
static void cards_of(const struct core *core, struct snapshot *s, const struct doc *guest,
    const struct lease_book *book, bool plugged, struct cards *ret)
{
    const struct guest_record *r = guest_record_of(guest);
    const struct guest_spec *spec = guest_spec_of(guest);
    int64_t from = 0;
    ret->n = 0;
    if (!r || !spec)
        return;
    if (plugged && r->launched)
        spec = r->launched;
    for (size_t i = 0; i < spec->n_nics && ret->n < CARDS_MAX; i++) {
        const struct guest_nic_spec *nic = &spec->nics[i];
        const struct nic_record *known = nic_named(r, nic->name);
        const char *mac = spec == r->launched || !known ? nic->mac : known->mac;
        int64_t slot = known ? known->slot : slot_of_removed(core, guest->uuid, r, &from);
        char link[16];
        if (slot < 0 || !mac || nic->spoofing)
            continue;
        guest_link_name(guest->uuid, slot, link);
        if (!plugged || core->drivers->guard->link_exists(core->guard_driver, link))
            add_card(ret, link, mac, nic, snapshot_by_name(s, KIND_NETWORK, nic->network), book);
    }
}

/* With the lock held: the rules for all that is plugged in. */
static int make_right(struct core *core, struct snapshot *s, const struct lease_book *book, struct err *e)
{
    size_t n_guests = snapshot_count(s, KIND_GUEST), n_cards = 0, n = 0;
    if (core->guest_guard->right)
        return 0;
    struct cards *cards = mem_new(struct cards, n_guests + 1);
    struct snapshot_iter it;
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; n < n_guests && (d = snapshot_iter_next(&it)); n++) {
        cards_of(core, s, d, book, true, &cards[n]);
        n_cards += cards[n].n;
    }
    struct net_guard *all = mem_new(struct net_guard, n_cards + 1);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < cards[i].n; c++)
            all[k++] = cards[i].list[c];
    int r = core->drivers->guard->replace(core->guard_driver, all, k, e);
    core->guest_guard->right = r == 0;
    free(all);
    free(cards);
    return r;
}

static int set_locked(struct core *core, struct snapshot *s, const struct lease_book *book,
    const char *prefix, const struct net_guard *cards, size_t n, struct err *e)
{
    if (make_right(core, s, book, e) < 0)
        return -1;
    if (core->drivers->guard->set(core->guard_driver, prefix, cards, n, e) == 0)
        return 0;
    /* Somebody took the table away, it may be. */
    core->guest_guard->right = false;
    if (make_right(core, s, book, e) < 0)
        return -1;
    core->guest_guard->right = core->drivers->guard->set(core->guard_driver, prefix, cards, n, e) == 0;
    return core->guest_guard->right ? 0 : -1;
}

int guest_guard_set(struct core *core, struct snapshot *s, const struct doc *guest, struct err *e)
{
    struct lease_book book;
    _cleanup_free_ struct cards *cards = mem_new(struct cards, 1);
    char prefix[PREFIX_SIZE];
    prefix_of(guest->uuid, prefix);
    lease_book_read(core, s, &book);
    cards_of(core, s, guest, &book, false, cards);
    pthread_mutex_lock(&core->guest_guard->lock);
    int r = set_locked(core, s, &book, prefix, cards->list, cards->n, e);
    pthread_mutex_unlock(&core->guest_guard->lock);
    lease_book_clear(&book);
    return r;
}

void guest_guard_drop(struct core *core, const char *uuid)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    struct lease_book book;
    struct err e;
    char prefix[PREFIX_SIZE];
    prefix_of(uuid, prefix);
    lease_book_read(core, s, &book);
    pthread_mutex_lock(&core->guest_guard->lock);
    int r = set_locked(core, s, &book, prefix, NULL, 0, &e);
    pthread_mutex_unlock(&core->guest_guard->lock);
    lease_book_clear(&book);
    if (r < 0) /* rules for a link that is not there do no harm, and go with the next change */
        log_warning("cannot remove the packet rules of guest %s: %s", uuid, e.detail);
}

void guest_guard_refresh(struct core *core, const struct lease_book *book)
{
    struct snapshot_iter it;
    struct err e;
    _cleanup_free_ struct cards *cards = mem_new(struct cards, 1);
    pthread_mutex_lock(&core->guest_guard->lock);
    /* Read with the lock: whoever starts a guest has said with which cards before it sets them. */
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    int r = make_right(core, s, book, &e);
    snapshot_iter_init(&it, s, KIND_GUEST, NULL);
    for (struct doc *d; r == 0 && (d = snapshot_iter_next(&it));) {
        cards_of(core, s, d, book, true, cards);
        for (size_t i = 0; r == 0 && i < cards->n; i++)
            r = set_locked(core, s, book, cards->links[i], &cards->list[i], 1, &e);
    }
    pthread_mutex_unlock(&core->guest_guard->lock);
    if (r < 0)
        log_warning("cannot hold guests to their addresses: %s", e.detail);
}

struct guest_guard *guest_guard_new(void)
{
    struct guest_guard *guard = mem_new(struct guest_guard, 1);
    pthread_mutex_init(&guard->lock, NULL);
    return guard;
}

void guest_guard_free(struct guest_guard *guard)
{
    if (!guard)
        return;
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}
