/* Permissions by name: which verbs each collection has, wildcards, and the roles that are built in. */
#include "auth/grant.h"

static const char *const collection_names[ACCESS_COLLECTION_COUNT] = {
#define X(symbol, name) [ACCESS_##symbol] = (name),
    ACCESS_COLLECTIONS(X)
#undef X
};

static const char *const verb_names[VERB_COUNT] = {
#define X(symbol, name) [VERB_##symbol] = (name),
    ACCESS_VERBS(X)
#undef X
};

#define BIT(verb) (1U << VERB_##verb)
#define CRUD      (BIT(READ) | BIT(CREATE) | BIT(UPDATE) | BIT(DELETE))

/* What there is to do with each: anything else is a typing error and refused. */
static const uint16_t verbs_of[ACCESS_COLLECTION_COUNT] = {
    [ACCESS_NODES] = CRUD | BIT(POWER) | BIT(CONSOLE) | BIT(USE),
    [ACCESS_GUESTS] = CRUD | BIT(POWER) | BIT(CONSOLE) | BIT(SNAPSHOT) | BIT(MIGRATE),
    [ACCESS_POOLS] = CRUD | BIT(USE),
    [ACCESS_VOLUMES] = CRUD | BIT(USE) | BIT(SNAPSHOT) | BIT(MIGRATE),
    [ACCESS_IMAGES] = CRUD | BIT(USE),
    [ACCESS_NETWORKS] = CRUD | BIT(USE),
    [ACCESS_USERS] = CRUD,
    [ACCESS_ROLES] = CRUD,
    [ACCESS_BINDINGS] = CRUD,
    [ACCESS_TOKENS] = CRUD,
    [ACCESS_TASKS] = BIT(READ) | BIT(CANCEL) | BIT(DELETE),
    [ACCESS_SCHEDULES] = CRUD,
    [ACCESS_RULES] = CRUD | BIT(USE),
    [ACCESS_SETTINGS] = CRUD,
    [ACCESS_AUDIT] = BIT(READ) | BIT(VERIFY),
    [ACCESS_METRICS] = BIT(READ),
};

static const char *const admin[] = {"*"};
static const char *const operator[] = {"guests.*", "volumes.*", "images.*", "tasks.*", "schedules.*",
    "metrics.read", "pools.read", "pools.use", "networks.read", "networks.use", "nodes.read", "nodes.use",
    "rules.read", "rules.use", "settings.read"};
/* What runs and how it is doing, not who may do what: no users, roles, bindings, tokens, audit. */
static const char *const viewer[] = {"nodes.read", "guests.read", "pools.read", "volumes.read", "images.read",
    "networks.read", "tasks.read", "schedules.read", "rules.read", "settings.read", "metrics.read"};

static const struct {
    const char *name;
    const char *const *permissions;
    size_t n;
} builtins[] = {
    {"admin", admin, ARRAY_SIZE(admin)},
    {"operator", operator, ARRAY_SIZE(operator)},
    {"viewer", viewer, ARRAY_SIZE(viewer)},
};

static int find_name(const char *const *names, size_t n, const char *text, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
            return (int)i;
    return -1;
}

int access_collection_parse(const char *text, size_t len)
{
    return find_name(collection_names, ACCESS_COLLECTION_COUNT, text, len);
}

bool permission_parse(const char *text, permission_id *ret)
{
    const char *dot = strchr(text, '.');
    if (!dot)
        return false;
    int collection = access_collection_parse(text, (size_t)(dot - text));
    int verb = find_name(verb_names, VERB_COUNT, dot + 1, strlen(dot + 1));
    if (collection < 0 || verb < 0 || !(verbs_of[collection] >> verb & 1))
        return false;
    *ret = (permission_id)(collection << 8 | verb);
    return true;
}

const char *permission_text(permission_id permission, char out[static PERMISSION_TEXT_MAX])
{
    snprintf(
        out, PERMISSION_TEXT_MAX, "%s.%s", collection_names[permission >> 8], verb_names[permission & 0xff]);
    return out;
}

bool permission_set_has(const struct permission_set *set, permission_id permission)
{
    return set->verbs[permission >> 8] >> (permission & 0xff) & 1;
}

/* "audit has: read, verify" */
static void list_verbs(int collection, char *out, size_t size)
{
    size_t at = 0;
    for (size_t v = 0; v < VERB_COUNT && at < size; v++)
        if (verbs_of[collection] >> v & 1)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", verb_names[v]);
}

static int unknown(const char *text, int collection, struct err *e)
{
    char verbs[160] = "";
    err_set(e, ERR_INVALID, "there is no permission %.64s", text);
    if (collection < 0)
        return err_hint(
            e, "A permission is written collection.verb: guests.read, guests.*, *.read, or * for all.");
    list_verbs(collection, verbs, sizeof(verbs));
    return err_hint(e, "%s has: %s.", collection_names[collection], verbs);
}

int permission_set_add(struct permission_set *set, const char *text, struct err *e)
{
    const char *dot = strchr(text, '.');
    bool all = streq(text, "*");
    if (!all && !dot)
        return unknown(text, -1, e);
    size_t len = all ? 1 : (size_t)(dot - text);
    bool any_collection = len == 1 && *text == '*';
    bool any_verb = all || streq(dot + 1, "*");
    int collection = any_collection ? -1 : access_collection_parse(text, len);
    int verb = any_verb ? -1 : find_name(verb_names, VERB_COUNT, dot + 1, strlen(dot + 1));
    if ((!any_collection && collection < 0) || (!any_verb && verb < 0))
        return unknown(text, collection, e);
    unsigned mask = any_verb ? UINT16_MAX : 1U << verb;
    if (!any_collection && !(verbs_of[collection] & mask))
        return unknown(text, collection, e);
    for (int c = 0; c < ACCESS_COLLECTION_COUNT; c++)
        if (any_collection || c == collection)
            set->verbs[c] = (uint16_t)(set->verbs[c] | (verbs_of[c] & mask));
    return 0;
}

bool access_role_is_builtin(const char *name)
{
    struct permission_set set;
    return access_builtin(name, &set);
}

bool access_builtin(const char *name, struct permission_set *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
        if (!streq(name, builtins[i].name))
            continue;
        *ret = (struct permission_set){0};
        for (size_t p = 0; p < builtins[i].n; p++)
            permission_set_add(ret, builtins[i].permissions[p], NULL);
        return true;
    }
    return false;
}
