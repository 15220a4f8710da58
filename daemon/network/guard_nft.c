/* The table "bridge lodge_<instance>": keeps in memory what it put there, so that a change says only what is
 * other than before. */
#include <net/if.h>
#include <nftables/libnftables.h>
#include <pthread.h>

#include "base/map.h"
#include "network/guard_rules.h"
#include "network/nft.h"

struct guard {
    struct nft_ctx *context;
    char *table;
    pthread_mutex_t lock; /* guards all of it */
    struct map cards;     /* link → struct guard_elements */
    bool made;            /* the table is there, and `cards` says what is in it */
};

static int guard_open(const struct net_options *options, void **ret_driver, struct err *e)
{
    struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!context)
        return err_set(e, ERR_INTERNAL, "cannot open libnftables");
    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    struct guard *g = mem_new(struct guard, 1);
    g->context = context;
    g->table = nft_table_name(options->instance);
    pthread_mutex_init(&g->lock, NULL);
    *ret_driver = g;
    return 0;
}

static void elements_free(void *p)
{
    struct guard_elements *elements = p;
    if (elements)
        guard_elements_clear(elements);
    free(elements);
}

static void forget_cards(struct map *cards)
{
    MAP_FOREACH (cards, entry)
        elements_free(entry->value);
    map_clear(cards);
    *cards = (struct map){0};
}

static void guard_close(void *driver)
{
    struct guard *g = driver;
    nft_ctx_free(g->context);
    forget_cards(&g->cards);
    pthread_mutex_destroy(&g->lock);
    free(g->table);
    free(g);
}

static int run(struct guard *g, const struct buf *commands, struct err *e)
{
    if (!commands->len || nft_run_cmd_from_buffer(g->context, commands->data) == 0)
        return 0;
    return err_set(e, ERR_INTERNAL, "cannot change the packet rules of guests: %.300s",
        nft_ctx_get_error_buffer(g->context));
}

static int cards_make(const struct net_guard *guards, size_t n, struct map *ret, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct guard_elements elements = {0};
        if (guard_rules_elements(&guards[i], &elements, e) < 0)
            return -1;
        elements_free(map_set(ret, guards[i].link, mem_dup(&elements, sizeof(elements))));
    }
    return 0;
}

static void table_remove(const struct guard *g, struct buf *out)
{
    buf_printf(out, "add table bridge %s\ndelete table bridge %s\n", g->table, g->table);
}

static int guard_replace(void *driver, const struct net_guard *guards, size_t n, struct err *e)
{
    struct guard *g = driver;
    struct map cards = {0};
    _cleanup_buf_ struct buf commands = {0};
    int r = cards_make(guards, n, &cards, e);
    pthread_mutex_lock(&g->lock);
    if (r == 0) {
        if (n)
            guard_rules_table(g->table, &commands);
        else
            table_remove(g, &commands);
        MAP_FOREACH (&cards, entry)
            guard_rules_change(g->table, NULL, entry->value, &commands);
        r = run(g, &commands, e);
    }
    if (r == 0) {
        struct map old = g->cards;
        g->cards = cards;
        cards = old;
        g->made = n > 0;
    }
    pthread_mutex_unlock(&g->lock);
    forget_cards(&cards);
    return r;
}

/* With the lock held: the commands for the cards with this prefix, and whether others remain. */
static bool append_changes(
    struct guard *g, const char *prefix, const struct map *wanted, struct buf *commands)
{
    bool others = false;
    MAP_FOREACH (&g->cards, entry) {
        if (!text_starts(entry->key, prefix))
            others = true;
        else if (!map_get(wanted, entry->key))
            guard_rules_change(g->table, entry->value, NULL, commands);
    }
    MAP_FOREACH (wanted, entry)
        guard_rules_change(g->table, map_get(&g->cards, entry->key), entry->value, commands);
    return others;
}

static void take(struct guard *g, const char *prefix, struct map *wanted)
{
    MAP_FOREACH (&g->cards, entry)
        if (text_starts(entry->key, prefix))
            elements_free(map_remove(&g->cards, entry->key));
    MAP_FOREACH (wanted, entry)
        map_set(&g->cards, entry->key, TAKE_PTR(entry->value));
}

static int guard_set(
    void *driver, const char *prefix, const struct net_guard *guards, size_t n, struct err *e)
{
    struct guard *g = driver;
    struct map wanted = {0};
    _cleanup_buf_ struct buf table = {0}, commands = {0};
    int r = cards_make(guards, n, &wanted, e);
    pthread_mutex_lock(&g->lock);
    if (r == 0) {
        bool others = append_changes(g, prefix, &wanted, &commands), empty = !others && n == 0;
        if (empty && g->made) {
            buf_free(&commands);
            table_remove(g, &table);
        } else if (n && !g->made) {
            guard_rules_table(g->table, &table);
        }
        if (commands.len)
            buf_add(&table, commands.data, commands.len);
        r = run(g, &table, e);
        if (r == 0)
            g->made = !empty;
    }
    if (r == 0)
        take(g, prefix, &wanted);
    pthread_mutex_unlock(&g->lock);
    forget_cards(&wanted);
    return r;
}

static bool guard_link_exists(void *driver, const char *link)
{
    (void)driver;
    return if_nametoindex(link) != 0;
}

const struct guard_ops guard_nft = {
    .open = guard_open,
    .close = guard_close,
    .replace = guard_replace,
    .set = guard_set,
    .link_exists = guard_link_exists,
};
