/* What a network's packet rules are: pure, from the network to the JSON that libnftables takes. */
#pragma once

#include <stdbool.h>

#include "base/json.h"
#include "network/nft.h"

/* The base chains, each as {"chain": {...}} with its table; owned. */
json_t *nft_rules_chains(const char *table);
/* The network's rules, each as {"rule": {...}} with chain and comment; owned, may be empty. */
json_t *nft_rules_network(const char *table, const struct nft_network *network);
/* What stands in front of the fingerprint in a comment is the uuid. */
bool nft_rules_is_of(const char *comment, const char *uuid);
