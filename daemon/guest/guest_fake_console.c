/* Consoles of fake guests: a thread each that greets, gives back what it is sent, and knows a few lines:
 *
 *     flood BYTES     writes so many, as fast as they are taken, then "flooded in MS ms"
 *     size            "COLUMNS ROWS" of its terminal
 *     exit CODE       ends
 *
 * A line that begins with "#" is not given back: it waits a second and takes nothing meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "guest/guest_fake.h"

struct fake_console {
    int fd; /* the guest's side */
    bool vnc;
    enum guest_type type;
    char uuid[UUID_LEN + 1];
    int helper_fd; /* of a shell: tells its helper the code to end with; -1 */
    char line[128];
    size_t n_line;
    bool over;
    int code;
};

static void say(const struct fake_console *c, const char *text)
{
    fs_write_all(c->fd, text, strlen(text), NULL);
}

/* Each line has its number, so that a reader sees what is missing. */
static void flood(struct fake_console *c, uint64_t bytes)
{
    char block[4096 + 1], answer[64];
    uint64_t begun = clock_monotonic_ms(&clock_system), line = 0;
    for (uint64_t done = 0; done < bytes;) {
        size_t n = 0;
        while (n + 64 < sizeof(block))
            n += (size_t)snprintf(block + n, 65, "%015llu %047d\n", (unsigned long long)line++, 0);
        if (fs_write_all(c->fd, block, n, NULL) < 0)
            return;
        done += n;
    }
    snprintf(answer, sizeof(answer), "\nflooded in %llu ms\n",
        (unsigned long long)(clock_monotonic_ms(&clock_system) - begun));
    say(c, answer);
}

static void take_line(struct fake_console *c)
{
    struct winsize size = {0};
    char answer[64];
    if (text_starts(c->line, "flood ")) {
        flood(c, strtoull(c->line + 6, NULL, 10));
    } else if (streq(c->line, "size")) {
        ioctl(c->fd, TIOCGWINSZ, &size);
        snprintf(answer, sizeof(answer), "%u %u\n", size.ws_col, size.ws_row);
        say(c, answer);
    } else if (text_starts(c->line, "exit")) {
        c->code = (int)strtol(c->line + 4, NULL, 10);
        c->over = true;
    } else if (c->line[0] == '#') {
        usleep(999999);
    }
}

static void take(struct fake_console *c, const char *data, size_t n)
{
    fs_write_all(c->fd, data, n, NULL);
    for (size_t i = 0; i < n && !c->over; i++) {
        if (data[i] != '\n' && data[i] != '\r') {
            if (c->n_line + 1 < sizeof(c->line))
                c->line[c->n_line++] = data[i];
            continue;
        }
        c->line[c->n_line] = '\0';
        c->n_line = 0;
        take_line(c);
    }
}

static void *run(void *arg)
{
    struct fake_console *c = arg;
    char block[4096];
    if (c->vnc)
        say(c, "RFB 003.008\n");
    while (!c->over && guest_fake_state(c->type, c->uuid) != GUEST_STOPPED) {
        struct pollfd p = {c->fd, POLLIN, 0};
        if (poll(&p, 1, 20) <= 0)
            continue;
        ssize_t n = read(c->fd, block, sizeof(block));
        if (n <= 0)
            break;
        if (c->vnc)
            fs_write_all(c->fd, block, (size_t)n, NULL);
        else
            take(c, block, (size_t)n);
    }
    if (c->helper_fd >= 0) {
        dprintf(c->helper_fd, "%d\n", c->code);
        close(c->helper_fd);
    }
    close(c->fd);
    free(c);
    return NULL;
}

static int open_terminal(const struct console_target *target, int *ret_master, int *ret_slave, struct err *e)
{
    struct winsize size = {.ws_col = (unsigned short)target->columns, .ws_row = (unsigned short)target->rows};
    struct termios raw;
    int unlock = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return err_errno(e, errno, "cannot make a terminal");
    *ret_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    tcgetattr(*ret_slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(*ret_slave, TCSANOW, &raw);
    ioctl(*ret_slave, TIOCSWINSZ, &size);
    *ret_master = master;
    return 0;
}

/* As lodge-ct is for a shell: a process that ends with its code. */
static int start_helper(int *ret_fd, int *ret_pidfd, struct err *e)
{
    static const char *const argv[] = {"sh", "-c", "read code; exit $code", NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe");
    struct proc_fd in = {ends[0], 0};
    struct proc_spec spec = {.argv = argv, .fds = &in, .n_fds = 1, .quiet = true};
    int r = proc_spawn(&spec, NULL, ret_pidfd, e);
    close(ends[0]);
    *ret_fd = ends[1];
    return r;
}

int guest_fake_console_open(enum guest_type type, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e)
{
    struct fake_console *c = mem_new(struct fake_console, 1);
    struct console_source source = {-1, -1, -1};
    int ends[2] = {-1, -1};
    pthread_t thread;
    *c = (struct fake_console){.vnc = kind == CONSOLE_VNC, .type = type, .helper_fd = -1};
    snprintf(c->uuid, sizeof(c->uuid), "%s", target->uuid);
    int r = type == GUEST_CONTAINER ? open_terminal(target, &ends[0], &ends[1], e)
            : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0
                ? err_errno(e, errno, "cannot make a socket")
                : 0;
    if (r == 0 && kind == CONSOLE_SHELL)
        r = start_helper(&c->helper_fd, &source.pidfd, e);
    if (r < 0) {
        free(c);
        return -1;
    }
    source.fd = ends[0];
    c->fd = ends[1];
    if (pthread_create(&thread, NULL, run, c) != 0)
        abort();
    pthread_detach(thread);
    *ret = source;
    return 0;
}
