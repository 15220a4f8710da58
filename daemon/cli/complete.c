/* Completion: the shells ask `lodge __complete WORDS…` for what may come next. */
#include "cli/cli.h"

static const char bash_script[] =
    "_lodge() {\n"
    "  local IFS=$'\\n'\n"
    "  COMPREPLY=($(compgen -W \"$(lodge __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\" -- "
    "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
    "}\n"
    "complete -o default -F _lodge lodge\n";

static const char zsh_script[] =
    "#compdef lodge\n"
    "_lodge() {\n"
    "  local -a words_found\n"
    "  words_found=(${(f)\"$(lodge __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
    "  compadd -a words_found\n"
    "}\n"
    "compdef _lodge lodge\n";

int print_completion(const char *shell)
{
    if (shell && streq(shell, "bash"))
        fputs(bash_script, stdout);
    else if (shell && streq(shell, "zsh"))
        fputs(zsh_script, stdout);
    else {
        fputs("lodge: completion is there for bash and zsh:\n  source <(lodge completion bash)\n", stderr);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static void print_word(void *arg, const char *word, const char *help)
{
    (void)arg;
    (void)help;
    puts(word);
}

static void print_option(void *arg, const struct option_row *row)
{
    (void)arg;
    if (!row->key)
        puts(row->option);
}

static void print_names(struct client *c, const struct route *r)
{
    struct answer a = {0};
    struct err e;
    _cleanup_free_ char *path = mem_printf("/api/v1/%s", kind_plural((enum kind)r->kind));
    struct call call = {.method = "GET", .path = path, .query = "fields=metadata.name&limit=1000"};
    if (c && client_call(c, &call, &a, &e) == 0 && a.status == 200)
        print_list(r, json_object_get(a.json, "items"), OUTPUT_NAME);
    answer_clear(&a);
}

int complete_words(struct client *c, int argc, char **argv)
{
    struct command command;
    bool help = argc > 1 && streq(argv[0], "help");
    argc -= help;
    argv += help;
    if (argc <= 1) {
        each_noun(print_word, NULL);
        puts(help ? "console\nshell" : "completion\nconsole\nhelp\nshell");
        return EXIT_DONE;
    }
    if (streq(argv[0], "console") || streq(argv[0], "shell")) {
        if (argc == 2)
            print_names(c, &routes[ROUTE_ID_list_guests]);
        return EXIT_DONE;
    }
    if (argc == 2) {
        each_verb(argv[0], print_word, NULL);
        return EXIT_DONE;
    }
    if (help || !command_find(argv[0], argv[1], &command))
        return EXIT_DONE;
    if (argc == 3 && command.route->flags & ROUTE_ITEM && !command.create_only)
        print_names(c, command.route);
    else
        each_option(&command, print_option, NULL);
    return EXIT_DONE;
}
