/* The TLS connection of a client whose request has become something else. libmicrohttpd would carry the
 * bytes itself, between TLS and a pair of sockets, but through what is left of the request's memory: in the
 * release of Debian 12 four bytes at a time. So the session is taken over: it answers "nothing now" to
 * libmicrohttpd, and does its work for us only. */
#pragma once

#include <microhttpd.h>
#include <gnutls/gnutls.h>

#include "base/text.h"

struct upgraded {
    gnutls_session_t session;
    int fd;        /* borrowed from libmicrohttpd; nonblocking */
    bool ours;     /* the session is at work for us */
    bool flushing; /* it holds a record that is not all out */
    /* The rest of a record that came in. Left with the session, libmicrohttpd would read it. */
    size_t n_in, in_done;
    char in[16 * 1024];
    size_t n_out;
    char out[16 * 1024]; /* one record */
};

/* In libmicrohttpd's upgrade handler; false when there is no session. *u must stay where it is. */
bool upgraded_take(struct upgraded *u, struct MHD_Connection *connection);
/* Says goodbye, and leaves the rest to MHD_UPGRADE_ACTION_CLOSE. */
void upgraded_leave(struct upgraded *u);

#define UPGRADED_LATER  (-1)
#define UPGRADED_BROKEN (-2)
/* Bytes, 0 at the end, or one of these. */
ssize_t upgraded_recv(struct upgraded *u, void *data, size_t n);
/* Takes at least one byte, or one of these. With `more` it may wait for what follows. */
ssize_t upgraded_send(struct upgraded *u, const void *data, size_t n, bool more);
/* 0 when everything is out, or one of these. */
int upgraded_flush(struct upgraded *u);
