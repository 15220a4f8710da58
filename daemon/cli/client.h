/* One connection to lodged by its socket, one request at a time. Who is root on this host is an administrator
 * there. */
#pragma once

#include <stdbool.h>

#include "base/json.h"

struct client;
struct answer {
    int status;
    char *location, *etag, *cookie;
    char *body;
    size_t len;
    json_t *json; /* NULL when the body is no JSON */
};
void answer_clear(struct answer *a);

int client_open(const char *socket_path, const char *token, struct client **ret, struct err *e);
void client_close(struct client *c);
/* An answer that takes longer is an error; without this it is waited for. */
void client_limit(struct client *c, unsigned seconds);
struct call {
    const char *method, *path, *query, *body;
    bool create_only;           /* If-None-Match: * */
    const char *session, *csrf; /* somebody's who has signed in; NULL: the connection's own rights */
};
int client_call(struct client *c, const struct call *call, struct answer *ret, struct err *e);
/* A streamed answer: fn gets each piece until it returns false or the stream ends. */
int client_stream(struct client *c, const char *path, bool (*fn)(void *arg, const char *data, size_t n),
    void *arg, struct answer *ret_refused, struct err *e);

/* Asks for a console: its descriptor (wire/console.h), or the refusal. */
int client_console(struct client *c, const char *path, int *ret_fd, struct answer *ret, struct err *e);
/* Waits for why it ended; NULL when lodged is gone. Owned. */
json_t *client_console_end(struct client *c);
