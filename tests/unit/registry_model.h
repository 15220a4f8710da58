/* A load whose state after each revision is known: transaction r changes a guest and a volume of one
 * slot together. So a registry that was cut off can be checked: nothing acknowledged is missing, and
 * nothing is half there. */
#pragma once

#include "tests/unit/registry_util.h"

#define MODEL_SLOTS 7

/* Where the state differs from the one after `revision`, as a sentence (owned); NULL when it does not. */
char *model_difference(struct registry *r, uint64_t revision);
/* Transaction number `revision`, with an id of its own. */
struct txn *model_txn(uint64_t revision);
/* What is wrong after a cut, when `acknowledged` were and `proposed` may have been committed; NULL when
 * all is well. */
char *model_check(struct registry *r, uint64_t acknowledged, uint64_t proposed);
