/* lodge: from words to a request to an answer that people can read. */
#include "cli/cli.h"

struct settings {
    const char *state;
    const char *token;
    enum output output;
    bool wait, quiet, help;
};

static int fail(const struct err *e, int code)
{
    fprintf(stderr, "lodge: %s\n", e->detail);
    if (e->hint[0])
        fprintf(stderr, "  %s\n", e->hint);
    return code;
}

static bool parse_output(const char *text, struct settings *s)
{
    static const char *const names[] = {
        [OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_NAME] = "name"};
    for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
        if (streq(names[i], text)) {
            s->output = (enum output)i;
            return true;
        }
    fprintf(stderr, "lodge: -o takes table, json or name\n");
    return false;
}

/* Takes the options that every command knows out of argv. False when one is wrong. */
static bool take_common(int *argc, char **argv, struct settings *s)
{
    int n = 1;
    for (int i = 1; i < *argc && argv[i]; i++) {
        const char *next = i + 1 < *argc ? argv[i + 1] : NULL;
        if (streq(argv[i], "--")) { /* what follows is somebody else's */
            while (i < *argc)
                argv[n++] = argv[i++];
        } else if (streq(argv[i], "-o") || streq(argv[i], "--output")) {
            if (!parse_output(next, s))
                return false;
            i++;
        } else if (streq(argv[i], "--state") && next) {
            s->state = argv[++i];
        } else if (streq(argv[i], "--token") && next) {
            s->token = argv[++i];
        } else if (streq(argv[i], "--wait")) {
            s->wait = true;
        } else if (streq(argv[i], "-q") || streq(argv[i], "--quiet")) {
            s->quiet = true;
        } else if (streq(argv[i], "--help") || streq(argv[i], "-h")) {
            s->help = true;
        } else {
            argv[n++] = argv[i];
        }
    }
    argv[ *argc = n] = NULL;
    return true;
}

static bool print_stream(void *arg, const char *data, size_t n)
{
    (void)arg;
    print_bytes(data, n);
    fflush(stdout);
    return true;
}

/* A change that a running guest has not taken up: one line about all that waits. */
static void tell_pending(const struct answer *a, const struct asked *q)
{
    const json_t *status = json_object_get(a->json, "status");
    const json_t *waits = json_get_arr(status, "pending_restart");
    size_t i, n = json_array_size(waits);
    json_t *item;
    _cleanup_buf_ struct buf line = {0};
    if (!(q->command->route->flags & ROUTE_RESOURCE_IN) || !n)
        return;
    const char *name = json_get_str(json_object_get(a->json, "metadata"), "name", "");
    buf_printf(&line, "%s: ", name);
    json_array_foreach ((json_t *)(uintptr_t)waits, i, item) {
        const char *pointer = json_string_value(item);
        buf_str(&line, i == 0 ? "" : i + 1 < n ? ", " : " and ");
        for (const char *p = text_starts(pointer, "/spec/") ? pointer + strlen("/spec/") : pointer; *p; p++)
            buf_add(&line, *p == '/' ? "." : p, 1);
    }
    buf_printf(&line, " %s for a restart (lodge %s reboot %s)", n == 1 ? "waits" : "wait", q->noun, name);
    print_error_line("", line.data);
}

static int print_answer(struct client *c, const struct asked *q, struct answer *a, const struct settings *s)
{
    const struct command *command = q->command;
    if (a->status >= 400)
        return print_problem(a, q);
    if (!s->quiet)
        tell_pending(a, q);
    if (a->status == 202 && s->wait && a->location)
        return follow_task(c, a->location, s->quiet);
    if (a->json && command->route->flags & ROUTE_LISTS)
        print_list(command->route, json_object_get(a->json, "items"), s->output);
    else if (a->json && a->status == 202 && s->output == OUTPUT_TABLE)
        printf("task %s\n", json_get_str(json_object_get(a->json, "metadata"), "name", ""));
    else if (a->json && !s->quiet)
        print_item(a->json, s->output);
    else if (!a->json && a->len)
        print_bytes(a->body, a->len);
    bool broken = command->route->id == ROUTE_ID_audit_verify && !json_get_bool(a->json, "ok", false);
    return broken ? EXIT_REFUSED : EXIT_DONE; /* so that a timer's job fails */
}

char *path_of(const struct route *r, const char *name)
{
    struct buf path = {0};
    const char *slot = strstr(r->path, "{name}");
    buf_str(&path, "/api/v1");
    buf_add(&path, r->path, slot ? (size_t)(slot - r->path) : strlen(r->path));
    if (slot) {
        for (; name && *name; name++) {
            if (strchr("/%?#", *name) || (unsigned char)*name <= ' ')
                buf_printf(&path, "%%%02X", (unsigned)(unsigned char)*name);
            else
                buf_add(&path, name, 1);
        }
        buf_str(&path, slot + strlen("{name}"));
    }
    return buf_take(&path);
}

static int connect_to(const struct settings *s, struct client **ret, struct err *e)
{
    _cleanup_free_ char *socket = mem_printf("%s/run/lodged.sock", s->state);
    return client_open(socket, s->token, ret, e);
}

static int run(const struct asked *q, struct request_parts *parts, const struct settings *s)
{
    const struct command *command = q->command;
    const char *name = q->name;
    _cleanup_free_ char *path = path_of(command->route, name), *body = NULL;
    struct client *c = NULL;
    struct answer a = {0};
    struct err e;
    if (request_body(command, parts, &body, &e) < 0)
        return fail(&e, EXIT_USAGE);
    if (connect_to(s, &c, &e) < 0)
        return fail(&e, EXIT_UNREACHABLE);
    struct call call = {
        .method = method_names[command->route->method],
        .path = path,
        .query = parts->query.data,
        .body = body,
        .create_only = command->create_only,
    };
    int r = command->route->flags & ROUTE_STREAM ? client_stream(c, path, print_stream, NULL, &a, &e)
                                                 : client_call(c, &call, &a, &e);
    int code = r < 0 ? fail(&e, EXIT_UNREACHABLE) : print_answer(c, q, &a, s);
    answer_clear(&a);
    client_close(c);
    return code;
}

static int complete(int argc, char **argv, const struct settings *s)
{
    struct client *c = NULL;
    struct err e;
    if (connect_to(s, &c, &e) < 0)
        c = NULL;
    int code = complete_words(c, argc, argv);
    client_close(c);
    return code;
}

static int run_words(int argc, char **argv, const struct settings *s)
{
    const char *noun = argv[1], *verb = argc > 2 && argv[2][0] != '-' ? argv[2] : NULL;
    struct command command;
    struct request_parts parts = {0};
    struct err e;
    bool known = command_find(noun, verb, &command);
    if (!noun_known(noun)) {
        fprintf(stderr, "lodge: there is no \"%s\"; lodge --help lists what there is\n", noun);
        return EXIT_USAGE;
    }
    if (s->help && !verb) {
        help_noun(noun);
        return EXIT_DONE;
    }
    if (s->help && known) {
        help_command(noun, &command);
        return EXIT_DONE;
    }
    if (!known) {
        fprintf(stderr,
            verb ? "lodge: %s has no verb \"%s\"; lodge %s --help lists them\n"
                 : "lodge: %s needs a verb%s; lodge %s --help lists them\n",
            noun, verb ? verb : "", noun);
        return EXIT_USAGE;
    }
    int i = verb ? 3 : 2;
    const char *name = command.route->flags & ROUTE_ITEM && i < argc && argv[i][0] != '-' ? argv[i++] : NULL;
    if (command.route->kind == KIND_NODE && !name)
        name = "self";
    if (command.route->flags & ROUTE_ITEM && !name) {
        fprintf(stderr, "lodge: lodge %s %s needs a name\n", noun, command.verb);
        return EXIT_USAGE;
    }
    for (; i < argc; i++)
        if (!option_take(&command, argc, argv, &i, &parts, &e)) {
            request_parts_clear(&parts);
            return fail(&e, EXIT_USAGE);
        }
    struct asked q = {.command = &command, .noun = noun, .name = name, .from_file = parts.file != NULL};
    int code = run(&q, &parts, s);
    request_parts_clear(&parts);
    return code;
}

static int run_console(int argc, char **argv, const struct settings *s)
{
    struct console_wish wish;
    struct client *c = NULL;
    struct err e;
    if (s->help)
        return console_usage(argv[1]);
    if (!console_parse(argc, argv, &wish))
        return EXIT_USAGE;
    if (connect_to(s, &c, &e) < 0)
        return fail(&e, EXIT_UNREACHABLE);
    int code = console_run(c, &wish, s->quiet);
    client_close(c);
    return code;
}

int main(int argc, char **argv)
{
    const char *state = getenv("LODGE_STATE"), *token = getenv("LODGE_TOKEN");
    struct settings s = {
        .state = state && *state ? state : "/var/lib/lodge", .token = token && *token ? token : NULL};
    if (argc > 1 && streq(argv[1], "__complete"))
        return complete(argc - 2, argv + 2, &s);
    if (!take_common(&argc, argv, &s))
        return EXIT_USAGE;
    if (argc > 1 && streq(argv[1], "--version")) {
        puts("lodge " LODGE_VERSION);
        return EXIT_DONE;
    }
    if (argc > 1 && streq(argv[1], "help")) { /* lodge help NOUN VERB: the words behind it with --help */
        s.help = true;
        argc--;
        argv++;
    }
    if (argc < 2) {
        help_all();
        return s.help ? EXIT_DONE : EXIT_USAGE;
    }
    if (streq(argv[1], "console") || streq(argv[1], "shell"))
        return run_console(argc, argv, &s);
    if (streq(argv[1], "completion"))
        return print_completion(argc > 2 ? argv[2] : NULL);
    return run_words(argc, argv, &s);
}
