#include "storage/loop_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"

#define TRIES 64

/* <linux/ext4.h> is not among the exported headers of Debian 12's kernel. */
#define EXT4_GROW _IOW('f', 16, uint64_t)

bool loop_is_mounted(const char *path)
{
    _cleanup_free_ char *parent = mem_printf("%s/..", path);
    struct stat here, above;
    return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

static int open_device(int number)
{
    _cleanup_free_ char *path = mem_printf("/dev/loop%d", number);
    return open(path, O_RDWR | O_CLOEXEC);
}

/* The device that holds this file already, or -1. */
static int find_device(const struct stat *file)
{
    for (int number = 0;; number++) {
        _cleanup_free_ char *path = mem_printf("/sys/block/loop%d", number);
        if (access(path, F_OK) < 0)
            return -1;
        _cleanup_free_ char *backing = mem_printf("%s/loop/backing_file", path);
        if (access(backing, F_OK) < 0)
            continue;
        _cleanup_close_ int fd = open_device(number);
        struct loop_info64 info;
        if (fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == file->st_ino &&
            info.lo_device == file->st_dev)
            return TAKE_FD(fd);
    }
}

static int configure(int control, int file_fd, bool read_only, int *ret_device, struct err *e)
{
    struct loop_config config = {.fd = (unsigned)file_fd,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (read_only ? LO_FLAGS_READ_ONLY : 0)};
    for (int i = 0; i < TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            return err_errno(e, errno, "cannot get a loop device");
        _cleanup_close_ int device = open_device(number);
        if (device < 0)
            return err_errno(e, errno, "cannot open the loop device %d", number);
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) {
            *ret_device = TAKE_FD(device);
            return 0;
        }
        if (errno == EINVAL && (config.info.lo_flags & LO_FLAGS_DIRECT_IO))
            config.info.lo_flags &= ~(unsigned)LO_FLAGS_DIRECT_IO; /* not on this file system */
        else if (errno != EBUSY)                                   /* busy: somebody was faster */
            return err_errno(e, errno, "cannot set up the loop device %d", number);
    }
    return err_set(e, ERR_BUSY, "no loop device became free");
}

static int get_device(int file_fd, bool read_only, int *ret_device, struct err *e)
{
    struct stat st;
    if (fstat(file_fd, &st) < 0)
        return err_errno(e, errno, "cannot look at the volume");
    int device = find_device(&st);
    if (device >= 0) {
        *ret_device = device;
        return 0;
    }
    _cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return err_errno(e, errno, "cannot open /dev/loop-control");
    return configure(control, file_fd, read_only, ret_device, e);
}

int loop_mount(int file_fd, const char *path, bool read_only, struct err *e)
{
    for (int i = 0; i < TRIES; i++) {
        if (loop_is_mounted(path))
            return 0;
        _cleanup_close_ int device = -1;
        if (get_device(file_fd, read_only, &device, e) < 0)
            return -1;
        _cleanup_free_ char *device_path = mem_printf("/proc/self/fd/%d", device);
        char name[64];
        ssize_t n = readlink(device_path, name, sizeof(name) - 1);
        if (n <= 0)
            return err_errno(e, errno, "cannot name the loop device");
        name[n] = '\0';
        if (mount(name, path, "ext4", MS_NODEV | (read_only ? MS_RDONLY : 0), NULL) == 0)
            return 0;
        /* A device that was found may have been let go by its last user in between. */
        if (errno != ENXIO && errno != EBUSY)
            return err_errno(e, errno, "cannot mount the root file system");
        usleep(20000);
    }
    return err_set(e, ERR_BUSY, "the root file system is still being unmounted");
}

int loop_unmount(const char *path, struct err *e)
{
    for (int i = 0; i < TRIES; i++) {
        if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            return err_errno(e, errno, "cannot unmount %s", path);
        usleep(20000);
    }
    return err_set(e, ERR_BUSY, "cannot unmount %s: a process still works in it", path);
}

int loop_grow(int file_fd, const char *path, struct err *e)
{
    struct stat st;
    _cleanup_close_ int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || fstat(file_fd, &st) < 0)
        return err_errno(e, errno, "cannot look at the volume");
    _cleanup_close_ int device = find_device(&st);
    uint64_t blocks = (uint64_t)st.st_size / 4096;
    if (device < 0 || ioctl(device, LOOP_SET_CAPACITY) < 0)
        return err_errno(e, errno, "cannot grow the loop device");
    if (ioctl(root, EXT4_GROW, &blocks) == 0)
        return 0;
    err_errno(e, errno, "cannot grow the file system while it is in use");
    return err_hint(e, "stop its container first");
}
