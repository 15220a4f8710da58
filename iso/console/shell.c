#include "iso/console/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fs.h"

#define BLOCK 4096

static _Noreturn void become_shell(void)
{
    const char *term = getenv("TERM");
    char kind[64];
    snprintf(kind, sizeof(kind), "TERM=%s", term ? term : "vt220");
    char *env[] = {kind, (char[]){"HOME=/root"}, (char[]){"USER=root"}, (char[]){"LOGNAME=root"},
        (char[]){"SHELL=/bin/bash"}, (char[]){"LANG=C.UTF-8"},
        (char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, NULL};
    for (int s = 1; s < SIGRTMIN; s++)
        signal(s, SIG_DFL);
    if (chdir("/root") < 0 && chdir("/") < 0)
        _exit(126);
    execve("/bin/bash", (char *[]){(char[]){"-bash"}, (char[]){"-l"}, NULL}, env);
    dprintf(STDERR_FILENO, "/bin/bash cannot be started: %m\n");
    _exit(127);
}

/* False when one of the two is gone. */
static bool pass(int from, int to)
{
    char block[BLOCK];
    struct err ignored;
    ssize_t n = read(from, block, sizeof(block));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    return n > 0 && fs_write_all(to, block, (size_t)n, &ignored) == 0;
}

/* Screens that change their size while a shell runs. */
static void follow_size(int shell, struct winsize *last)
{
    struct winsize now;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) == 0 && memcmp(&now, last, sizeof(now)) != 0) {
        (void)ioctl(shell, TIOCSWINSZ, &now);
        *last = now;
    }
}

static bool has_ended(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) != 0;
}

/* Until the shell has ended and its last words are passed on, or the terminal is gone. */
static void relay(int shell, pid_t pid, struct winsize *size)
{
    bool ended = false;
    for (;;) {
        ended = ended || has_ended(pid);
        struct pollfd p[] = {{STDIN_FILENO, POLLIN, 0}, {shell, POLLIN, 0}};
        int n = poll(p, ARRAY_SIZE(p), ended ? 0 : 500);
        follow_size(shell, size);
        if (n > 0 && p[1].revents && !pass(shell, STDOUT_FILENO))
            break;
        if (n > 0 && p[0].revents && !ended && !pass(STDIN_FILENO, shell))
            break;
        if (ended && !(n > 0 && p[1].revents))
            return;
    }
    if (ended)
        return;
    (void)kill(-pid, SIGHUP);
    (void)kill(pid, SIGHUP);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int shell_run(struct err *e)
{
    struct termios before, raw;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int shell;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_errno(e, errno, "this is no terminal");
    (void)ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
    pid_t pid = forkpty(&shell, NULL, &before, &size);
    if (pid < 0)
        return err_errno(e, errno, "a shell cannot be started");
    if (pid == 0)
        become_shell();
    raw = before;
    cfmakeraw(&raw);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    relay(shell, pid, &size);
    close(shell);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    return 0;
}
