#include "schema/kinds.h"

#include "base/mem.h"

static const struct {
    const char *plural;
    const char *singular;
} kinds[] = {
#define X(symbol, plural_name, singular_name)                                                                \
    [KIND_##symbol] = {.plural = (plural_name), .singular = (singular_name)},
    KINDS(X)
#undef X
};

const char *kind_plural(enum kind kind)
{
    return kinds[kind].plural;
}

const char *kind_singular(enum kind kind)
{
    return kinds[kind].singular;
}

bool kind_parse(const char *name, enum kind *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (streq(name, kinds[i].singular) || streq(name, kinds[i].plural)) {
            *ret = (enum kind)i;
            return true;
        }
    return false;
}
