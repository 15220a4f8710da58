/* lodge-ct: everything that calls liblxc, one short-lived process for each action.
 *
 *     lodge-ct start                              the container as JSON on standard input
 *     lodge-ct shutdown|reboot LXCPATH UUID
 *     lodge-ct console LXCPATH UUID               see ct_console.h
 *     lodge-ct shell LXCPATH UUID COLUMNS ROWS [PROGRAM…]
 *
 * Answers as report.h says. */
#include <lxc/lxccontainer.h>

#include "base/text.h"
#include "helpers/ct_console.h"
#include "helpers/ct_start.h"
#include "helpers/report.h"

#define REQUEST_MAX (256 * 1024)

static int done(bool worked, const char *what)
{
    struct err e;
    if (worked)
        return report_result(json_object());
    err_set(&e, ERR_INTERNAL, "liblxc could not %s the container", what);
    return report_error(&e);
}

static int ct_shutdown(struct lxc_container *c, char **args)
{
    (void)args;
    /* With a timeout of 0 it only asks: SIGPWR, or SIGRTMIN+3 when init is systemd. */
    return done(!c->is_running(c) || c->shutdown(c, 0), "shut down");
}

static int ct_reboot(struct lxc_container *c, char **args)
{
    (void)args;
    return done(c->reboot2(c, 0), "reboot");
}

static const struct {
    const char *name;
    int (*run)(struct lxc_container *c, char **args);
    int min_args;
} verbs[] = {{"shutdown", ct_shutdown, 0}, {"reboot", ct_reboot, 0}, {"console", ct_console, 0},
    {"shell", ct_shell, 2}};

static int run_request(int (*run)(const json_t *request))
{
    struct err e = {0};
    _cleanup_free_ char *text = mem_alloc(REQUEST_MAX);
    size_t n = fread(text, 1, REQUEST_MAX, stdin);
    _cleanup_json_ json_t *request = NULL;
    if (json_parse(text, n, "the container", &request, &e) < 0)
        return report_error(&e);
    return run(request);
}

int main(int argc, char **argv)
{
    if (argc == 2 && streq(argv[1], "start"))
        return run_request(ct_start);
    if (argc == 2 && streq(argv[1], "monitor"))
        return run_request(ct_monitor);
    for (size_t i = 0; argc >= 4 && i < ARRAY_SIZE(verbs); i++) {
        if (!streq(verbs[i].name, argv[1]) || argc - 4 < verbs[i].min_args || !uuid_valid(argv[3]))
            continue;
        struct lxc_container *c = lxc_container_new(argv[3], argv[2]);
        /* Some calls do nothing for a container without a configuration, and this one's was never in a file.
         */
        if (c)
            c->set_config_item(c, "lxc.uts.name", argv[3]);
        int code = c ? verbs[i].run(c, argv + 4) : done(false, "open");
        lxc_container_put(c);
        return code;
    }
    fprintf(stderr, "lodge-ct: is started by lodged; see its first lines for how\n");
    return 2;
}
