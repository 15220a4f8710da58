/* The binding half of the routes: a handler each. */
#pragma once

#include "api/request.h"

#define ROUTE(id, method, path, kind, permission, input, query, flags, verb, handler, help)                  \
    int h_##handler(struct request *r, struct err *e);
#include "api/routes.def"
