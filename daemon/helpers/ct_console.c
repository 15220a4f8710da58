#include <errno.h>
#include <fcntl.h>
#include <lxc/attach_options.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/text.h"
#include "helpers/ct_console.h"
#include "helpers/report.h"

#define PTMX_MAJOR 5
#define PTMX_MINOR 2

static int send_fds(int socket, const int *fds, size_t n)
{
    char control[CMSG_SPACE(2 * sizeof(int))] = {0}, byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    m.msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))};
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    return sendmsg(socket, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int ct_console(struct lxc_container *c, char **args)
{
    struct err e;
    int tty = 0, master = -1; /* 0: the console itself */
    (void)args;
    int hold = c->console_getfd(c, &tty, &master);
    if (hold < 0) {
        err_set(&e, ERR_UNAVAILABLE, "its console cannot be reached: it is busy, or the container ends");
        err_hint(&e, "another program such as lxc-console may have it");
        return report_error(&e);
    }
    /* liblxc stands between with a terminal of its own, which would add another CR to each line. */
    struct termios raw;
    if (tcgetattr(master, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(master, TCSANOW, &raw);
    }
    const int fds[] = {master, hold};
    if (send_fds(CT_CONSOLE_FD, fds, 2) < 0) {
        err_set(&e, ERR_INTERNAL, "cannot hand over the console");
        return report_error(&e);
    }
    return report_result(json_object());
}

/* ---- shells ---- */

struct shell {
    int socket; /* the terminal leaves by it */
    char **command;
    unsigned short columns, rows;
};

/* In the container, as its root: everything here is in its hands from the beginning. */
static int become_shell(void *arg)
{
    const struct shell *shell = arg;
    struct winsize size = {.ws_col = shell->columns, .ws_row = shell->rows};
    sigset_t none;
    int unlock = 0;
    int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return 125;
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    if (slave < 0 || send_fds(shell->socket, &master, 1) < 0)
        return 125;
    close(master);
    close(shell->socket);
    setsid(); /* a shell is the leader already where liblxc has seen to it */
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return 125;
    ioctl(slave, TIOCSWINSZ, &size);
    for (int fd = 0; fd < 3; fd++)
        dup2(slave, fd);
    close_range(3, ~0U, 0); /* the socket to the daemon, too: what came by it would pass for the terminal */
    for (int s = 1; s < SIGRTMIN; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, 0);
    if (chdir("/root") < 0 && chdir("/") < 0)
        return 125;
    if (shell->command[0]) {
        execvp(shell->command[0], shell->command);
        dprintf(2, "cannot run %s: %s\r\n", shell->command[0], strerror(errno));
        return errno == ENOENT ? 127 : 126;
    }
    execl("/bin/bash", "-bash", "-l", (char *)NULL);
    execl("/bin/sh", "-sh", "-l", (char *)NULL);
    dprintf(2, "there is neither /bin/bash nor /bin/sh here: %s\r\n", strerror(errno));
    return 127;
}

/* The container's root could have put another descriptor in the place of the terminal. The daemon reads
 * what it gets without waiting, so it must be a real one. (A file system of the container's own may let
 * these calls hang: this process, which the daemon ends then.) */
static bool is_terminal_master(int fd)
{
    struct stat st;
    unsigned number;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == PTMX_MAJOR &&
           minor(st.st_rdev) == PTMX_MINOR && ioctl(fd, TIOCGPTN, &number) == 0;
}

static int receive_fd(int socket)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd = -1;
    if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) <= 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len >= CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(c), sizeof(int));
    return fd;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int refuse(const char *why)
{
    struct err e;
    err_set(&e, ERR_UNAVAILABLE, "%s", why);
    return report_error(&e);
}

/* Attaches; the terminal's master side in *ret_master, the shell's process as the result. */
static pid_t attach(struct lxc_container *c, struct shell *shell, int *ret_master)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char home[] = "HOME=/root", user[] = "USER=root", name[] = "LOGNAME=root";
    char language[] = "LANG=C.UTF-8", term[] = "TERM=xterm-256color", from[] = "container=lxc";
    char *environment[] = {path, home, user, name, language, term, from, NULL};
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    int ends[2];
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    shell->socket = ends[1];
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    options.extra_env_vars = environment;
    int r = c->attach(c, become_shell, shell, &options, &pid);
    close(ends[1]);
    *ret_master = r < 0 ? -1 : receive_fd(ends[0]);
    close(ends[0]);
    return r < 0 ? -1 : pid;
}

int ct_shell(struct lxc_container *c, char **args)
{
    uint64_t columns, rows;
    if (!text_u64(args[0], &columns) || !text_u64(args[1], &rows) || columns > 1000 || rows > 1000)
        return refuse("the size of the terminal is wrong");
    struct shell shell = {
        .command = args + 2, .columns = (unsigned short)columns, .rows = (unsigned short)rows};
    if (!c->is_running(c))
        return refuse("the container does not run");
    int master;
    pid_t pid = attach(c, &shell, &master);
    if (pid < 0)
        return refuse("liblxc could not enter the container");
    if (master < 0 || !is_terminal_master(master)) {
        kill(pid, SIGKILL);
        wait_for(pid);
        return refuse("the container gives no terminal: is /dev/pts mounted in it?");
    }
    int r = send_fds(CT_CONSOLE_FD, &master, 1);
    close(master); /* the daemon's alone: the shell ends when it closes it */
    close(CT_CONSOLE_FD);
    if (r < 0) {
        wait_for(pid);
        return refuse("cannot hand over the terminal");
    }
    report_result(json_object());
    close(STDOUT_FILENO);
    return wait_for(pid);
}
