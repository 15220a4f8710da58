/* The baseline: libmicrohttpd over TLS that sends the same bytes for every request, with the same event
 * mechanism and as many threads as the gate. raw_http PORT CERT KEY BODY-FILE THREADS */
#include <microhttpd.h>

#include <fcntl.h>
#include <signal.h>

#include "base/fs.h"
#include "base/text.h"

static char *body;
static size_t body_len;

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *size, void **context)
{
    static int begun;
    (void)arg, (void)url, (void)method, (void)version, (void)data;
    if (!*context) {
        *context = &begun;
        return MHD_YES;
    }
    *size = 0;
    struct MHD_Response *r = MHD_create_response_from_buffer(body_len, body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(r, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, 200, r);
    MHD_destroy_response(r);
    return result;
}

int main(int argc, char **argv)
{
    struct err e;
    char *cert, *key;
    sigset_t set;
    int number;
    if (argc != 6 || fs_read(AT_FDCWD, argv[2], 1 << 20, &cert, NULL, &e) < 0 ||
        fs_read(AT_FDCWD, argv[3], 1 << 20, &key, NULL, &e) < 0 ||
        fs_read(AT_FDCWD, argv[4], 1 << 28, &body, &body_len, &e) < 0) {
        fprintf(stderr, "usage: raw_http PORT CERT KEY BODY-FILE THREADS\n");
        return 2;
    }
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS,
        (uint16_t)atoi(argv[1]), NULL, NULL, answer, NULL, MHD_OPTION_HTTPS_MEM_CERT, cert,
        MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)atoi(argv[5]),
        MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_END);
    if (!d)
        return 1;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &number);
    MHD_stop_daemon(d);
    return 0;
}
