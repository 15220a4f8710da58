#include "network/net_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/text.h"
#include "network/leases.h"

static struct fake_call calls[] = {
    {.name = "open"}, {.name = "ensure"}, {.name = "remove"}, {.name = "leases"}, {.name = "guard"}};
struct fake_plan net_fake_plan = FAKE_PLAN_INIT("net", calls);

static int fake_open(const struct net_options *options, void **ret_driver, struct err *e)
{
    if (fake_plan_enter(&net_fake_plan, "open", e) < 0)
        return -1;
    *ret_driver = mem_strdup(options->state_dir);
    return 0;
}

static void fake_close(void *driver)
{
    free(driver);
}

static int fake_lease_dir(void *driver, const struct net_config *config, char *ret, size_t size)
{
    return snprintf(ret, size, "%s/run/net/%s", (const char *)driver, config->uuid) < (int)size ? 0 : -1;
}

static int fake_ensure(void *driver, const struct net_config *config, struct err *e)
{
    _cleanup_free_ char *dir = mem_printf("%s/run/net/%s", (const char *)driver, config->uuid);
    return fake_plan_enter(&net_fake_plan, "ensure", e) < 0 ? -1 : fs_mkdir_all(dir, 0755, e);
}

static int fake_remove(void *driver, const struct net_config *config, struct err *e)
{
    if (fake_plan_enter(&net_fake_plan, "remove", e) < 0)
        return -1;
    _cleanup_free_ char *path = mem_printf("%s/run/net", (const char *)driver);
    _cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? 0 : fs_remove_tree(dir, config->uuid, e);
}

static int fake_leases(
    void *driver, const struct net_config *config, net_lease_fn *fn, void *arg, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/run/net/%s/leases", (const char *)driver, config->uuid);
    return fake_plan_enter(&net_fake_plan, "leases", e) < 0 ? -1 : leases_read(path, fn, arg, e);
}

#define FAKE_CALLS                                                                                           \
    .help = "no network at all: for tests", .open = fake_open, .close = fake_close, .ensure = fake_ensure,   \
    .remove = fake_remove

const struct net_ops net_fake_nat = {
    .kind = "nat", FAKE_CALLS, .leases = fake_leases, .lease_dir = fake_lease_dir};
const struct net_ops net_fake_isolated = {
    .kind = "isolated", FAKE_CALLS, .leases = fake_leases, .lease_dir = fake_lease_dir};
const struct net_ops net_fake_bridge = {.kind = "bridge", FAKE_CALLS};

/* ---- guards ---- */

struct fake_guard {
    char *state_dir;
    pthread_mutex_t lock; /* guards the map */
    struct map lines;     /* link → line */
};

static int guard_open(const struct net_options *options, void **ret_driver, struct err *e)
{
    struct fake_guard *g = mem_new(struct fake_guard, 1);
    (void)e;
    g->state_dir = mem_strdup(options->state_dir);
    pthread_mutex_init(&g->lock, NULL);
    *ret_driver = g;
    return 0;
}

static void remove_lines(struct fake_guard *g, const char *prefix)
{
    MAP_FOREACH (&g->lines, entry)
        if (text_starts(entry->key, prefix))
            free(map_remove(&g->lines, entry->key));
}

static void guard_close(void *driver)
{
    struct fake_guard *g = driver;
    remove_lines(g, "");
    map_clear(&g->lines);
    pthread_mutex_destroy(&g->lock);
    free(g->state_dir);
    free(g);
}

static int guard_set(
    void *driver, const char *prefix, const struct net_guard *guards, size_t n, struct err *e)
{
    struct fake_guard *g = driver;
    _cleanup_buf_ struct buf all = {0};
    _cleanup_free_ char *path = mem_printf("%s/run", g->state_dir);
    _cleanup_close_ int dir = -1;
    if (fake_plan_enter(&net_fake_plan, "guard", e) < 0 || fs_open_dir(path, 0755, &dir, e) < 0)
        return -1;
    pthread_mutex_lock(&g->lock);
    remove_lines(g, prefix);
    for (size_t i = 0; i < n; i++) {
        struct buf line = {0};
        buf_printf(&line, "%s %s %s", guards[i].link, guards[i].mac, guards[i].held ? "held" : "free");
        for (size_t k = 0; k < guards[i].n_addresses; k++)
            buf_printf(&line, " %s", guards[i].addresses[k]);
        free(map_set(&g->lines, guards[i].link, buf_take(&line)));
    }
    MAP_FOREACH (&g->lines, entry)
        buf_printf(&all, "%s\n", (const char *)entry->value);
    int r = fs_write_atomic(dir, "guards", all.data ? all.data : "", all.len, 0644, e);
    pthread_mutex_unlock(&g->lock);
    return r;
}

static int guard_replace(void *driver, const struct net_guard *guards, size_t n, struct err *e)
{
    return guard_set(driver, "", guards, n, e);
}

/* No fake guest has links: a card is taken to be there while it is guarded. */
static bool guard_link_exists(void *driver, const char *link)
{
    struct fake_guard *g = driver;
    pthread_mutex_lock(&g->lock);
    bool is = map_get(&g->lines, link) != NULL;
    pthread_mutex_unlock(&g->lock);
    return is;
}

const struct guard_ops guard_fake = {.open = guard_open,
    .close = guard_close,
    .replace = guard_replace,
    .set = guard_set,
    .link_exists = guard_link_exists};
