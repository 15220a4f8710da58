/* The packet rules of our networks: one table "inet lodge_<instance>", whose rules carry the network's
 * uuid and a fingerprint as their comment, so that a network's rules are found, compared and replaced in
 * one transaction without a memory of our own. */
#pragma once

#include "base/err.h"

enum nft_kind {
    NFT_NAT,      /* out under the host's address, nobody in */
    NFT_ISOLATED, /* only each other, and the host's DHCP, DNS and ping */
    NFT_ROUTED,   /* no rules */
};

struct nft_network {
    enum nft_kind kind;
    const char *uuid;
    const char *bridge;
    const char *subnet; /* "10.77.0.0/24"; NULL: none */
};

struct nft;

/* "lodge_<instance>", with nothing in it that is not of an identifier; owned. */
char *nft_table_name(const char *instance);

int nft_open(const char *instance, struct nft **ret, struct err *e);
void nft_close(struct nft *nft);
/* Makes the network's rules what they should be; does nothing when they are. Thread-safe. */
int nft_ensure(struct nft *nft, const struct nft_network *network, struct err *e);
/* Removes them, and the table with the last of them. Thread-safe. */
int nft_remove(struct nft *nft, const char *uuid, struct err *e);
