/* What the tests of the registry share: a directory, a registry on a loop, documents to put. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>

#include "base/fs.h"
#include "base/text.h"
#include "registry/registry.h"

struct fixture {
    char *dir;
    char *path; /* of registry.db */
    struct loop *loop;
    struct registry *registry;
};

static inline struct fixture fixture_new(void)
{
    struct fixture f = {.dir = mem_strdup("/tmp/lodge-test-XXXXXX")};
    assert_non_null(mkdtemp(f.dir));
    f.path = mem_printf("%s/registry.db", f.dir);
    f.loop = loop_new();
    return f;
}

static inline void fixture_open(struct fixture *f)
{
    struct err e;
    struct registry_options options = {.loop = f->loop, .path = f->path};
    if (registry_open(&options, &f->registry, &e) < 0)
        fail_msg("%s", e.detail);
}

static inline void fixture_close(struct fixture *f)
{
    registry_close(f->registry);
    f->registry = NULL;
}

static inline void fixture_free(struct fixture *f)
{
    fixture_close(f);
    loop_free(f->loop);
    _cleanup_close_ int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fs_remove_tree(parent, strrchr(f->dir, '/') + 1, NULL), 0);
    free(f->dir);
    free(f->path);
}

/* A different UUID for each number. */
static inline const char *uuid_of(unsigned n, char out[static UUID_LEN + 1])
{
    /* Spread over the index, the same in each run. */
    snprintf(out, UUID_LEN + 1, "%08x-0000-4000-8000-%012x", n * 2654435761U, n);
    return out;
}

static inline void put_guest(struct txn *t, unsigned n, const char *name, uint64_t expected, const char *spec)
{
    char uuid[UUID_LEN + 1];
    struct put put = {.kind = KIND_GUEST,
        .uuid = uuid_of(n, uuid),
        .name = name,
        .expected = expected,
        .created_ms = 1700000000000,
        .modified_ms = 1700000000000 + n,
        .spec = spec};
    txn_put(t, &put);
}
