/* The OpenAPI 3.1 document, from the tables alone. */
#include "api/handlers.h"

#include "core/views.h"

static json_t *ref_to(const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
}

static json_t *parse_fallback(const struct field *f)
{
    uint64_t size;
    switch (f->type) {
    case FIELD_INT: return json_integer(strtoll(f->fallback, NULL, 10));
    case FIELD_BOOL: return json_boolean(streq(f->fallback, "true"));
    case FIELD_SIZE: return text_size(f->fallback, &size) ? json_integer((json_int_t)size) : json_null();
    default: return json_string(f->fallback);
    }
}

static json_t *string_schema(int format)
{
    json_t *schema = json_pack("{s:s}", "type", "string");
    if (format_of(format)->pattern)
        json_object_set_new(schema, "pattern", json_string(format_of(format)->pattern));
    return schema;
}

static json_t *enum_schema(int id)
{
    json_t *values = json_array();
    for (size_t i = 0; i < enumeration_of(id)->n_values; i++)
        json_array_append_new(values, json_string(enumeration_of(id)->values[i]));
    return json_pack("{s:s, s:o}", "type", "string", "enum", values);
}

static json_t *range(json_t *schema, const char *low, const char *high, const struct field *f)
{
    if (f->min || f->max) {
        json_object_set_new(schema, low, json_integer(f->min));
        json_object_set_new(schema, high, json_integer(f->max));
    }
    return schema;
}

static json_t *type_schema(const struct field *f)
{
    switch (f->type) {
    case FIELD_STRING: return range(string_schema(f->ref), "minLength", "maxLength", f);
    case FIELD_INT: return range(json_pack("{s:s}", "type", "integer"), "minimum", "maximum", f);
    case FIELD_SIZE: {
        if (object_of(f->object)->flags & OBJECT_SHOWN)
            return json_pack("{s:s}", "type", "integer");
        json_t *bytes = range(
            json_pack("{s:s, s:s}", "type", "integer", "description", "bytes"), "minimum", "maximum", f);
        json_t *text = json_pack("{s:s, s:s, s:s}", "type", "string", "pattern",
            "^[0-9]+([.][0-9]{1,6})? ?(B|KiB|MiB|GiB|TiB|PiB)?$", "description",
            "with an IEC unit, on input only");
        return json_pack("{s:[o, o]}", "anyOf", bytes, text);
    }
    case FIELD_BOOL: return json_pack("{s:s}", "type", "boolean");
    case FIELD_ENUM: return enum_schema(f->ref);
    case FIELD_OBJECT: return ref_to(object_of((enum object_id)f->ref)->name);
    case FIELD_OBJECTS:
        return range(json_pack("{s:s, s:o}", "type", "array", "items",
                         ref_to(object_of((enum object_id)f->ref)->name)),
            "minItems", "maxItems", f);
    case FIELD_STRINGS:
        return range(json_pack("{s:s, s:o}", "type", "array", "items", string_schema(f->ref)), "minItems",
            "maxItems", f);
    case FIELD_MAP: {
        json_t *schema = json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "additionalProperties", "type",
            "string", "propertyNames", string_schema(f->ref));
        json_object_set_new(schema, "maxProperties", json_integer(f->max));
        return schema;
    }
    case FIELD_NUMBER: return json_pack("{s:s}", "type", "number");
    case FIELD_NUMBERS: return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "number");
    }
    return json_object();
}

static json_t *field_schema(const struct field *f)
{
    json_t *schema = type_schema(f);
    _cleanup_buf_ struct buf help = {0};
    buf_str(&help, f->help);
    if (f->flags & FIELD_FIXED)
        buf_str(&help, ". Fixed at creation");
    if (f->flags & FIELD_RESTART)
        buf_str(&help, ". A running guest takes it up at its next start");
    json_object_set_new(schema, "description", json_string(help.data));
    if (f->flags & FIELD_NULLABLE)
        json_object_set_new(schema, "type", json_pack("[O, s]", json_object_get(schema, "type"), "null"));
    if (f->fallback)
        json_object_set_new(schema, "default", parse_fallback(f));
    if (f->flags & FIELD_READ_ONLY)
        json_object_set_new(schema, "readOnly", json_true());
    if (f->flags & FIELD_WRITE_ONLY)
        json_object_set_new(schema, "writeOnly", json_true());
    return schema;
}

static json_t *object_schema(const struct object *o)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < o->n_fields; i++) {
        json_object_set_new(properties, o->fields[i].name, field_schema(&o->fields[i]));
        if (o->fields[i].flags & FIELD_REQUIRED)
            json_array_append_new(required, json_string(o->fields[i].name));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", o->help, "properties",
        properties, "additionalProperties", 0);
    if (json_array_size(required))
        json_object_set_new(schema, "required", required);
    else
        json_decref(required);
    if (o->flags & OBJECT_ONE_OF) {
        json_object_set_new(schema, "minProperties", json_integer(1));
        json_object_set_new(schema, "maxProperties", json_integer(1));
    }
    return schema;
}

static const char *const problem_schema =
    "{\"type\":\"object\",\"description\":\"RFC "
    "9457\",\"required\":[\"type\",\"title\",\"status\",\"code\",\"detail\"],\"properties\":{"
    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
    "\"code\":{\"type\":\"string\",\"description\":\"stable, for "
    "programs\"},\"detail\":{\"type\":\"string\",\"description\":\"what happened and why\"},"
    "\"hint\":{\"type\":\"string\",\"description\":\"what would make it work\"},"
    "\"parameter\":{\"type\":\"string\",\"description\":\"a query parameter of the same request that would "
    "make it "
    "work, given as true\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\",\"detail\"],"
    "\"properties\":{"
    "\"pointer\":{\"type\":\"string\",\"description\":\"JSON pointer into the request body, or "
    "?parameter\"},\"detail\":{\"type\":\"string\"}}}}}}";

static const char *const plan_schema =
    "{\"type\":\"object\",\"description\":\"What a change would do: the answer to a dry run\","
    "\"required\":[\"dry_run\",\"change\",\"effects\",\"steps\",\"needs_restart\",\"task\"],\"properties\":{"
    "\"dry_run\":{\"const\":true},"
    "\"change\":{\"type\":\"string\",\"enum\":[\"create\",\"update\",\"delete\",\"action\"]},"
    "\"effects\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"pointer\",\"effect\"],"
    "\"properties\":{\"pointer\":{\"type\":\"string\",\"description\":\"JSON pointer\"},\"effect\":{\"type\":"
    "\"string\",\"enum\":[\"now\",\"restart\"]},\"before\":{},\"after\":{}}}},"
    "\"steps\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"of the task\"},"
    "\"needs_restart\":{\"type\":\"boolean\",\"description\":\"the guest runs and takes the change up at its "
    "next "
    "start\"},"
    "\"task\":{\"type\":\"boolean\",\"description\":\"it would take longer than a commit\"},"
    "\"resource\":{\"type\":\"object\",\"description\":\"as it would be\"}}}";

/* What a request says of a resource; the answer says more. */
static json_t *input_schema(enum kind kind)
{
    return json_pack("{s:s, s:[s], s:{s:o, s:o, s:{s:s, s:s}}}", "type", "object", "required", "spec",
        "properties", "metadata", ref_to("metadata_input"), "spec",
        ref_to(object_of(kind_spec_object(kind))->name), "status", "type", "object", "description",
        "Ignored: what was got can be sent back");
}

static json_t *resource_schema(enum kind kind)
{
    enum object_id status = kind_status_object(kind);
    json_t *required = json_pack("[s, s]", "metadata", "spec");
    json_t *properties = json_pack("{s:o, s:o}", "metadata", ref_to("metadata"), "spec",
        ref_to(object_of(kind_spec_object(kind))->name));
    if (status != OBJECT_NONE) {
        json_object_set_new(properties, "status", ref_to(object_of(status)->name));
        json_array_append_new(required, json_string("status"));
    }
    if (kind == KIND_TOKEN)
        json_object_set_new(properties, "secret",
            json_pack("{s:s, s:s}", "type", "string", "description", "Shown once, when the token is made"));
    return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "required", required, "properties", properties,
        "additionalProperties", 0);
}

/* The server's names may be longer than those that people choose: a volume's in the trash. */
static json_t *metadata_schema(void)
{
    json_t *schema = object_schema(object_of(OBJECT_metadata_input));
    json_t *name = json_object_get(json_object_get(schema, "properties"), "name");
    json_object_set_new(name, "maxLength", json_integer(255));
    json_object_set_new(name, "description", json_string("Unique among resources of its kind"));
    json_object_set_new(schema, "required",
        json_pack("[s,s,s,s,s,s]", "name", "uuid", "revision", "created", "modified", "labels"));
    return schema;
}

static json_t *schemas(void)
{
    json_t *all = json_object();
    for (int i = 0; i < OBJECT_COUNT; i++) {
        const struct object *o = object_of((enum object_id)i);
        if (!(o->flags & OBJECT_INTERNAL))
            json_object_set_new(all, o->name, object_schema(o));
    }
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        if (kind_spec_object(k) == OBJECT_NONE)
            continue;
        _cleanup_free_ char *input = mem_printf("%s_input", kind_singular(k));
        json_object_set_new(all, kind_singular(k), resource_schema(k));
        json_object_set_new(all, input, input_schema(k));
    }
    json_object_set_new(all, "metadata", metadata_schema());
    json_object_set_new(all, "problem", json_loads(problem_schema, 0, NULL));
    json_object_set_new(all, "plan", json_loads(plan_schema, 0, NULL));
    return all;
}

static json_t *query_json(unsigned query)
{
    json_t *list = json_array();
    for (int i = 0; i < QUERY_INDEX_COUNT; i++)
        if (query & 1U << i)
            json_array_append_new(list,
                json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", query_parameters[i].name, "in", "query",
                    "description", query_parameters[i].help, "schema", "type", query_parameters[i].type));
    return list;
}

static json_t *content(const char *type, json_t *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", schema);
}

static void add_response(json_t *responses, const char *status, const char *description, json_t *body)
{
    json_t *response = json_pack("{s:s}", "description", description);
    if (body)
        json_object_set_new(response, "content", body);
    json_object_set_new(responses, status, response);
}

static const char upload_schema[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"image\",\"size\",\"offset\",\"expires\"],\"properties\":{"
    "\"id\":{\"type\":\"string\",\"description\":\"for source.upload of an "
    "image\"},\"image\":{\"type\":\"string\"},"
    "\"size\":{\"type\":\"integer\",\"description\":\"bytes in "
    "all\"},\"offset\":{\"type\":\"integer\",\"description\":"
    "\"bytes that are there\"},\"expires\":{\"type\":\"string\",\"description\":\"without a further "
    "part\"}}}";

/* Answers that are no resource. */
static const struct {
    enum route_id id;
    const char *schema;
} own_answers[] = {
    {ROUTE_ID_upload_begin, upload_schema},
    {ROUTE_ID_upload_show, upload_schema},
    {ROUTE_ID_upload_append, upload_schema},
    {ROUTE_ID_login,
        "{\"type\":\"object\",\"required\":[\"user\",\"csrf\",\"expires\"],\"properties\":{"
        "\"user\":{\"type\":\"string\"},\"csrf\":{\"type\":\"string\",\"description\":\"X-Lodge-CSRF "
        "of every change\"},\"expires\":{\"type\":\"string\"}}}"},
    {ROUTE_ID_session_password,
        "{\"type\":\"object\",\"required\":[\"user\",\"csrf\",\"expires\"],\"properties\":{"
        "\"user\":{\"type\":\"string\"},\"csrf\":{\"type\":\"string\",\"description\":\"X-Lodge-CSRF "
        "of every change\"},\"expires\":{\"type\":\"string\"}}}"},
    {ROUTE_ID_session,
        "{\"type\":\"object\",\"required\":[\"user\",\"who\",\"permissions\"],\"properties\":{"
        "\"user\":{\"type\":\"string\"},\"who\":{\"type\":\"string\"},\"csrf\":{\"type\":\"string\"},"
        "\"expires\":{\"type\":\"string\"},\"permissions\":{\"type\":\"object\",\"additionalProperties\":"
        "{\"type\":\"string\",\"enum\":[\"all\",\"some\"]}}}}"},
    {ROUTE_ID_orphans,
        "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\","
        "\"items\":{\"type\":\"object\",\"required\":[\"task\",\"step\",\"error\"],\"properties\":{"
        "\"task\":{\"type\":\"string\"},\"step\":{\"type\":\"string\"},\"error\":{\"type\":\"string\"}}}}}}"},
    {ROUTE_ID_audit,
        "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\","
        "\"items\":{\"type\":\"object\",\"required\":[\"seq\",\"time\",\"who\",\"action\",\"outcome\","
        "\"hash\"],"
        "\"properties\":{\"seq\":{\"type\":\"integer\"},\"time\":{\"type\":\"string\"},\"who\":{\"type\":"
        "\"string\"},"
        "\"address\":{\"type\":[\"string\",\"null\"]},\"action\":{\"type\":\"string\"},\"object\":{\"type\":["
        "\"string\",\"null\"]},"
        "\"outcome\":{\"type\":\"string\"},\"detail\":{\"type\":[\"string\",\"null\"]},\"hash\":{\"type\":"
        "\"string\"}}}}}}"},
    {ROUTE_ID_make_console,
        "{\"type\":\"object\",\"required\":[\"ticket\",\"kind\",\"mode\",\"url\",\"expires\"],\"properties\":"
        "{"
        "\"ticket\":{\"type\":\"string\",\"description\":\"a secret\"},"
        "\"kind\":{\"type\":\"string\",\"enum\":[\"vnc\",\"serial\",\"shell\",\"log\"]},"
        "\"mode\":{\"type\":\"string\",\"enum\":[\"writer\",\"viewer\"],\"description\":\"writer: may type "
        "unless somebody else does\"},"
        "\"url\":{\"type\":\"string\",\"description\":\"path of the WebSocket\"},"
        "\"expires\":{\"type\":\"string\",\"format\":\"date-time\"}}}"},
    {ROUTE_ID_audit_verify,
        "{\"type\":\"object\",\"required\":[\"ok\",\"records\",\"head\"],\"properties\":{\"ok\":{\"type\":"
        "\"boolean\"},\"records\":{\"type\":\"integer\"},\"head\":{\"type\":\"string\"},\"broken_at\":{"
        "\"type\":"
        "\"integer\"},\"reason\":{\"type\":\"string\"}}}"},
};

/* A change may answer with the resource, with its task when that has ended, or with a plan. */
static json_t *item_schema(const struct route *r)
{
    json_t *one = ref_to(kind_singular((enum kind)r->kind)), *any = json_array();
    if (r->method == METHOD_GET || r->kind == KIND_TASK) {
        json_decref(any);
        return one;
    }
    json_array_append_new(any, one);
    if (r->flags & ROUTE_TASK)
        json_array_append_new(any, ref_to("task"));
    if (r->query & QUERY_DRY_RUN)
        json_array_append_new(any, ref_to("plan"));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *list_schema(const struct route *r)
{
    return json_pack("{s:s, s:[s], s:{s:{s:s, s:o}, s:{s:s}, s:{s:s, s:s}}}", "type", "object", "required",
        "items", "properties", "items", "type", "array", "items", ref_to(kind_singular((enum kind)r->kind)),
        "revision", "type", "integer", "next", "type", "string", "description",
        "cursor of the next page; absent on the last one");
}

static json_t *ok_body(const struct route *r)
{
    if (r->flags & ROUTE_TEXT)
        return content("text/plain", json_pack("{s:s}", "type", "string"));
    if (r->flags & ROUTE_STREAM)
        return content("text/event-stream", json_pack("{s:s}", "type", "string"));
    for (size_t i = 0; i < ARRAY_SIZE(own_answers); i++)
        if (own_answers[i].id == r->id)
            return content("application/json", json_loads(own_answers[i].schema, 0, NULL));
    if (r->kind < 0 || !(r->flags & (ROUTE_LISTS | ROUTE_ITEM)))
        return content("application/json", json_pack("{s:s}", "type", "object"));
    if (r->flags & ROUTE_LISTS)
        return content("application/json", list_schema(r));
    return content("application/json", item_schema(r));
}

static json_t *responses_of(const struct route *r)
{
    json_t *all = json_object();
    if (r->id == ROUTE_ID_login)
        add_response(all, "201", "Signed in", ok_body(r));
    else if (r->id == ROUTE_ID_upload_begin)
        add_response(all, "201", "Begun; Location is where its parts go", ok_body(r));
    else if (r->id == ROUTE_ID_make_console)
        add_response(all, "201", "A ticket", ok_body(r));
    else if (r->flags & ROUTE_UPGRADE)
        add_response(all, "101", "A WebSocket: binary messages are bytes of the console, text is JSON", NULL);
    else if (r->id != ROUTE_ID_logout && r->id != ROUTE_ID_upload_delete)
        add_response(all, "200", "Done", ok_body(r));
    if (r->method == METHOD_DELETE)
        add_response(all, "204", "Gone", NULL);
    if (r->flags & ROUTE_RESOURCE_IN)
        add_response(
            all, "201", "Created", content("application/json", ref_to(kind_singular((enum kind)r->kind))));
    if (r->flags & ROUTE_TASK)
        add_response(
            all, "202", "Begun: a task, also at Location", content("application/json", ref_to("task")));
    add_response(all, "default", "Refused or failed", content("application/problem+json", ref_to("problem")));
    return all;
}

static json_t *operation(const struct route *r, const char *id)
{
    json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "operationId", id, "summary", r->help, "parameters",
        query_json(route_query(r)), "responses", responses_of(r));
    json_object_set_new(
        o, "tags", json_pack("[s]", r->kind >= 0 ? kind_plural((enum kind)r->kind) : "service"));
    json_t *parameters = json_object_get(o, "parameters");
    bool ticket = strstr(r->path, "{ticket}");
    if (ticket || strstr(r->path, "{name}"))
        json_array_insert_new(parameters, 0,
            json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", ticket ? "ticket" : "name", "in", "path",
                "required", 1, "description", ticket ? "As it was given" : "Its name, or uuid: and its uuid",
                "schema", "type", "string"));
    if (r->flags & ROUTE_OPEN)
        json_object_set_new(o, "security", json_array());
    if (r->permission)
        json_object_set_new(o, "x-permission", json_string(r->permission));
    if (r->verb)
        json_object_set_new(o, "x-verb", json_string(r->verb));
    _cleanup_free_ char *name =
        r->kind < 0 ? NULL : mem_printf("%s_input", kind_singular((enum kind)r->kind));
    json_t *input = r->flags & ROUTE_RESOURCE_IN ? ref_to(name)
                    : r->input != OBJECT_NONE    ? ref_to(object_of(r->input)->name)
                                                 : NULL;
    const char *type = r->method == METHOD_PATCH ? "application/merge-patch+json" : "application/json";
    if (r->flags & ROUTE_BYTES)
        json_object_set_new(o, "requestBody",
            json_pack("{s:b, s:o}", "required", 1, "content",
                content("application/offset+octet-stream", json_pack("{s:s}", "type", "string"))));
    if (input)
        json_object_set_new(o, "requestBody",
            json_pack("{s:b, s:o}", "required", !(r->flags & ROUTE_ACTION), "content",
                content(type, r->method == METHOD_PATCH
                                  ? (json_decref(input), json_pack("{s:s}", "type", "object"))
                                  : input)));
    return o;
}

static json_t *paths(void)
{
    static const char *const ids[] = {
#define ROUTE(id, ...) #id,
#include "api/routes.def"
    };
    static const char *const keys[] = {"get", "put", "patch", "post", "delete"};
    json_t *all = json_object();
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        _cleanup_free_ char *path = mem_printf("/api/v1%s", routes[i].path);
        json_t *item = json_object_get(all, path);
        if (!item) {
            item = json_object();
            json_object_set_new(all, path, item);
        }
        json_object_set_new(item, keys[routes[i].method], operation(&routes[i], ids[i]));
    }
    return all;
}

char *openapi_text(void)
{
    _cleanup_json_ json_t *doc = json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:o, s:{s:o, "
                                           "s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}, s:[{s:[]}, {s:[]}]}",
        "openapi", "3.1.0", "info", "title", "Lodge", "version", LODGE_VERSION, "description",
        "Virtual machines and containers, their storage and networks", "license", "name", "Apache-2.0",
        "identifier", "Apache-2.0", "servers", "url", "/", "paths", paths(), "components", "schemas",
        schemas(), "securitySchemes", "token", "type", "http", "scheme", "bearer", "session", "type",
        "apiKey", "in", "cookie", "name", "__Host-lodge", "security", "token", "session");
    return json_text(doc);
}
