#include "registry/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"

#define PIECE_BYTES (UINT64_C(1) << 20) /* guests may write to the same disk: they get no more than that */

struct reserve {
    int fd;
    uint64_t size_bytes; /* wanted */
    uint64_t held_bytes;
};

/* Left over beyond the reserve: what has just room again would be full at once. */
static uint64_t margin(const struct reserve *r)
{
    return r->size_bytes / 2;
}

static bool has_room(const struct reserve *r, uint64_t bytes)
{
    struct statvfs v;
    return fstatvfs(r->fd, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize >= bytes;
}

bool reserve_whole(struct reserve *r)
{
    if (r->held_bytes >= r->size_bytes)
        return true;
    if (!has_room(r, r->size_bytes - r->held_bytes + margin(r)))
        return false;
    /* From its beginning: a file that another program cut short is whole again, too. */
    if (posix_fallocate(r->fd, 0, (off_t)r->size_bytes) != 0) {
        if (ftruncate(r->fd, (off_t)r->held_bytes) < 0)
            r->held_bytes = 0;
        return false;
    }
    r->held_bytes = r->size_bytes;
    return true;
}

bool reserve_is_part(const struct reserve *r)
{
    return r->held_bytes && r->held_bytes < r->size_bytes;
}

bool reserve_give(struct reserve *r)
{
    if (!r->held_bytes)
        return false;
    uint64_t left = r->held_bytes > PIECE_BYTES ? r->held_bytes - PIECE_BYTES : 0;
    r->held_bytes = left;
    return ftruncate(r->fd, (off_t)left) == 0;
}

struct reserve *reserve_open(const char *path, uint64_t size_bytes)
{
    struct reserve *r = mem_new(struct reserve, 1);
    struct stat st;
    *r = (struct reserve){.fd = -1, .size_bytes = size_bytes};
    if (size_bytes)
        r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (r->fd < 0 || fstat(r->fd, &st) < 0) {
        r->size_bytes = 0;
        return r;
    }
    r->held_bytes = MIN_OF((uint64_t)st.st_blocks * 512, (uint64_t)st.st_size);
    /* A disk that is nearly full already starts with what can be had. */
    reserve_whole(r);
    return r;
}

void reserve_close(struct reserve *r)
{
    if (!r)
        return;
    close_p(&r->fd);
    free(r);
}
