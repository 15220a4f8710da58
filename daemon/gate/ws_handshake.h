/* The beginning of a WebSocket (RFC 6455): may this request become one, and what answers it. Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct ws_request {
    /* Header values; NULL: absent. */
    const char *upgrade, *connection, *version, *key, *origin, *host;
    bool bearer; /* comes with an API token: no browser sends one by itself */
};

/* ERR_UPGRADE: it asks for no WebSocket of version 13. ERR_MALFORMED: the key is none. ERR_FORBIDDEN: it
 * comes from another site's page; without an Origin it comes from no browser, and then a token is needed. */
int ws_check(const struct ws_request *r, struct err *e);

/* Sec-WebSocket-Accept for a key. */
#define WS_ACCEPT_LEN 28
void ws_accept(const char *key, char out[static WS_ACCEPT_LEN + 1]);

/* Whether a comma-separated list of tokens has this one, in any case. */
bool ws_list_has(const char *list, const char *token);
