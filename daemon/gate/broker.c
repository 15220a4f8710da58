/* The broker: a process of the gate that may do one thing, connect to lodged, so that the part which
 * reads what strangers send may not connect at all. */
#include "gate/gate.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static void send_answer(int fd, int connection)
{
    char byte = connection >= 0 ? 'y' : 'n', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (connection >= 0) {
        m.msg_control = control;
        m.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(c), &connection, sizeof(int));
    }
    sendmsg(fd, &m, MSG_NOSIGNAL);
}

static _Noreturn void serve(int fd, const char *socket_path)
{
    char byte;
    struct err e;
    prctl(PR_SET_NAME, "gate-broker");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (confine_broker(&e) < 0)
        _exit(1);
    while (read(fd, &byte, 1) == 1) {
        int connection = -1;
        link_connect(socket_path, &connection, &e);
        send_answer(fd, connection);
        close_p(&connection);
    }
    _exit(0);
}

int broker_start(const char *socket_path, int *ret_fd, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(e, errno, "cannot make a socket pair");
    pid_t pid = fork();
    if (pid < 0)
        return err_errno(e, errno, "cannot fork");
    if (pid == 0) {
        close(pair[0]);
        serve(pair[1], socket_path);
    }
    close(pair[1]);
    *ret_fd = pair[0];
    return 0;
}

int broker_connect(int broker_fd)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one question at a time */
    char byte = '?', control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int fd = -1;
    pthread_mutex_lock(&lock);
    ssize_t n = write(broker_fd, &byte, 1) == 1 ? recvmsg(broker_fd, &m, MSG_CMSG_CLOEXEC) : -1;
    pthread_mutex_unlock(&lock);
    if (n <= 0)
        _exit(1); /* without its broker the gate is of no use: the supervisor starts both anew */
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(c), sizeof(int));
    return fd;
}
