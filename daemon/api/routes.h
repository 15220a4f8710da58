/* The descriptive half of the routes, expanded from routes.def: enough for the command line, the
 * OpenAPI document and the router. The handlers stand in handlers.h. */
#pragma once

#include "schema/kinds.h"
#include "schema/fields.h"

enum method { METHOD_GET, METHOD_PUT, METHOD_PATCH, METHOD_POST, METHOD_DELETE, METHOD_COUNT };

enum route_flags {
    ROUTE_OPEN = 1 << 0,        /* nobody has to be signed in */
    ROUTE_LISTS = 1 << 1,       /* answers {"items": […]} */
    ROUTE_ITEM = 1 << 2,        /* works on the resource in {name} */
    ROUTE_RESOURCE_IN = 1 << 3, /* the body is {"metadata": …, "spec": …} of the kind */
    ROUTE_TASK = 1 << 4,        /* may answer 202 with a task */
    ROUTE_ACTION = 1 << 5,      /* a named action; the body may be left out */
    ROUTE_STREAM = 1 << 6,      /* answers with an event stream */
    ROUTE_TEXT = 1 << 7,        /* answers with plain text */
    ROUTE_START = 1 << 8,       /* ?start=true */
    ROUTE_BYTES = 1 << 10,      /* the body is raw bytes in a memory file */
    ROUTE_UPGRADE = 1 << 11,    /* turns into a WebSocket, or on the socket gives a descriptor;
                                 * its path holds a secret */
};

/* X(symbol, name, type for the document, help): parameters behind the question mark. */
#define QUERY_PARAMETERS(X)                                                                                  \
    X(LIMIT, "limit", "integer", "How many items at the most; the rest follows with the cursor")             \
    X(CURSOR, "cursor", "string", "Where the last answer ended: its \"next\"")                               \
    X(FILTER, "filter", "string",                                                                            \
        "Terms joined by commas: path=value, path!=value, path~part, such as "                               \
        "status.state=running,metadata.labels.team=a")                                                       \
    X(FIELDS, "fields", "string", "Only these members, such as metadata.name,status.state")                  \
    X(DRY_RUN, "dry_run", "boolean", "Run all checks and answer with the plan; change nothing")              \
    X(WAIT, "wait", "string", "Answer when the task has ended, or after this time such as 30s")              \
    X(START, "start", "boolean", "Start the guest once it is there")                                         \
    X(PURGE, "purge", "boolean", "Past the trash: the data is gone at once")                                 \
    X(FORCE, "force", "boolean", "Stop the guest first when it runs")                                        \
    X(BEFORE, "before", "integer", "Records before this number")                                             \
    X(AFTER, "after", "integer", "Records after this number")                                                \
    X(WHO, "who", "string", "Records of this caller")                                                        \
    X(OBJECT_PATH, "object", "string", "Records about this object, such as /guests/web1")

enum query_index {
#define X(symbol, name, type, help) QUERY_INDEX_##symbol,
    QUERY_PARAMETERS(X)
#undef X
        QUERY_INDEX_COUNT
};

enum query_flags {
#define X(symbol, name, type, help) QUERY_##symbol = 1 << QUERY_INDEX_##symbol,
    QUERY_PARAMETERS(X)
#undef X
        QUERY_LIST = QUERY_LIMIT | QUERY_CURSOR | QUERY_FILTER | QUERY_FIELDS,
    QUERY_CHANGE = QUERY_DRY_RUN,
    QUERY_AUDIT = QUERY_LIMIT | QUERY_BEFORE | QUERY_AFTER | QUERY_WHO | QUERY_OBJECT_PATH,
};

struct query_parameter {
    const char *name;
    const char *type;
    const char *help;
};
extern const struct query_parameter query_parameters[QUERY_INDEX_COUNT];

enum route_id {
#define ROUTE(id, ...) ROUTE_ID_##id,
#include "api/routes.def"
    ROUTE_COUNT
};

struct route {
    enum route_id id;
    enum method method;
    const char *path;       /* below /api/v1 */
    int kind;               /* enum kind, or -1 */
    const char *permission; /* NULL: whoever is signed in */
    enum object_id input;
    unsigned query;
    unsigned flags;
    const char *verb; /* of the command line; NULL: not on it */
    const char *help;
};

extern const struct route routes[ROUTE_COUNT];
extern const char *const method_names[METHOD_COUNT];
/* What the handler with ?start=… takes besides the route's own query flags. */
unsigned route_query(const struct route *r);
