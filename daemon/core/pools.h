/* The open pools: a driver's handle for each pool document, opened when it is first used. Any thread. */
#pragma once

#include "core/core.h"

struct pools *pools_new(struct core *core);
void pools_free(struct pools *pools);

/* A pool in use: its handle stays open until pool_use_end, also when the pool is dropped meanwhile. */
struct pool_use {
    const struct storage_ops *ops;
    void *handle;
    struct pools *pools;
    struct pool *pool;
};

int pools_get(struct pools *pools, const struct doc *pool, struct pool_use *ret, struct err *e);
/* May be called for a zeroed one. */
void pool_use_end(struct pool_use *use);
#define _cleanup_pool_use_ __attribute__((cleanup(pool_use_end)))

/* The pool is gone: closed as soon as nobody uses it. */
void pools_drop(struct pools *pools, const char *uuid);
/* What was last seen of its size: false before the first look. */
bool pools_stat(struct pools *pools, const char *uuid, struct pool_stat *ret);
/* Looks again; blocks. */
void pools_refresh(struct pools *pools, struct snapshot *s);
