/* Lists that are filtered or cut: items are rendered on the loop, once for all who ask at the same state, and
 * looked into on workers, a few at a time. */
#pragma once

#include "api/filter.h"
#include "api/request.h"

struct selection {
    struct request *r;
    struct snapshot *s; /* borrowed */
    bool all;           /* the caller may read every item */
    uint64_t revision, generation;
    size_t limit;
    struct filter *filter;     /* either may be NULL; both move */
    struct projection *fields; /* */
};

/* Answers the request, later. */
void select_items(const struct selection *x);

struct select_cache;
struct select_cache *select_cache_new(struct loop *loop);
void select_cache_free(struct select_cache *c);
