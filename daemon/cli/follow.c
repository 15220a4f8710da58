/* Waiting for a task: a bar on a terminal, the log's lines elsewhere on wish. */
#include "cli/cli.h"

#define BAR_WIDTH 24

static void draw(const json_t *task)
{
    const json_t *status = json_object_get(task, "status");
    int64_t percent = json_get_int(status, "progress", 0);
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i * 100 < percent * BAR_WIDTH ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    _cleanup_buf_ struct buf message = {0};
    add_printable(&message, json_get_str(status, "message", json_get_str(status, "state", "")));
    fprintf(stderr, "\r\033[K[%s] %3lld%% %.60s", bar, (long long)percent, message.data ? message.data : "");
    fflush(stderr);
}

static bool has_ended(const char *state)
{
    return streq(state, "succeeded") || streq(state, "failed") || streq(state, "cancelled");
}

static int report(const json_t *task, bool quiet)
{
    const json_t *status = json_object_get(task, "status"), *error = json_object_get(status, "error");
    const char *state = json_get_str(status, "state", "");
    if (streq(state, "succeeded")) {
        if (!quiet)
            fprintf(stderr, "%s %s: done\n", json_get_str(json_object_get(task, "spec"), "action", "task"),
                json_get_str(json_object_get(json_object_get(task, "spec"), "object"), "name", ""));
        return EXIT_DONE;
    }
    _cleanup_free_ char *line =
        mem_printf("%s: %s", state, json_get_str(error, "detail", "no reason was given"));
    print_error_line("lodge: ", line);
    if (json_get_str(error, "hint", NULL))
        print_error_line("  ", json_get_str(error, "hint", ""));
    return EXIT_REFUSED;
}

int follow_task(struct client *c, const char *location, bool quiet)
{
    bool terminal = isatty(STDERR_FILENO) && !quiet;
    for (;;) {
        struct answer a = {0};
        struct err e;
        struct call call = {.method = "GET", .path = location, .query = terminal ? "wait=200ms" : "wait=30s"};
        if (client_call(c, &call, &a, &e) < 0) {
            fprintf(stderr, "lodge: %s\n", e.detail);
            return EXIT_UNREACHABLE;
        }
        if (a.status != 200) {
            int code = print_problem(&a, NULL);
            answer_clear(&a);
            return code;
        }
        bool ended = has_ended(json_get_str(json_object_get(a.json, "status"), "state", ""));
        if (terminal)
            draw(a.json);
        if (ended) {
            if (terminal)
                fputs("\r\033[K", stderr);
            int code = report(a.json, quiet);
            answer_clear(&a);
            return code;
        }
        answer_clear(&a);
    }
}
