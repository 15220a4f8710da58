/* One connection that carries frames: reads without blocking, queues what is sent and writes it
 * when the loop is about to sleep, so that many small answers share a system call. Loop thread only. */
#pragma once

#include <sys/types.h>

#include "base/loop.h"
#include "wire/frame.h"

struct link;

struct link_handler {
    /* A whole frame; f->fd is closed afterwards unless the handler took it (and set it to -1). */
    void (*frame)(void *arg, struct link *link, struct frame *f);
    /* The peer is gone or broke the protocol; free the link here or later. Called once. */
    void (*closed)(void *arg, struct link *link, const char *why);
};

/* Takes the descriptor of a connected Unix stream socket. */
struct link *link_new(struct loop *loop, int fd, const struct link_handler *handler, void *arg);
void link_free(struct link *link);

/* Sends head (a line of JSON without its newline) and body as one frame; len limits hold: the sum is at
 * most FRAME_PAYLOAD_MAX - 1. fd -1 or owned by the link. Silently dropped when the peer is gone. */
void link_send(struct link *link, enum frame_type type, uint64_t stream, const char *head, size_t head_len,
    const char *body, size_t body_len, int fd);
/* Bytes that wait for a slow peer: senders of unbounded streams look at it and stop. */
size_t link_queued(const struct link *link);
/* Who is on the other side, from SO_PEERCRED at connect time. */
uid_t link_peer_uid(const struct link *link);

/* Connects to a Unix socket by path: blocking, for clients; e is required. */
int link_connect(const char *path, int *ret_fd, struct err *e);
/* A sealed memfd with these bytes; owned by the caller. */
int link_memfd(const void *data, size_t n, int *ret_fd, struct err *e);
