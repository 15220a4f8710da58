/* The files of a dir pool: names, sizes. */
#include "storage/dir.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"

static const char *const extensions[DIR_FILE_KINDS] = {
    [DIR_QCOW2] = ".qcow2", [DIR_RAW] = ".raw", [DIR_ROOT] = ".root"};

void dir_file_name(enum dir_file kind, const char *uuid, char out[static DIR_NAME_MAX])
{
    snprintf(out, DIR_NAME_MAX, "%s%s", uuid, extensions[kind]);
}

bool dir_file_parse(const char *name, enum dir_file *ret_kind, char ret_uuid[static UUID_LEN + 1])
{
    if (strlen(name) <= UUID_LEN)
        return false;
    char uuid[UUID_LEN + 1] = {0};
    memcpy(uuid, name, UUID_LEN);
    if (!uuid_valid(uuid))
        return false;
    for (int kind = 0; kind < DIR_FILE_KINDS; kind++)
        if (streq(name + UUID_LEN, extensions[kind])) {
            *ret_kind = (enum dir_file)kind;
            memcpy(ret_uuid, uuid, sizeof(uuid));
            return true;
        }
    return false;
}

int dir_file_open(
    struct dir_pool *pool, const char *uuid, int flags, enum dir_file *ret_kind, int *ret_fd, struct err *e)
{
    if (!uuid_valid(uuid))
        return err_set(e, ERR_INVALID, "%.40s is no uuid", uuid);
    for (int kind = 0; kind < DIR_FILE_KINDS; kind++) {
        char name[DIR_NAME_MAX];
        struct err why = {0};
        dir_file_name((enum dir_file)kind, uuid, name);
        if (fs_open_beneath(pool->volumes, name, flags, 0, ret_fd, &why) == 0) {
            *ret_kind = (enum dir_file)kind;
            return 0;
        }
        if (why.code != ERR_NOT_FOUND) {
            if (e)
                *e = why;
            return -1;
        }
    }
    return err_set(e, ERR_NOT_FOUND, "pool %s has no volume %s", pool->name, uuid);
}

/* The virtual size stands at byte 24 of a qcow2 header, in big endian. We wrote that header. */
static int qcow2_size(int fd, uint64_t *ret, struct err *e)
{
    uint64_t size;
    if (pread(fd, &size, sizeof(size), 24) != (ssize_t)sizeof(size))
        return err_set(e, ERR_DAMAGED, "the header of a qcow2 volume cannot be read");
    *ret = be64toh(size);
    return 0;
}

int dir_file_sizes(int fd, enum dir_file kind, uint64_t *ret_size, uint64_t *ret_allocated, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot look at a volume");
    *ret_size = (uint64_t)st.st_size;
    *ret_allocated = (uint64_t)st.st_blocks * 512;
    return kind == DIR_QCOW2 ? qcow2_size(fd, ret_size, e) : 0;
}

char *dir_mount_path(const struct dir_pool *pool, const char *uuid)
{
    return mem_printf("%s/%s", pool->mounts, uuid);
}
