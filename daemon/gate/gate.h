/* lodge-gate: the unprivileged front. It owns TLS, HTTP, limits and static files, and has no authority:
 * it hands the caller's session or token on, and lodged decides. A worker is a thread with an HTTP
 * daemon, a link to lodged and a loop of its own; workers share what is read-only, and the count of
 * connections that each address has. */
#pragma once

#include <microhttpd.h>

#include "base/loop.h"
#include "base/text.h"
#include "gate/addresses.h"
#include "gate/static_files.h"
#include "wire/link.h"
#include "wire/message.h"

#define GATE_BODY_MAX          (512 * 1024)
#define GATE_PART_MAX          (8 * 1024 * 1024) /* of an upload's part */
#define GATE_PARTS_MAX         8                 /* that a worker holds at once */
#define GATE_PARTS_PER_ADDRESS 4   /* of these: whose they are is known only once they are here */
#define GATE_PART_S            300 /* for a part to come in: 220 kbit/s */
#define GATE_HEADER_MEMORY                                                                                   \
    (24 * 1024)                /* request line and headers, and MHD's own needs; cleared for each request */
#define GATE_FIRST_HEADER_S 15 /* TLS handshake and the first request's headers */
#define GATE_NEXT_HEADER_S  75 /* idle, and the next request's headers */
#define GATE_BODY_S         30
#define GATE_STALL_S        120 /* a reader that takes nothing for so long is gone */
#define GATE_CONNECTIONS    1024
#define GATE_PER_ADDRESS    64                /* over all workers */
#define GATE_STREAM_QUEUE   (8 * 1024 * 1024) /* of an event stream that its reader does not keep up with */
#define GATE_STREAMS_QUEUE                                                                                   \
    (32 * 1024 * 1024) /* of all of a worker together: beyond, whoever is behind at all is cut off */

struct worker;
struct exchange;
struct console;

/* One client connection: what the sweep of deadlines needs. */
struct client {
    struct worker *worker;
    int fd;               /* borrowed from MHD */
    uint64_t deadline_ms; /* monotonic; 0: none */
    char address[ADDRESS_KEY_MAX];
    bool sends_part; /* of an upload */
    struct client *next, **at;
};

/* One request and its answer. */
struct exchange {
    struct worker *worker;
    struct client *client;
    struct MHD_Connection *connection;
    uint64_t stream; /* 0: not with lodged */
    char *target;    /* path and query as they came */
    bool begun;      /* the headers are complete */
    struct buf body;
    bool too_large;
    bool is_part; /* of an upload: raw bytes, handed on as a memory file */
    bool suspended;
    bool wants_gzip;
    struct MHD_Response *response; /* ready to be queued */
    int status;
    bool is_stream, stream_ended, stream_cut;
    bool websocket; /* asks for one, as it should */
    bool ws_binary; /* offers the subprotocol "binary", as noVNC does */
    char ws_key[32];
    struct console *console; /* what it has become */
    struct buf out;          /* bytes of an event stream that wait for the client */
    size_t out_done;
    struct exchange *next, **at; /* by stream, in the worker's table */
};

#define EXCHANGE_SLOTS 1024

/* In all, however the bytes drip in. */
struct deadlines {
    uint64_t first_header_ms, next_header_ms, body_ms;
};

struct gate {
    struct deadlines deadlines;
    const struct static_files *files;
    const char *cert, *key; /* PEM */
    struct addresses *addresses;
    int listen_fd;
    int broker_fd;
    size_t n_workers;
    struct worker *workers;
};

struct worker {
    struct gate *gate;
    struct loop *loop;
    struct MHD_Daemon *http;
    struct loop_watch *http_watch;
    struct loop_timer *tick;
    struct loop_timer *reconnect;
    struct link *link;
    uint64_t next_stream;
    size_t stream_bytes; /* that wait in the `out` of all exchanges */
    struct exchange *slots[EXCHANGE_SLOTS];
    struct client *clients;
    size_t parts; /* of uploads, being received */
    /* A connection that was let in and whose client MHD has not announced yet. */
    bool entering;
    char entering_address[ADDRESS_KEY_MAX];
    struct console *consoles;
    bool run_again;
};

/* ---- http.c ---- */
int worker_http_start(struct worker *w, struct err *e);
void worker_http_stop(struct worker *w);
/* The answer of lodged is there, or the link broke: lets MHD go on with it. */
void exchange_ready(struct exchange *x, struct MHD_Response *response, int status);
void exchange_resume(struct exchange *x);

/* ---- upstream.c ---- */
void upstream_start(struct worker *w);
void upstream_stop(struct worker *w);
/* Sends the request; false when lodged is away. fd moves; -1: none. */
bool upstream_send(struct exchange *x, const struct request_head *head, const char *body, size_t n, int fd);
/* Nobody waits any more. */
void upstream_cancel(struct exchange *x);

/* ---- respond.c ---- */
struct MHD_Response *respond_problem(enum err_code code, const char *detail, const char *hint);
struct MHD_Response *respond_upstream(
    struct exchange *x, const struct response_head *head, const char *body, size_t n, int fd);
struct MHD_Response *respond_stream(struct exchange *x, const char *type);
/* A static file or its "not modified"; the status in *ret_status. */
struct MHD_Response *respond_file(struct exchange *x, const char *path, int *ret_status);

/* ---- console.c ---- */
/* The answer that makes a WebSocket of the exchange, between its client and fd (owned). */
struct MHD_Response *console_begin(struct exchange *x, const char *kind, int fd);
/* lodged says why the console of this exchange ends, then that it has. */
void console_reason(struct exchange *x, const char *text, size_t n);
void console_ended(struct exchange *x, bool link_lost);
/* MHD forgets the exchange. */
void console_exchange_gone(struct exchange *x);
void consoles_tick(struct worker *w);
void consoles_stop(struct worker *w);

/* ---- broker.c ---- */
/* Forks the process that may connect to lodged and hands connections over; *ret_fd asks it. */
int broker_start(const char *socket_path, int *ret_fd, struct err *e);
/* A fresh connection to lodged, -1 while it is away. Thread-safe. */
int broker_connect(int broker_fd);

/* ---- confine.c ---- */
/* Gives up root, every capability and all but a list of system calls, for all threads. */
int confine(struct err *e);
/* Tries what must fail, prints the outcome; the exit code. */
int confine_check(void);
/* The same for the broker, which may connect. */
int confine_broker(struct err *e);

/* ---- certificate.c ---- */
/* Reads DIR/tls/{cert,key}.pem, making a self-signed pair at the first start. Owned texts. */
int certificate_load(const char *state_dir, char **ret_cert, char **ret_key, struct err *e);
