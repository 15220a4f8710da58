/* Keeps the address servers of networks running: one that ends is started again at once, and after ever
 * longer pauses when it ends again and again. Deciding what a network needs is network.c's. */
#pragma once

#include "core/core.h"

struct network_keeper;

struct network_keeper *network_keeper_new(struct core *core);
void network_keeper_free(struct network_keeper *k);
/* Watches the process behind pidfd (moved) in place of the one before. Any thread. */
void network_keeper_watch(struct network_keeper *k, const char *uuid, int pidfd);
/* Looks after this network again in a while: what it needs could not be started. Any thread. */
void network_keeper_again(struct network_keeper *k, const char *uuid);
