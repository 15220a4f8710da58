/* lodge-ct: everything that calls liblxc, one short-lived process for each action.
 *
 *     lodge-ct start                              the container as JSON on standard input
 *     lodge-ct shutdown|stop|reboot|freeze|unfreeze|info|addresses LXCPATH UUID
 *     lodge-ct exec LXCPATH UUID PROGRAM…         with the caller's standard input, output and error
 *     lodge-ct console LXCPATH UUID               see ct_console.h
 *     lodge-ct shell LXCPATH UUID COLUMNS ROWS [PROGRAM…]
 *
 * Answers as report.h says; exec gives the program's exit code. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <lxc/lxccontainer.h>
#include <lxc/attach_options.h>
#include <sys/wait.h>

#include "base/text.h"
#include "helpers/ct_console.h"
#include "helpers/ct_files.h"
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

/* A container that does not run is stopped already. */
static int ct_stop(struct lxc_container *c, char **args)
{
    (void)args;
    return done(!c->is_running(c) || c->stop(c), "stop");
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

static int ct_freeze(struct lxc_container *c, char **args)
{
    (void)args;
    return done(c->freeze(c), "freeze");
}

static int ct_unfreeze(struct lxc_container *c, char **args)
{
    (void)args;
    return done(c->unfreeze(c), "thaw");
}

static int ct_info(struct lxc_container *c, char **args)
{
    (void)args;
    const char *state = c->state(c);
    pid_t init = c->is_running(c) ? c->init_pid(c) : 0;
    return report_result(json_pack("{s:s, s:i, s:I}", "state", state ? state : "STOPPED", "init",
        (int)MAX_OF(init, 0), "start", init > 0 ? (json_int_t)ct_start_time(init) : (json_int_t)0));
}

static int ct_addresses(struct lxc_container *c, char **args)
{
    (void)args;
    json_t *list = json_array();
    char **addresses = c->is_running(c) ? c->get_ips(c, NULL, NULL, 0) : NULL;
    for (size_t i = 0; addresses && addresses[i]; i++) {
        json_array_append_new(list, json_string(addresses[i]));
        free(addresses[i]);
    }
    free(addresses);
    return report_result(json_pack("{s:o}", "addresses", list));
}

static int ct_exec(struct lxc_container *c, char **args)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char home[] = "HOME=/root", language[] = "LANG=C.UTF-8";
    char *environment[] = {path, home, language, NULL};
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    lxc_attach_command_t command = {.program = args[0], .argv = args};
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    options.extra_env_vars = environment;
    pid_t pid;
    int status;
    if (c->attach(c, lxc_attach_run_command, &command, &options, &pid) < 0)
        return 126;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const struct {
    const char *name;
    int (*run)(struct lxc_container *c, char **args);
    int min_args;
} verbs[] = {{"shutdown", ct_shutdown, 0}, {"stop", ct_stop, 0}, {"reboot", ct_reboot, 0},
    {"freeze", ct_freeze, 0}, {"unfreeze", ct_unfreeze, 0}, {"info", ct_info, 0},
    {"addresses", ct_addresses, 0}, {"exec", ct_exec, 1}, {"console", ct_console, 0}, {"shell", ct_shell, 2}};

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
