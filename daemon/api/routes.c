#include "api/routes.h"

const struct query_parameter query_parameters[QUERY_INDEX_COUNT] = {
#define X(symbol, n, t, h) [QUERY_INDEX_##symbol] = {.name = (n), .type = (t), .help = (h)},
    QUERY_PARAMETERS(X)
#undef X
};

const struct route routes[ROUTE_COUNT] = {
#define ROUTE(i, m, p, k, perm, in, q, f, v, handler, h)                                                     \
    [ROUTE_ID_##i] = {.id = ROUTE_ID_##i,                                                                    \
        .method = METHOD_##m,                                                                                \
        .path = (p),                                                                                         \
        .kind = (int)(k),                                                                                    \
        .permission = (perm),                                                                                \
        .input = (in),                                                                                       \
        .query = (q),                                                                                        \
        .flags = (f),                                                                                        \
        .verb = (v),                                                                                         \
        .help = (h)},
#include "api/routes.def"
};

const char *const method_names[METHOD_COUNT] = {[METHOD_GET] = "GET",
    [METHOD_PUT] = "PUT",
    [METHOD_PATCH] = "PATCH",
    [METHOD_POST] = "POST",
    [METHOD_DELETE] = "DELETE"};

unsigned route_query(const struct route *r)
{
    return r->query | (r->flags & ROUTE_START ? (unsigned)QUERY_START : 0U);
}
