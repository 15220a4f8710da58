/* lodge-gate: opens what it will need, gives up everything else, serves. */
#include "gate/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/log.h"

#define WORKERS_MAX   16
#define TIMEOUT_MAX_S 3600

static const char usage[] =
    "Usage: lodge-gate [--state DIR] [--listen ADDRESS:PORT] [--static DIR] [--workers N]\n"
    "\n"
    "Serves the API and the console over HTTPS, and passes requests on to lodged.\n"
    "\n"
    "  --state DIR            where lodged's socket and the certificate are (LODGE_STATE; /var/lib/lodge)\n"
    "  --listen ADDRESS:PORT  default 127.0.0.1:8443; [::]:8443 for all addresses\n"
    "  --static DIR           the console's files\n"
    "  --workers N            threads (default: one for each CPU)\n"
    "  --header-timeout S     seconds for the handshake and the first request's headers (15)\n"
    "  --idle-timeout S       seconds until the next request's headers are there (75)\n"
    "  --body-timeout S       seconds for a request's body (30)\n"
    "  --check-sandbox        give up all rights, try what must fail, and say what did\n"
    "  --version, --help\n";

struct arguments {
    const char *state, *listen, *static_dir;
    uint64_t workers, first_header_s, next_header_s, body_s;
};

/* 1 to max, or the program ends with a word about it. */
static void take_number(const char *option, const char *text, uint64_t max, uint64_t *ret)
{
    if (text_u64(text, ret) && *ret >= 1 && *ret <= max)
        return;
    fprintf(stderr, "%s must be 1 to %llu\n", option, (unsigned long long)max);
    exit(2);
}

static void parse_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
        {"listen", required_argument, NULL, 'l'}, {"static", required_argument, NULL, 'd'},
        {"workers", required_argument, NULL, 'w'}, {"header-timeout", required_argument, NULL, 'H'},
        {"idle-timeout", required_argument, NULL, 'I'}, {"body-timeout", required_argument, NULL, 'B'},
        {"check-sandbox", no_argument, NULL, 'c'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'}, {0}};
    const char *state = getenv("LODGE_STATE");
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    *a = (struct arguments){.state = state && *state ? state : "/var/lib/lodge",
        .listen = "127.0.0.1:8443",
        .static_dir = "/usr/share/lodge/webui",
        .workers = (uint64_t)MIN_OF(MAX_OF(cpus, 1L), (long)WORKERS_MAX),
        .first_header_s = GATE_FIRST_HEADER_S,
        .next_header_s = GATE_NEXT_HEADER_S,
        .body_s = GATE_BODY_S};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 's': a->state = optarg; break;
        case 'l': a->listen = optarg; break;
        case 'd': a->static_dir = optarg; break;
        case 'w': take_number("--workers", optarg, WORKERS_MAX, &a->workers); break;
        case 'H': take_number("--header-timeout", optarg, TIMEOUT_MAX_S, &a->first_header_s); break;
        case 'I': take_number("--idle-timeout", optarg, TIMEOUT_MAX_S, &a->next_header_s); break;
        case 'B': take_number("--body-timeout", optarg, TIMEOUT_MAX_S, &a->body_s); break;
        case 'c': exit(confine_check());
        case 'v': puts("lodge-gate " LODGE_VERSION); exit(0);
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
}

static int listen_on(const char *where, int *ret_fd, struct err *e)
{
    char host[128];
    const char *colon = strrchr(where, ':');
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                        .ai_socktype = SOCK_STREAM,
                        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
                    *list;
    if (!colon || (size_t)(colon - where) >= sizeof(host))
        return err_set(e, ERR_INVALID, "--listen %s is not ADDRESS:PORT", where);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
    char *bare = host;
    size_t n = strlen(host);
    if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        bare = host + 1;
    }
    int r = getaddrinfo(*bare ? bare : NULL, colon + 1, &hints, &list);
    if (r != 0)
        return err_set(e, ERR_INVALID, "--listen %s: %s", where, gai_strerror(r));
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, zero = 0;
    if (fd < 0 && errno == EAFNOSUPPORT && streq(bare, "::")) { /* a kernel without IPv6 */
        freeaddrinfo(list);
        snprintf(host, sizeof(host), "0.0.0.0:%s", colon + 1);
        return listen_on(host, ret_fd, e);
    }
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (list->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    }
    r = fd < 0 ? -1 : bind(fd, list->ai_addr, list->ai_addrlen);
    int saved = errno;
    freeaddrinfo(list);
    if (r < 0 || listen(fd, 1024) < 0) {
        err_errno(e, r < 0 ? saved : errno, "cannot listen on %s", where);
        close_p(&fd);
        return err_hint(e, "another program may use that port: choose another one with --listen "
                           "(LODGE_LISTEN in /etc/default/lodge)");
    }
    *ret_fd = fd;
    return 0;
}

static void *worker_thread(void *arg)
{
    struct worker *w = arg;
    loop_run(w->loop);
    return NULL;
}

static void on_signal(void *arg, uint32_t number)
{
    struct gate *g = arg;
    (void)number;
    for (size_t i = 0; i < g->n_workers; i++)
        loop_stop(g->workers[i].loop, 0);
}

static int start_workers(struct gate *g, struct err *e)
{
    for (size_t i = 0; i < g->n_workers; i++) {
        struct worker *w = &g->workers[i];
        *w = (struct worker){.gate = g, .loop = w->loop ? w->loop : loop_new()};
        if (worker_http_start(w, e) < 0)
            return -1;
        upstream_start(w);
    }
    return 0;
}

static int serve(struct gate *g, struct err *e)
{
    static const int ending[] = {SIGTERM, SIGINT};
    pthread_t threads[WORKERS_MAX];
    g->workers[0].loop = loop_new();
    loop_watch_signals(g->workers[0].loop, ending, ARRAY_SIZE(ending), on_signal, g);
    if (start_workers(g, e) < 0)
        return -1;
    for (size_t i = 1; i < g->n_workers; i++)
        if (pthread_create(&threads[i], NULL, worker_thread, &g->workers[i]) != 0)
            return err_set(e, ERR_INTERNAL, "cannot start a thread");
    if (confine(e) < 0)
        return -1;
    log_info("serving");
    loop_run(g->workers[0].loop);
    for (size_t i = 1; i < g->n_workers; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < g->n_workers; i++) {
        worker_http_stop(&g->workers[i]);
        upstream_stop(&g->workers[i]);
        loop_free(g->workers[i].loop);
    }
    close(g->listen_fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct static_files files = {0};
    struct err e = {0};
    char *cert = NULL, *key = NULL;
    log_init("lodge-gate", LOG_LEVEL_INFO);
    parse_arguments(argc, argv, &a);
    signal(SIGPIPE, SIG_IGN);
    struct gate g = {.files = &files,
        .deadlines = {a.first_header_s * 1000, a.next_header_s * 1000, a.body_s * 1000},
        .addresses = addresses_new(GATE_PER_ADDRESS),
        .listen_fd = -1,
        .broker_fd = -1,
        .n_workers = (size_t)a.workers};
    _cleanup_free_ char *socket = mem_printf("%s/run/lodged.sock", a.state);
    /* The broker first: it inherits neither the listening socket, which the next gate wants at once, nor the
     * key. */
    int r = broker_start(socket, &g.broker_fd, &e) < 0 || listen_on(a.listen, &g.listen_fd, &e) < 0 ||
                    certificate_load(a.state, &cert, &key, &e) < 0 ||
                    static_files_load(a.static_dir, &files, &e) < 0
                ? -1
                : 0;
    g.cert = cert;
    g.key = key;
    g.workers = mem_new(struct worker, g.n_workers);
    if (r == 0)
        r = serve(&g, &e);
    if (r < 0) {
        log_error("%s", e.detail);
        if (e.hint[0])
            log_error("%s", e.hint);
    }
    static_files_free(&files);
    addresses_free(g.addresses);
    free(g.workers);
    free(cert);
    if (key)
        explicit_bzero(key, strlen(key));
    free(key);
    return r < 0 ? 1 : 0;
}
