#include "gate/upgraded.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* What waits in the kernel for a client that is slow. By itself it would take megabytes, and what a terminal
 * shows would be that much old. */
#define UNSENT_MAX (128 * 1024)

static ssize_t pull(gnutls_transport_ptr_t arg, void *data, size_t n)
{
    struct upgraded *u = arg;
    if (u && u->ours)
        return recv(u->fd, data, n, MSG_DONTWAIT);
    errno = EAGAIN;
    return -1;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *data, size_t n)
{
    struct upgraded *u = arg;
    if (u && u->ours)
        return send(u->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    errno = EAGAIN;
    return -1;
}

/* All of one, so that the session keeps nothing back. */
static ssize_t take_record(struct upgraded *u)
{
    u->ours = true;
    ssize_t r = gnutls_record_recv(u->session, u->in, sizeof(u->in));
    u->ours = false;
    u->n_in = r > 0 ? (size_t)r : 0;
    u->in_done = 0;
    return r;
}

bool upgraded_take(struct upgraded *u, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *session =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int one = 1, unsent = UNSENT_MAX;
    if (!session || !session->tls_session || !fd)
        return false;
    u->session = session->tls_session;
    u->fd = fd->connect_fd;
    gnutls_transport_set_pull_function(u->session, pull);
    gnutls_transport_set_push_function(u->session, push);
    gnutls_transport_set_ptr(u->session, u);
    if (gnutls_record_check_pending(u->session) > 0)
        take_record(u);
    setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* the upgrade has taken it away */
    setsockopt(u->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    return true;
}

void upgraded_leave(struct upgraded *u)
{
    if (!u->session)
        return;
    u->ours = true;
    gnutls_bye(u->session, GNUTLS_SHUT_WR);
    u->ours = false;
    gnutls_transport_set_ptr(u->session, NULL);
    u->session = NULL;
}

static int later_or_broken(ssize_t r)
{
    return r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED ? UPGRADED_LATER : UPGRADED_BROKEN;
}

ssize_t upgraded_recv(struct upgraded *u, void *data, size_t n)
{
    if (u->in_done == u->n_in) {
        ssize_t r = take_record(u);
        if (r <= 0)
            return r ? later_or_broken(r) : 0;
    }
    size_t part = MIN_OF(n, u->n_in - u->in_done);
    memcpy(data, u->in + u->in_done, part);
    u->in_done += part;
    return (ssize_t)part;
}

int upgraded_flush(struct upgraded *u)
{
    if (!u->flushing && !u->n_out)
        return 0;
    u->ours = true;
    /* A record that could not leave is the session's own: it is asked to go on with it. */
    ssize_t r = u->flushing ? gnutls_record_send(u->session, NULL, 0)
                            : gnutls_record_send(u->session, u->out, u->n_out);
    u->ours = false;
    int result = r < 0 ? later_or_broken(r) : 0;
    u->flushing = result == UPGRADED_LATER;
    u->n_out = 0;
    return result;
}

ssize_t upgraded_send(struct upgraded *u, const void *data, size_t n, bool more)
{
    if (u->flushing || u->n_out == sizeof(u->out)) {
        int r = upgraded_flush(u);
        if (r < 0)
            return r;
    }
    size_t part = MIN_OF(n, sizeof(u->out) - u->n_out);
    memcpy(u->out + u->n_out, data, part);
    u->n_out += part;
    if (!more && part == n && upgraded_flush(u) == UPGRADED_BROKEN)
        return UPGRADED_BROKEN;
    return (ssize_t)part;
}
