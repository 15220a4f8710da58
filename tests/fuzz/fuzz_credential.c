/* Cookies, tokens and CSRF values of strangers, asked of a registry with one session and one token. */
#include "auth/sessions.h"
#include "auth/tokens.h"
#include "base/fs.h"
#include "base/text.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct sessions *sessions;
static struct tokens *tokens;
static char *secret;

static void open_once(void)
{
    char dir[] = "/tmp/lodge-fuzz-XXXXXX";
    struct err e;
    struct registry *registry;
    if (!mkdtemp(dir))
        abort();
    struct loop *loop = loop_new();
    _cleanup_free_ char *path = mem_printf("%s/registry.db", dir);
    struct registry_options options = {.loop = loop, .path = path};
    if (registry_open(&options, &registry, &e) < 0 ||
        sessions_open(registry, &clock_system, &sessions, &e) < 0)
        abort();
    tokens = tokens_open(registry, &clock_system);
    sessions_create(sessions, "00000000-0000-4000-8000-000000000001", "127.0.0.1", &secret);
    int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fs_remove_tree(parent, strrchr(dir, '/') + 1, NULL); /* open files live on */
    close(parent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!sessions)
        open_once();
    _cleanup_free_ char *text = mem_strndup((const char *)data, n);
    const struct session *found = sessions_find(sessions, text);
    if (found && !streq(text, secret))
        abort();
    if (tokens_find(tokens, text))
        abort();
    const struct session *mine = sessions_find(sessions, secret);
    if (!mine || (session_csrf_ok(mine, text) && !streq(text, mine->csrf)))
        abort();
    return 0;
}
