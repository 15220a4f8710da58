/* What the commands are, from the tables alone. */
#include "cli/cli.h"

#define OPTION_WIDTH 30
#define KEY_WIDTH    26

static void print_row(void *arg, const char *word, const char *help)
{
    (void)arg;
    printf("  %-14s %s\n", word, help);
}

static void print_noun(void *arg, const char *word, const char *help)
{
    (void)arg;
    (void)help;
    printf("  %s\n", word);
}

/* A key of the option above it stands further in. */
static void print_option(void *arg, const struct option_row *row)
{
    char left[160];
    (void)arg;
    snprintf(left, sizeof(left), "%s%s%s", row->option,
        !row->value ? ""
        : row->key  ? "="
                    : " ",
        row->value ? row->value : "");
    if (row->key)
        printf("      %-*s %s", KEY_WIDTH, left, row->help);
    else
        printf("  %-*s %s", OPTION_WIDTH, left, row->help);
    if (row->required)
        fputs(" (required)", stdout);
    else if (row->fallback)
        printf(" (default: %s)", row->fallback);
    putchar('\n');
}

void help_all(void)
{
    fputs("Usage: lodge NOUN [VERB] [NAME] [options]\n\n"
          "Manages the guests, storage and networks of a Lodge host.\n\n"
          "  lodge guest list\n"
          "  lodge guest create web1 --type container --disk name=root,image=tiny-container --nic name=eth0 "
          "--start --wait\n"
          "  lodge guest shutdown web1 --wait\n"
          "  lodge task show ID\n"
          "  lodge console web1             the serial port of a VM, the console of a container\n"
          "  lodge shell web1 -- ls -l      a shell in a container, or a command\n\n"
          "Nouns:\n",
        stdout);
    each_noun(print_noun, NULL);
    fputs("\nOptions everywhere:\n"
          "  -o table|json|name   how the answer is printed (json for scripts)\n"
          "  -q                   no progress, only errors\n"
          "  --state DIR          where lodged keeps its state (LODGE_STATE; /var/lib/lodge)\n"
          "  --token SECRET       API token (LODGE_TOKEN); root needs none\n"
          "  --help               also after a noun, and after a verb for its options\n"
          "  --version\n\n"
          "lodge help [NOUN [VERB]] is the same as --help behind them.\n"
          "lodge completion bash|zsh prints completion for your shell.\n"
          "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not found, 4 not allowed, 5 "
          "unreachable.\n",
        stdout);
}

void help_noun(const char *noun)
{
    printf("Usage: lodge %s VERB [NAME] [options]\n\nVerbs:\n", noun);
    each_verb(noun, print_row, NULL);
}

void help_command(const char *noun, const struct command *c)
{
    bool name = c->route->flags & ROUTE_ITEM;
    printf("Usage: lodge %s %s%s [options]\n\n%s.\n%s %s\n", noun, c->verb, name ? " NAME" : "", c->help,
        method_names[c->route->method], c->route->path);
    printf("\nOptions:\n");
    each_option(c, print_option, NULL);
}
