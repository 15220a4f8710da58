/* Uploads of images: files that grow by parts until they are whole, beneath LODGE_STATE/images/uploads. An
 * image is made from a whole one with source.upload. They survive a restart, and are forgotten a day after
 * the last part. */
#pragma once

#include "core/core.h"

#define UPLOAD_MAX_BYTES INT64_C(0x400000000000) /* 64 TiB, as the largest volume */
#define UPLOADS_MAX      512
#define UPLOADS_OF_ONE   64 /* who begins more gets no room of others */
#define UPLOAD_IDLE_MS   (UINT64_C(24) * 3600 * 1000)

struct upload {
    char id[UUID_LEN + 1];
    char *image; /* the name that was asked for */
    char *owner; /* who began it, as principal_key() says */
    uint64_t size_bytes, offset_bytes;
    uint64_t touched_ms; /* unix time of the last part */
    bool busy;           /* a part is being written */
};

struct uploads;
/* Takes up those that are there; blocking, at start-up. */
int uploads_open(struct core *core, struct uploads **ret, struct err *e);
void uploads_close(struct uploads *u);

/* Loop thread, as all below. Borrowed; NULL when there is none. */
struct upload *uploads_find(struct uploads *u, const char *id);

/* When the work of a call is done, on the loop: 0 or -1 with the error. */
typedef void upload_fn(void *arg, struct upload *upload, const struct err *error);

/* Makes an empty one. `upload` is NULL with an error. */
void uploads_begin(
    struct uploads *u, const char *image, const char *owner, uint64_t size_bytes, upload_fn *fn, void *arg);
/* Appends n bytes of the memory file at its end; the descriptor moves. The caller has checked that it is not
 * busy. What was written of a part that failed stays and counts. */
void uploads_append(struct uploads *u, struct upload *upload, int fd, uint64_t n, upload_fn *fn, void *arg);
/* Not while it is busy. */
void uploads_remove(struct uploads *u, struct upload *upload);
/* Removes those that nobody went on with. */
void uploads_sweep(struct uploads *u);

/* ---- for the step that makes an image of it; workers ---- */
/* Gives the whole file another name in the folder of images, where nobody appends any more. ERR_NOT_FOUND. */
int upload_link(struct core *core, const char *id, int images_dir, const char *name, struct err *e);
/* The image is there: the upload's own name goes. */
void upload_unlink(struct core *core, const char *id);
