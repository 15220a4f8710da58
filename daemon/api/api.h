/* The API server inside lodged: listens on the Unix socket, authenticates each request, routes it to a
 * handler and answers. Everything here runs on the loop's thread; what blocks goes to workers. */
#pragma once

#include "auth/access.h"
#include "auth/attempts.h"
#include "auth/audit.h"
#include "auth/sessions.h"
#include "auth/tokens.h"
#include "core/core.h"

struct api_options {
    struct core *core;
    struct audit *audit;
    const char *socket_path;
    unsigned socket_gid; /* the socket is root's and this group's, 0660 */
};

struct api;
int api_open(const struct api_options *options, struct api **ret, struct err *e);
void api_close(struct api *api);
/* The OpenAPI document, from the tables alone; owned. */
char *openapi_text(void);
