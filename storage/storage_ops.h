/* What core knows of storage: pools of some kind that hold volumes named by uuid. Calls block and
 * run in workers, on one pool from several threads at once. A capability is a non-NULL pointer.
 * Every call is safe to repeat: create of what exists with the same shape, delete of what is gone
 * and detach of what is not attached succeed, since a journal may run them again after a crash. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

enum volume_content {
    VOLUME_DISK,   /* a virtual disk: blocks that only the guest interprets */
    VOLUME_ROOTFS, /* a container's root file system, unshifted owners (0 is the container's root) */
};

enum volume_format { VOLUME_RAW, VOLUME_QCOW2 };
const char *volume_format_name(enum volume_format format); /* as in the API: "raw", "qcow2" */

struct pool_config {
    const char *uuid;
    const char *name;
    const json_t *settings; /* the kind's own part of the pool's spec, e.g. {"path": …} for dir */
    const char *state_dir;  /* LODGE_STATE */
    unsigned id_base;       /* of unprivileged containers: uid 0 inside is this outside */
    unsigned id_count;
    const char *helper_dir; /* where lodge-image is */
};

struct pool_stat {
    uint64_t size_bytes;
    uint64_t used_bytes; /* by anything on the same medium */
    uint64_t free_bytes; /* what a volume could still take */
};

struct volume_request {
    const char *uuid;
    enum volume_content content;
    enum volume_format format; /* of a disk; a root file system is what the driver likes best */
    uint64_t size_bytes;       /* virtual size; grown to the image's size when smaller */
    /* Filled from this image (its descriptor is borrowed), empty when -1. The registry says what the
     * format is; it is never probed here. */
    int image_fd;
    enum { IMAGE_NONE, IMAGE_RAW, IMAGE_QCOW2, IMAGE_TAR } image_format;
    /* Told now and then how far it is, 0 to 100; returns false to cancel (ERR_CANCELLED). May be NULL. */
    bool (*progress)(void *arg, unsigned percent);
    void *progress_arg;
};

struct volume_stat {
    char uuid[UUID_LEN + 1];
    uint64_t size_bytes;      /* what the guest sees */
    uint64_t allocated_bytes; /* what it takes in the pool */
};

/* How a guest reaches its volume while it is attached. */
struct attachment {
    enum volume_format format;
    char path[512]; /* a disk: file or block device; a root file system: the mounted directory */
};

struct storage_ops {
    const char *kind; /* as in the API: "dir" */
    const char *help;
    /* Makes the pool usable (activates, mounts, creates its folders). The pool is owned by the caller. */
    int (*open)(const struct pool_config *config, void **ret_pool, struct err *e);
    void (*close)(void *pool);
    int (*stat)(void *pool, struct pool_stat *ret, struct err *e);
    /* Whole or not at all: on an error nothing of the volume is left. */
    int (*volume_create)(void *pool, const struct volume_request *request, struct err *e);
    int (*volume_delete)(void *pool, const char *uuid, struct err *e);
    /* Grows only; shrinking loses data and is refused before it gets here. Not while attached, unless
     * the driver says so. */
    int (*volume_resize)(void *pool, const char *uuid, uint64_t size_bytes, struct err *e);
    int (*volume_stat)(void *pool, const char *uuid, struct volume_stat *ret, struct err *e);
    /* All volumes on the medium, known to the registry or not; the array is owned by the caller. */
    int (*volume_list)(void *pool, struct volume_stat **ret, size_t *ret_n, struct err *e);
    int (*attach)(void *pool, const char *uuid, bool read_only, struct attachment *ret, struct err *e);
    int (*detach)(void *pool, const char *uuid, struct err *e);
};

extern const struct storage_ops storage_dir;
