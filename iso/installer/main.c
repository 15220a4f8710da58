/* lodge-installer: the commands. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>

#include "iso/installer/ui.h"
#include "iso/installer/unattended.h"

static const char usage[] =
    "lodge-installer installs Lodge on a disk of this machine, and checks answer files on any machine.\n"
    "\n"
    "  lodge-installer run [OPTION...]     install by screens, or by an answer file\n"
    "  lodge-installer validate FILE...    check answer files (- for standard input)\n"
    "  lodge-installer example             print an answer file with every key and its meaning\n"
    "  lodge-installer reference           print the keys as tables\n"
    "  lodge-installer keyboards           list the keyboard layouts\n"
    "  lodge-installer inventory           print this machine's disks and network cards as JSON\n"
    "  lodge-installer help, --version\n"
    "\n"
    "Options of run:\n"
    "  --unattended       by an answer file, without questions. It is looked for in this order: "
    "lodge.answer=URL on the\n"
    "                     kernel's command line, answer.toml on a volume labelled LODGE-ANSWER, answer.toml "
    "on the medium.\n"
    "                     The word lodge.unattended on the kernel's command line does the same, and "
    "lodge.answer=.\n"
    "  --answer FILE      by this one; means --unattended\n"
    "  --dry-run          print what would be done, and do nothing\n"
    "  --inventory FILE   disks and cards from this file (see inventory) instead of the machine's\n"
    "  --medium DIR       folder with lodge.squashfs, vmlinuz, initrd.img and sha256sums\n"
    "  --skip PHASE       leave a phase out, and say so: disk mirror state image lvm host boot finish; can "
    "be repeated.\n"
    "                     For tests on kernels that lack what a phase needs.\n"
    "\n"
    "Started without a command on the installation medium it does what run does.\n"
    "Exit status: 0 done; 1 refused or failed; 2 wrong usage. Log: /run/lodge-installer.log\n";

static int wrong_usage(const char *what, const char *argument)
{
    fprintf(stderr, "lodge-installer: %s%s%s\n    `lodge-installer help` lists commands and options.\n", what,
        argument ? ": " : "", argument ? argument : "");
    return 2;
}

/* ---- run ---- */

enum option {
    OPTION_UNATTENDED,
    OPTION_ANSWER,
    OPTION_DRY_RUN,
    OPTION_INVENTORY,
    OPTION_MEDIUM,
    OPTION_SKIP
};

static const struct {
    const char *name;
    enum option option;
    bool has_value;
} run_option_names[] = {
    {"--unattended", OPTION_UNATTENDED, false},
    {"--answer", OPTION_ANSWER, true},
    {"--dry-run", OPTION_DRY_RUN, false},
    {"--inventory", OPTION_INVENTORY, true},
    {"--medium", OPTION_MEDIUM, true},
    {"--skip", OPTION_SKIP, true},
};

static bool take_option(struct run_options *o, enum option option, const char *value)
{
    int phase;
    switch (option) {
    case OPTION_UNATTENDED: o->unattended = true; return true;
    case OPTION_DRY_RUN: o->dry_run = true; return true;
    case OPTION_INVENTORY: o->inventory_path = value; return true;
    case OPTION_MEDIUM: o->medium_dir = value; return true;
    case OPTION_ANSWER:
        o->answer_path = value;
        o->unattended = true;
        return true;
    case OPTION_SKIP:
        phase = plan_phase_named(value);
        if (phase >= 0)
            o->skip_phases |= 1U << phase;
        return phase >= 0;
    }
    return false;
}

static int parse_run(int argc, char **argv, struct run_options *o)
{
    for (int i = 0; i < argc; i++) {
        size_t k = 0;
        while (k < ARRAY_SIZE(run_option_names) && !streq(run_option_names[k].name, argv[i]))
            k++;
        if (k == ARRAY_SIZE(run_option_names))
            return wrong_usage("run has no such option", argv[i]);
        if (run_option_names[k].has_value && i + 1 == argc)
            return wrong_usage("this option needs a value", argv[i]);
        const char *value = run_option_names[k].has_value ? argv[++i] : NULL;
        if (!take_option(o, run_option_names[k].option, value))
            return wrong_usage("there is no such phase", value);
    }
    return 0;
}

/* Whoever names an answer means it. */
static bool kernel_asks_for_it(void)
{
    _cleanup_free_ char *unattended = cmdline_running_value("lodge.unattended"),
                        *answer = cmdline_running_value("lodge.answer");
    return unattended || answer;
}

static int command_run(int argc, char **argv)
{
    struct run_options o = {.medium_dir = getenv("LODGE_MEDIUM")};
    int r = parse_run(argc, argv, &o);
    if (r)
        return r;
    if (!o.dry_run && geteuid() != 0)
        return wrong_usage("installing needs root; --dry-run does not", NULL);
    bool asked = !o.inventory_path && kernel_asks_for_it();
    signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return wrong_usage("libcurl does not start", NULL);
    r = o.unattended || asked ? run_unattended(&o) : 2;
    if (r == 2)
        r = run_interactive(&o);
    curl_global_cleanup();
    return r;
}

/* ---- the others ---- */

static int command_validate(int argc, char **argv)
{
    int worst = 0;
    if (argc == 0)
        return wrong_usage("validate needs a file", NULL);
    for (int i = 0; i < argc; i++) {
        int r = validate_file(argv[i]);
        worst = MAX_OF(worst, r);
    }
    return worst;
}

static int print_owned(char *text)
{
    int r = fputs(text, stdout) < 0 || fflush(stdout) != 0;
    free(text);
    return r;
}

static int command_example(int argc, char **argv)
{
    (void)argc, (void)argv;
    return print_owned(answer_example());
}

static int command_reference(int argc, char **argv)
{
    (void)argc, (void)argv;
    return print_owned(answer_reference());
}

static int command_keyboards(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (size_t i = 0; i < n_keyboards; i++)
        printf("%-8s %s\n", keyboards[i].name, keyboards[i].shown);
    return 0;
}

static int command_inventory(int argc, char **argv)
{
    (void)argc, (void)argv;
    _cleanup_free_ struct inventory *i = mem_new(struct inventory, 1);
    struct err e;
    int r = inventory_probe(i, &e);
    if (r < 0)
        tell_error(&e);
    else
        r = printf("%s", "") < 0 || print_owned(inventory_text(i)) || putchar('\n') == EOF;
    inventory_free(i);
    return r ? 1 : 0;
}

static int command_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    return fputs(usage, stdout) < 0;
}

static int command_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    return puts("lodge-installer " LODGE_VERSION) < 0;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", command_run},
    {"validate", command_validate},
    {"example", command_example},
    {"reference", command_reference},
    {"keyboards", command_keyboards},
    {"inventory", command_inventory},
    {"help", command_help},
    {"--help", command_help},
    {"-h", command_help},
    {"--version", command_version},
};

int main(int argc, char **argv)
{
    if (argc < 2)
        return getenv("LODGE_MEDIUM") ? command_run(0, NULL) : command_help(0, NULL);
    for (int i = 2; i < argc; i++)
        if (streq(argv[i], "--help"))
            return command_help(0, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (streq(argv[1], commands[i].name))
            return commands[i].run(argc - 2, argv + 2);
    return wrong_usage("there is no such command", argv[1]);
}
