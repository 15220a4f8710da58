/* Two tables of failures, by account and by address. An IPv6 address counts as its /64, since that is
 * what a single host is given. */
#include "auth/attempts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/map.h"
#include "base/text.h"

#define ENTRIES_MAX 4096             /* a table; beyond, the one that was quiet longest is forgotten */
#define HALVING_MS  (10 * 60 * 1000) /* in this time half of the failures are forgiven */
#define PENDING_MS  (2 * 60 * 1000)  /* a try that never ended counts this long */
#define GOOD_MAX    4                /* addresses that an account signed in from */
#define KEY_MAX     80

/* How many failures are free, and the longest wait. It doubles from one second. */
struct policy {
    unsigned free;
    unsigned max_s;
};
static const struct policy address_policy = {.free = 4, .max_s = 300};
static const struct policy account_policy = {.free = 6, .max_s = 5};

struct entry {
    unsigned failures;
    unsigned pending;
    uint64_t failed_ms;           /* the last failure; monotonic, as the next */
    uint64_t tried_ms;            /* the begin of the last try */
    char good[GOOD_MAX][KEY_MAX]; /* accounts only; newest first */
};

struct attempts {
    const struct clock *clock;
    struct map accounts;
    struct map addresses;
};

struct attempts *attempts_new(const struct clock *clock)
{
    struct attempts *a = mem_new(struct attempts, 1);
    a->clock = clock;
    return a;
}

static void clear(struct map *m)
{
    MAP_FOREACH (m, e)
        free(e->value);
    map_clear(m);
}

void attempts_free(struct attempts *a)
{
    if (!a)
        return;
    clear(&a->accounts);
    clear(&a->addresses);
    free(a);
}

/* ---- entries ---- */

static void address_key(const char *address, char out[static KEY_MAX])
{
    struct in6_addr v6;
    if (!address || inet_pton(AF_INET6, address, &v6) != 1) {
        snprintf(out, KEY_MAX, "%s", address ? address : "local");
        return;
    }
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        inet_ntop(AF_INET, &v6.s6_addr[12], out, KEY_MAX);
        return;
    }
    hex_encode(v6.s6_addr, 8, out);
}

/* Forgives with time. */
static void fade(struct entry *entry, uint64_t now)
{
    if (now - entry->tried_ms > PENDING_MS)
        entry->pending = 0;
    uint64_t halvings = (now - entry->failed_ms) / HALVING_MS;
    if (halvings == 0)
        return;
    entry->failures = halvings < 32 ? entry->failures >> halvings : 0;
    entry->failed_ms += halvings * HALVING_MS;
}

static void make_room(struct map *m)
{
    const struct map_entry *oldest = NULL;
    if (m->count < ENTRIES_MAX)
        return;
    MAP_FOREACH (m, e) {
        const struct entry *entry = e->value, *than = oldest ? oldest->value : NULL;
        if (!than || entry->tried_ms < than->tried_ms)
            oldest = e;
    }
    free(map_remove(m, oldest->key));
}

static struct entry *entry_of(struct map *m, const char *key, uint64_t now)
{
    struct entry *entry = map_get(m, key);
    if (!entry) {
        make_room(m);
        entry = mem_new(struct entry, 1);
        entry->failed_ms = entry->tried_ms = now;
        map_set(m, key, entry);
    }
    fade(entry, now);
    return entry;
}

static bool is_good(const struct entry *account, const char *address)
{
    for (size_t i = 0; i < GOOD_MAX; i++)
        if (streq(account->good[i], address))
            return true;
    return false;
}

static void add_good(struct entry *account, const char *address)
{
    if (is_good(account, address))
        return;
    memmove(account->good[1], account->good[0], (GOOD_MAX - 1) * KEY_MAX);
    snprintf(account->good[0], KEY_MAX, "%s", address);
}

/* ---- the rule ---- */

/* Milliseconds until the next try is allowed. A try that goes on counts as a failure; one that ended well
 * makes nobody wait: who signs in twice in a second has guessed nothing. */
static uint64_t wait_ms(const struct entry *entry, const struct policy *policy, uint64_t now)
{
    unsigned n = entry->failures + entry->pending;
    if (n < policy->free)
        return 0;
    unsigned doublings = MIN_OF(n - policy->free, 16U);
    uint64_t delay = MIN_OF(UINT64_C(1) << doublings, (uint64_t)policy->max_s) * 1000;
    uint64_t since = entry->pending ? MAX_OF(entry->failed_ms, entry->tried_ms) : entry->failed_ms;
    return since + delay > now ? since + delay - now : 0;
}

int attempts_check(
    struct attempts *a, const char *user, const char *address, unsigned *ret_wait_s, struct err *e)
{
    char from[KEY_MAX];
    uint64_t now = clock_monotonic_ms(a->clock);
    address_key(address, from);
    struct entry *account = entry_of(&a->accounts, user, now), *source = entry_of(&a->addresses, from, now);
    uint64_t wait = wait_ms(source, &address_policy, now);
    if (!is_good(account, from))
        wait = MAX_OF(wait, wait_ms(account, &account_policy, now));
    if (wait == 0) {
        account->pending++;
        source->pending++;
        account->tried_ms = source->tried_ms = now;
        return 0;
    }
    unsigned seconds = (unsigned)((wait + 999) / 1000);
    if (ret_wait_s)
        *ret_wait_s = seconds;
    err_set(e, ERR_TOO_MANY, "too many failed attempts to sign in");
    return err_hint(e, "Wait %u second%s and try again.", seconds, seconds == 1 ? "" : "s");
}

static void end_one(struct entry *entry, bool failed, uint64_t now)
{
    if (entry->pending)
        entry->pending--;
    if (!failed)
        return;
    entry->failures = MIN_OF(entry->failures + 1, 1000U);
    entry->failed_ms = now;
}

void attempts_failed(struct attempts *a, const char *user, const char *address)
{
    char from[KEY_MAX];
    uint64_t now = clock_monotonic_ms(a->clock);
    address_key(address, from);
    end_one(entry_of(&a->accounts, user, now), true, now);
    end_one(entry_of(&a->addresses, from, now), true, now);
}

/* The address keeps its failures: who has one account must not get fresh tries at others with it. */
void attempts_succeeded(struct attempts *a, const char *user, const char *address)
{
    char from[KEY_MAX];
    uint64_t now = clock_monotonic_ms(a->clock);
    address_key(address, from);
    struct entry *account = entry_of(&a->accounts, user, now);
    end_one(account, false, now);
    account->failures = 0;
    add_good(account, from);
    end_one(entry_of(&a->addresses, from, now), false, now);
}
