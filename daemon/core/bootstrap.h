/* The documents that a new installation starts with. */
#pragma once

#include "core/core.h"

/* Makes what is missing: this node (its uuid goes into the core), settings, the pool `local`, the network
 * `default`, the user `admin` with its binding, and the starter images that are there as files in
 * LODGE_STARTER_IMAGES (/usr/share/lodge/images). Blocks: on a worker, while the loop runs. */
int bootstrap(struct core *core, struct err *e);
