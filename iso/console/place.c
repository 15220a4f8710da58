#include "iso/console/place.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/proc.h"

#define READ_MAX (1024 * 1024)
#define TOOLS    "/usr/lib/lodge"

char *place(const char *path)
{
    const char *root = getenv("LODGE_HOST_ROOT");
    return mem_printf("%s%s", root ? root : "", path);
}

int place_read(const char *path, char **ret, size_t *ret_len, struct err *e)
{
    _cleanup_free_ char *full = place(path);
    return fs_read(AT_FDCWD, full, READ_MAX, ret, ret_len, e);
}

struct surroundings {
    char *path, *root;
    const char *env[5];
};

static void surroundings_clear(struct surroundings *s)
{
    free(s->path);
    free(s->root);
}

static void surroundings_fill(struct surroundings *s)
{
    const char *path = getenv("PATH"), *root = getenv("LODGE_HOST_ROOT");
    *s = (struct surroundings){.path = mem_printf("PATH=%s", path ? path : TOOLS),
        .root = mem_printf("LODGE_HOST_ROOT=%s", root ? root : "")};
    memcpy(s->env, (const char *[]){s->path, s->root, "HOME=/", "LANG=C.UTF-8", NULL}, sizeof(s->env));
}

int place_call(const char *const *argv, uint64_t timeout_ms, struct err *e)
{
    __attribute__((cleanup(surroundings_clear))) struct surroundings s;
    surroundings_fill(&s);
    return proc_check(&(struct proc_spec){.argv = argv, .env = s.env}, timeout_ms, e);
}

int place_ask(const char *const *argv, uint64_t timeout_ms, char **ret, struct err *e)
{
    __attribute__((cleanup(surroundings_clear))) struct surroundings s;
    surroundings_fill(&s);
    struct proc_output o = {0};
    if (proc_run(&(struct proc_spec){.argv = argv, .env = s.env}, NULL, 0, timeout_ms, NULL, &o, e) < 0)
        return -1;
    *ret = TAKE_PTR(o.out);
    proc_output_clear(&o);
    return 0;
}
