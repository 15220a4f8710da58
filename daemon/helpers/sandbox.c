#include "helpers/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "helpers/report.h"
#include "helpers/sandbox_filter.h"

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
#define MOUNTS_MAX 3

/* ---- outside, as root ---- */

static int write_map(pid_t pid, const char *which, const struct sandbox_spec *spec, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/%s", (int)pid, which);
    _cleanup_free_ char *map = mem_printf("0 %u %u\n", spec->id_first, spec->id_count);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, map, strlen(map)) < 0)
        return err_errno(e, errno, "cannot map user ids");
    return 0;
}

/* A detached copy of where fd is mounted, in which the owner 0 on the medium is the cell's 0. File systems
 * that cannot map owners have to be opened to the cell's user in the ordinary way. */
static int clone_mapped(int fd, int userns, bool is_root, unsigned id_first, int *ret_tree, struct err *e)
{
    int tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return err_errno(e, errno, "cannot reach a file from the cell");
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns};
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) {
        int saved = errno;
        if (is_root || fchown(fd, id_first, id_first) < 0) {
            close(tree);
            return err_errno(e, saved, "the file system cannot map owners (idmapped mounts)");
        }
    }
    *ret_tree = tree;
    return 0;
}

static int send_fds(int socket, const int *fds, size_t n, struct err *e)
{
    char byte = (char)n;
    struct iovec data = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * MOUNTS_MAX)];
    } control = {0};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (n) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * n);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? err_errno(e, errno, "cannot reach the cell") : 0;
}

/* Maps the ids and hands the cell its mounts: the root first where there is one, then the files. */
static int prepare(pid_t pid, int socket, const struct sandbox_spec *spec, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/ns/user", (int)pid);
    _cleanup_close_ int userns = open(path, O_RDONLY | O_CLOEXEC);
    if (userns < 0)
        return err_errno(e, errno, "cannot open the cell's namespace");
    if (write_map(pid, "uid_map", spec, e) < 0 || write_map(pid, "gid_map", spec, e) < 0)
        return -1;
    int trees[MOUNTS_MAX], r = 0;
    size_t n = 0;
    if (spec->root_fd >= 0)
        r = clone_mapped(spec->root_fd, userns, true, spec->id_first, &trees[n], e), n += r == 0;
    for (size_t i = 0; r == 0 && i < spec->n_files; i++)
        r = clone_mapped(spec->files[i].fd, userns, false, spec->id_first, &trees[n], e), n += r == 0;
    if (r == 0)
        r = send_fds(socket, trees, n, e);
    for (size_t i = 0; i < n; i++)
        close(trees[i]);
    return r;
}

/* ---- inside ---- */

static int receive_fds(int socket, int *fds, size_t wanted)
{
    char byte;
    struct iovec data = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * MOUNTS_MAX)];
    } control = {0};
    struct msghdr message = {.msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control.room,
        .msg_controllen = sizeof(control.room)};
    ssize_t n;
    while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    struct cmsghdr *head = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (n != 1 || (size_t)byte != wanted ||
        (wanted && (!head || head->cmsg_len != CMSG_LEN(sizeof(int) * wanted))))
        return -1;
    if (wanted)
        memcpy(fds, CMSG_DATA(head), sizeof(int) * wanted);
    return 0;
}

static int place(int tree, const char *path, struct err *e)
{
    return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0
               ? err_errno(e, errno, "cannot place %s in the cell", path)
               : 0;
}

/* The host's programs, read-only, in the shape that merged-usr systems have. */
static int place_programs(struct err *e)
{
    static const char *const links[][2] = {
        {"usr/bin", "bin"}, {"usr/lib", "lib"}, {"usr/lib64", "lib64"}, {"usr/sbin", "sbin"}};
    if (mkdir("usr", 0755) < 0 || mount("/usr", "usr", NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_errno(e, errno, "cannot show programs in the cell");
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "usr", AT_RECURSIVE, &read_only, sizeof(read_only)) < 0)
        return err_errno(e, errno, "cannot make the cell's programs read-only");
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (symlink(links[i][0], links[i][1]) < 0)
            return err_errno(e, errno, "cannot show programs in the cell");
    /* What starts a program wants somewhere to point its standard input. */
    _cleanup_close_ int null =
        mkdir("dev", 0755) < 0 ? -1 : open("dev/null", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (null < 0 || mount("/dev/null", "dev/null", NULL, MS_BIND, NULL) < 0)
        return err_errno(e, errno, "cannot show /dev/null in the cell");
    return 0;
}

/* An empty root in memory, with only the given files in it. Works in the new root's directory. */
static int make_empty_root(const struct sandbox_spec *spec, const int *trees, struct err *e)
{
    if (mount("cell", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") < 0 || chdir("/proc") < 0)
        return err_errno(e, errno, "cannot make the cell's root");
    for (size_t i = 0; i < spec->n_files; i++) {
        const char *name = spec->files[i].name + 1;
        _cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            return err_errno(e, errno, "cannot make %s in the cell", name);
        if (place(trees[i], name, e) < 0)
            return -1;
    }
    if (spec->programs && place_programs(e) < 0)
        return -1;
    return mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0
               ? err_errno(e, errno, "cannot make the cell's root read-only")
               : 0;
}

static int enter_root(const struct sandbox_spec *spec, const int *trees, struct err *e)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_errno(e, errno, "cannot part the cell's mounts");
    if (spec->root_fd >= 0) {
        if (place(trees[0], "/proc", e) < 0)
            return -1;
        /* Where systemd makes the host's mounts shared, the tree is, too; no shared mount becomes a root. */
        if (mount(NULL, "/proc", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir("/proc") < 0)
            return err_errno(e, errno, "cannot enter the cell's root");
    } else if (make_empty_root(spec, trees, e) < 0) {
        return -1;
    }
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return err_errno(e, errno, "cannot enter the cell's root");
    return 0;
}

static int enter(const struct sandbox_spec *spec, int socket, struct err *e)
{
    int trees[MOUNTS_MAX] = {-1, -1, -1};
    size_t n = spec->n_files + (spec->root_fd >= 0);
    /* Its maker is another process: when that one dies, this one goes, too. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (receive_fds(socket, trees, n) < 0)
        return err_set(e, ERR_INTERNAL, "the cell was not prepared");
    if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
        return err_errno(e, errno, "cannot become the cell's user");
    /* Changing ids clears it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (enter_root(spec, trees, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        close(trees[i]);
    return 0;
}

static _Noreturn void inside(const struct sandbox_spec *spec, int socket, int (*fn)(void *arg), void *arg)
{
    struct err e = {0};
    if (enter(spec, socket, &e) < 0 || sandbox_drop(spec->root_fd >= 0, &e) < 0 ||
        sandbox_filter(spec->programs, &e) < 0)
        _exit(report_error(&e));
    close(socket);
    _exit(fn(arg));
}

int sandbox_run(const struct sandbox_spec *spec, int (*fn)(void *arg), void *arg, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(e, errno, "cannot make a socket");
    pid_t pid = (pid_t)syscall(SYS_clone, NAMESPACES | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        close(pair[0]);
        inside(spec, pair[1], fn, arg);
    }
    int saved = errno, status = 0;
    close(pair[1]);
    _cleanup_close_ int socket = pair[0];
    if (pid < 0)
        return err_errno(e, saved, "cannot make a cell (namespaces)");
    if (prepare(pid, socket, spec, e) < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return err_set(e, ERR_INTERNAL, "the cell was killed by signal %d (%s)", WTERMSIG(status),
        strsignal(WTERMSIG(status)));
}
