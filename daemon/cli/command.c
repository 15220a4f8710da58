#include "cli/cli.h"

const char *route_noun(const struct route *r, char out[static 32])
{
    if (r->kind >= 0)
        return kind_singular((enum kind)r->kind);
    size_t n = strcspn(r->path + 1, "/.");
    snprintf(out, 32, "%.*s", (int)MIN_OF(n, (size_t)31), r->path + 1);
    return out;
}

/* Routes without a verb are for programs. */
bool noun_is(const char *noun, const struct route *r)
{
    char text[32];
    if (!r->verb)
        return false;
    if (streq(noun, route_noun(r, text)))
        return true;
    return r->kind >= 0 && streq(noun, kind_plural((enum kind)r->kind));
}

bool noun_known(const char *noun)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (noun_is(noun, &routes[i]))
            return true;
    return false;
}

/* "put" of the API is two wishes of a person, "patch" is one with a better name. */
static const struct {
    const char *verb, *route_verb, *help;
    bool create_only;
} own_verbs[] = {
    {"create", "put", "Create one; refused when the name is taken", true},
    {"replace", "put", "Create one, or replace the one that is there", false},
    {"edit", "patch", "Change some fields", false},
};

/* A verb that was not typed: the only one that the noun has, its list, or the one called like it. */
static const char *default_verb(const char *noun)
{
    const char *only = NULL;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!noun_is(noun, &routes[i]))
            continue;
        if (streq(routes[i].verb, "list") || streq(routes[i].verb, noun))
            return routes[i].verb;
        only = only ? "" : routes[i].verb;
    }
    return only && *only ? only : NULL;
}

bool command_find(const char *noun, const char *verb, struct command *ret)
{
    const char *wanted = verb ? verb : default_verb(noun);
    *ret = (struct command){.verb = wanted};
    for (size_t i = 0; wanted && i < ARRAY_SIZE(own_verbs); i++)
        if (streq(own_verbs[i].verb, wanted)) {
            wanted = own_verbs[i].route_verb;
            ret->create_only = own_verbs[i].create_only;
            ret->help = own_verbs[i].help;
            break;
        }
    for (size_t i = 0; wanted && i < ROUTE_COUNT; i++)
        if (noun_is(noun, &routes[i]) && streq(routes[i].verb, wanted)) {
            ret->route = &routes[i];
            ret->help = ret->help ? ret->help : routes[i].help;
            return true;
        }
    return false;
}

void each_noun(word_fn *fn, void *arg)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        char text[32], earlier[32];
        const char *noun = route_noun(&routes[i], text);
        bool seen = !routes[i].verb;
        for (size_t k = 0; k < i; k++)
            seen |= streq(noun, route_noun(&routes[k], earlier));
        if (!seen)
            fn(arg, noun, routes[i].help);
    }
}

void each_verb(const char *noun, word_fn *fn, void *arg)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!noun_is(noun, &routes[i]))
            continue;
        bool own = false;
        for (size_t k = 0; k < ARRAY_SIZE(own_verbs); k++)
            if (streq(own_verbs[k].route_verb, routes[i].verb)) {
                fn(arg, own_verbs[k].verb, own_verbs[k].help);
                own = true;
            }
        if (!own)
            fn(arg, routes[i].verb, routes[i].help);
    }
}
