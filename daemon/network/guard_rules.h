/* What keeps a guest to its own addresses: pure, from its cards to the text that libnftables takes. The
 * chains are the same for all cards; sets say by link name and address what is whose. */
#pragma once

#include "base/text.h"
#include "network/net_ops.h"

/* Appends the whole table without elements, in place of one that may be there. */
void guard_rules_table(const char *table, struct buf *out);

/* The elements that a card has in the sets of the table, each as "SET { ELEMENT }". */
struct guard_elements {
    char **list;
    size_t n;
};
/* ERR_INVALID for what is no link name, MAC or address: text of nft is made of nothing else. */
int guard_rules_elements(const struct net_guard *guard, struct guard_elements *ret, struct err *e);
void guard_elements_clear(struct guard_elements *elements);

/* Appends the commands that lead from one to the other; either may be NULL. */
void guard_rules_change(const char *table, const struct guard_elements *before,
    const struct guard_elements *after, struct buf *out);
