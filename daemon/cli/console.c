/* A console on this terminal: raw, resized with it, and restored however it ends. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#include "wire/console.h"

#define LEAVE_KEY 0x1d /* Ctrl-] */
#define END_KEY   0x04 /* Ctrl-D: the end of what is typed */

struct session {
    const struct console_wish *wish;
    struct client *client;
    int fd, signals;
    bool quiet, terminal, input_over, left, ended;
    char pending[CONSOLE_PACKET_MAX]; /* a packet that lodged has not taken yet */
    size_t n_pending;
};

static struct termios before;
static bool is_raw;

static void restore(void)
{
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    is_raw = false;
}

static void make_raw(struct session *s)
{
    struct termios raw;
    s->terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (!s->terminal)
        return;
    raw = before;
    cfmakeraw(&raw);
    atexit(restore);
    is_raw = true;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

static void say(const struct session *s, const char *text)
{
    if (!s->quiet)
        fprintf(stderr, s->terminal ? "\r\n[%s]\r\n" : "[%s]\n", text);
}

/* ---- to lodged ---- */

static void flush_pending(struct session *s)
{
    if (s->n_pending && (send(s->fd, s->pending, s->n_pending, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
                            (errno != EAGAIN && errno != EINTR)))
        s->n_pending = 0;
}

static void send_packet(struct session *s, char type, const void *data, size_t n)
{
    s->pending[0] = type;
    memcpy(s->pending + 1, data, n);
    s->n_pending = n + 1;
    flush_pending(s);
}

static bool window(struct winsize *size)
{
    return (ioctl(STDOUT_FILENO, TIOCGWINSZ, size) == 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, size) == 0) &&
           size->ws_col && size->ws_row;
}

static void send_size(struct session *s)
{
    struct winsize size;
    if (!window(&size))
        return;
    const unsigned char packet[] = {(unsigned char)(size.ws_col & 0xff), (unsigned char)(size.ws_col >> 8),
        (unsigned char)(size.ws_row & 0xff), (unsigned char)(size.ws_row >> 8)};
    send_packet(s, CONSOLE_RESIZE, packet, sizeof(packet));
}

static void read_input(struct session *s)
{
    static const char end = END_KEY;
    char block[4096];
    ssize_t n = read(STDIN_FILENO, block, sizeof(block));
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        s->input_over = true;
        if (s->wish->shell)
            send_packet(s, CONSOLE_DATA, &end, 1);
        return;
    }
    const char *leave = s->terminal && !s->wish->shell ? memchr(block, LEAVE_KEY, (size_t)n) : NULL;
    size_t typed = leave ? (size_t)(leave - block) : (size_t)n;
    s->left = leave;
    if (typed)
        send_packet(s, CONSOLE_DATA, block, typed);
}

/* ---- from lodged ---- */

static void write_all(const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(STDOUT_FILENO, data, n);
        if (done < 0 && errno != EINTR)
            return;
        data += MAX_OF(done, (ssize_t)0);
        n -= (size_t)MAX_OF(done, (ssize_t)0);
    }
}

static void take_control(const struct session *s, const char *text, size_t n)
{
    _cleanup_json_ json_t *json = NULL;
    char line[200];
    if (json_parse(text, n, "control", &json, NULL) < 0)
        return;
    const char *mode = json_get_str(json, "mode", NULL), *by = json_get_str(json, "by", NULL);
    long long lost = json_get_int(json, "lost", 0);
    if (mode && streq(mode, "viewer") && by && !s->wish->read_only) {
        snprintf(line, sizeof(line), "%.100s types here, you only look: --take takes over", by);
        say(s, line);
    }
    if (lost > 0) {
        snprintf(line, sizeof(line), "%lld bytes are missing here: this terminal was too slow", lost);
        say(s, line);
    }
}

static void read_console(struct session *s)
{
    char block[CONSOLE_PACKET_MAX];
    ssize_t n = recv(s->fd, block, sizeof(block), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        s->ended = true;
    else if (block[0] == CONSOLE_DATA)
        write_all(block + 1, (size_t)n - 1);
    else if (block[0] == CONSOLE_CONTROL)
        take_control(s, block + 1, (size_t)n - 1);
}

/* ---- the session ---- */

static void read_signal(struct session *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH)
        send_size(s);
    else
        s->left = true;
}

static int watch_signals(void)
{
    static const int numbers[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void relay(struct session *s)
{
    while (!s->left && !s->ended) {
        bool typing = !s->n_pending && !s->input_over;
        struct pollfd p[] = {
            {typing ? STDIN_FILENO : -1, POLLIN, 0},
            {s->fd, (short)(POLLIN | (s->n_pending ? POLLOUT : 0)), 0},
            {s->signals, POLLIN, 0},
        };
        if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
            return;
        if (p[1].revents & POLLOUT)
            flush_pending(s);
        if (p[1].revents & (POLLIN | POLLHUP | POLLERR))
            read_console(s);
        if (p[2].revents)
            read_signal(s);
        if (p[0].revents && !s->n_pending)
            read_input(s);
    }
}

/* A shell's code is ours; one that nobody knows, and a guest that stopped, are no success. */
static int report_end(const struct session *s)
{
    if (!s->ended)
        return EXIT_DONE;
    _cleanup_json_ json_t *end = client_console_end(s->client);
    long long code = json_get_int(end, "code", -1);
    if (code >= 0)
        return (int)code;
    say(s, end ? json_get_str(end, "detail", "ended") : "lodged is being restarted; the guest runs on");
    return EXIT_REFUSED;
}

static char *request_text(const struct console_wish *wish)
{
    struct winsize size;
    _cleanup_json_ json_t *body = json_pack("{s:s}", "kind", wish->shell ? "shell" : "serial");
    if (window(&size)) {
        json_object_set_new(body, "columns", json_integer(MIN_OF(size.ws_col, 1000)));
        json_object_set_new(body, "rows", json_integer(MIN_OF(size.ws_row, 1000)));
    }
    if (wish->read_only)
        json_object_set_new(body, "read_only", json_true());
    json_t *command = json_array();
    for (size_t i = 0; wish->command[i]; i++)
        json_array_append_new(command, json_string(wish->command[i]));
    if (json_array_size(command))
        json_object_set(body, "command", command);
    json_decref(command);
    return json_text(body);
}

static int fail(const struct err *e)
{
    fprintf(stderr, "lodge: %s\n", e->detail);
    if (e->hint[0])
        fprintf(stderr, "  %s\n", e->hint);
    return EXIT_UNREACHABLE;
}

/* The two calls: a ticket, and what it opens. -1: *ret_code says what was printed. */
static int open_console(struct client *c, const struct console_wish *wish, int *ret_code)
{
    struct answer a = {0};
    struct err e;
    int fd = -1;
    _cleanup_free_ char *path = path_of(&routes[ROUTE_ID_make_console], wish->guest);
    _cleanup_free_ char *body = request_text(wish), *url = NULL;
    struct call call = {.method = "POST", .path = path, .body = body};
    if (client_call(c, &call, &a, &e) < 0) {
        *ret_code = fail(&e);
        return -1;
    }
    if (a.status == 201) {
        url = mem_strdup(json_get_str(a.json, "url", ""));
        answer_clear(&a);
        if (client_console(c, url, &fd, &a, &e) < 0) {
            *ret_code = fail(&e);
            return -1;
        }
    }
    if (fd < 0)
        *ret_code = print_problem(&a, NULL);
    answer_clear(&a);
    return fd;
}

int console_run(struct client *c, const struct console_wish *wish, bool quiet)
{
    static const char take[] = "{\"take\":true}";
    int code = EXIT_REFUSED;
    struct session s = {.wish = wish, .client = c, .quiet = quiet, .fd = open_console(c, wish, &code)};
    if (s.fd < 0)
        return code;
    if (!quiet && !wish->shell)
        fprintf(stderr, "Connected to the console of %s. %s\n", wish->guest,
            isatty(STDIN_FILENO) ? "Ctrl-] leaves it." : "A signal leaves it.");
    s.signals = watch_signals();
    make_raw(&s);
    if (wish->take)
        send_packet(&s, CONSOLE_CONTROL, take, strlen(take));
    relay(&s);
    restore();
    code = report_end(&s);
    if (s.left && s.terminal && !quiet)
        fprintf(stderr, "\n");
    close(s.fd);
    return code;
}

int console_usage(const char *word)
{
    if (streq(word, "shell"))
        fputs("Usage: lodge shell NAME [-- PROGRAM ARGUMENTS…]\n\n"
              "A shell in a container, as its root, or a program instead; ends with its exit code.\n",
            stdout);
    else
        fputs("Usage: lodge console NAME [--take] [--read-only]\n\n"
              "The serial port of a virtual machine, or the console of a container. Ctrl-] leaves it.\n"
              "Several may look, one types.\n\n"
              "  --take        type, even when somebody else does\n"
              "  --read-only   only look\n",
            stdout);
    return EXIT_DONE;
}

bool console_parse(int argc, char **argv, struct console_wish *ret)
{
    *ret = (struct console_wish){.shell = streq(argv[1], "shell"), .command = argv + argc};
    for (int i = 2; i < argc; i++) {
        if (streq(argv[i], "--") && ret->shell && ret->guest) {
            ret->command = argv + i + 1;
            return true;
        }
        if (streq(argv[i], "--take") && !ret->shell) {
            ret->take = true;
        } else if (streq(argv[i], "--read-only") && !ret->shell) {
            ret->read_only = true;
        } else if (argv[i][0] != '-' && !ret->guest) {
            ret->guest = argv[i];
        } else {
            fprintf(stderr, "lodge: %s is not understood; lodge %s --help says what is\n", argv[i], argv[1]);
            return false;
        }
    }
    if (!ret->guest)
        fprintf(stderr, "lodge: lodge %s needs the name of a guest\n", argv[1]);
    return ret->guest;
}
