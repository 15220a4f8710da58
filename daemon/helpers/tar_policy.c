#include "helpers/tar_policy.h"

#include "base/text.h"

#define PATH_BYTES_MAX 4095
#define NAME_BYTES_MAX 255

static const char *const inits[] = {"sbin/init", "init", "bin/init", "lib/systemd/systemd"};
static const char *const shells[] = {"bin/sh", "bin/busybox", "bin/bash"};

static void free_values(struct map *map)
{
    MAP_FOREACH (map, entry) {
        free(entry->value);
    }
    map_clear(map);
}

void tar_policy_clear(struct tar_policy *policy)
{
    free_values(&policy->links);
    map_clear(&policy->inits);
}

char *tar_policy_normal(const char *path)
{
    struct buf out = {0};
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n && !(n == 1 && *path == '.')) {
            if (out.len)
                buf_str(&out, "/");
            buf_add(&out, path, n);
        }
        path += n + (path[n] == '/');
    }
    return buf_take(&out);
}

static int refuse(struct err *e, const char *path, const char *why)
{
    return err_set(e, ERR_INVALID, "the archive is refused: %.200s %s", path, why);
}

static bool has_dotdot(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    return false;
}

static int check_path(const char *path, struct err *e)
{
    if (path[0] == '/')
        return refuse(e, path, "is an absolute path");
    if (has_dotdot(path))
        return refuse(e, path, "climbs out with \"..\"");
    if (strlen(path) > PATH_BYTES_MAX)
        return refuse(e, path, "is longer than 4095 bytes");
    for (const char *part = path; *part; part += strcspn(part, "/"), part += *part == '/')
        if (strcspn(part, "/") > NAME_BYTES_MAX)
            return refuse(e, path, "has a name longer than 255 bytes");
    return 0;
}

/* No directory on the way to it may be a link that this archive made. */
static int check_parents(const struct tar_policy *policy, const char *path, struct err *e)
{
    _cleanup_free_ char *parent = mem_strdup(path);
    for (char *slash; (slash = strrchr(parent, '/'));) {
        *slash = '\0';
        if (map_get(&policy->links, parent))
            return refuse(e, path, "goes through a symbolic link");
    }
    return 0;
}

/* A target that climbs above the root. An absolute one starts at the container's root. */
static bool leaves_root(const char *link, const char *target)
{
    int depth = 0;
    for (const char *c = link; *c && target[0] != '/'; c++)
        depth += *c == '/';
    for (const char *part = target; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && strncmp(part, "..", 2) == 0)
            depth--;
        else if (n && !(n == 1 && *part == '.'))
            depth++;
        if (depth < 0)
            return true;
        part += n + (part[n] == '/');
    }
    return false;
}

static int check_link(
    const struct tar_policy *policy, const struct tar_entry *entry, const char *path, struct err *e)
{
    if (!entry->target || !*entry->target)
        return refuse(e, path, "is a link to nothing");
    if (strlen(entry->target) > PATH_BYTES_MAX)
        return refuse(e, path, "links to a path longer than 4095 bytes");
    if (entry->type == TAR_SYMLINK)
        return leaves_root(path, entry->target) ? refuse(e, path, "is a link that points out of the root")
                                                : 0;
    struct err why;
    _cleanup_free_ char *target = tar_policy_normal(entry->target);
    if (check_path(entry->target, &why) < 0 || check_parents(policy, target, &why) < 0)
        return refuse(e, path, "is a hard link to outside of the root");
    return 0;
}

static int check_limits(struct tar_policy *policy, const struct tar_entry *entry, struct err *e)
{
    const struct tar_limits *limits = &policy->limits;
    char size[TEXT_SIZE_MAX];
    if (++policy->entries > limits->entries)
        return err_set(e, ERR_TOO_LARGE, "the archive is refused: it has more than %llu entries",
            (unsigned long long)limits->entries);
    if (entry->size_bytes > limits->total_bytes - policy->bytes)
        return err_set(e, ERR_TOO_LARGE, "the archive is refused: its files are larger than %s together",
            text_size_str(limits->total_bytes, size));
    policy->bytes += entry->size_bytes;
    if (entry->uid < 0 || entry->gid < 0 || (uint64_t)entry->uid >= limits->id_count ||
        (uint64_t)entry->gid >= limits->id_count) {
        refuse(e, entry->path, "belongs to a user or group that a container does not have");
        return err_hint(e, "ids in the archive have to be below %llu", (unsigned long long)limits->id_count);
    }
    return 0;
}

static bool is_candidate(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return streq(name, "init") || streq(name, "systemd") || streq(name, "sh") || streq(name, "busybox") ||
           streq(name, "bash");
}

static void remember(struct tar_policy *policy, const struct tar_entry *entry, const char *path)
{
    free(entry->type == TAR_SYMLINK ? map_set(&policy->links, path, mem_strdup(entry->target))
                                    : map_remove(&policy->links, path)); /* replaced by something else */
    if (entry->type != TAR_DIRECTORY && is_candidate(path))
        map_set(&policy->inits, path, policy);
}

int tar_policy_entry(struct tar_policy *policy, const struct tar_entry *entry, struct err *e)
{
    if (!entry->path || !*entry->path)
        return refuse(e, "an entry", "has no name");
    if (check_path(entry->path, e) < 0)
        return -1;
    _cleanup_free_ char *path = tar_policy_normal(entry->path);
    if (entry->type == TAR_DEVICE) {
        refuse(e, path, "is a device");
        return err_hint(e, "pack it without devices: tar --exclude='./dev/*'; a container gets its own");
    }
    if (entry->type == TAR_OTHER)
        return refuse(e, path, "is neither file, directory nor link");
    if (!*path && entry->type != TAR_DIRECTORY)
        return refuse(e, entry->path, "would replace the root itself");
    if (check_parents(policy, path, e) < 0 || check_limits(policy, entry, e) < 0)
        return -1;
    if ((entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK) && check_link(policy, entry, path, e) < 0)
        return -1;
    remember(policy, entry, path);
    return 0;
}

/* Follows the archive's links of directories on the way to path ("sbin" → "usr/sbin"); owned. */
static char *resolve(const struct tar_policy *policy, const char *path)
{
    char *at = mem_strdup(path);
    for (int links = 0; links < 40; links++) {
        const char *target = NULL;
        size_t cut = 0;
        for (size_t i = 1; at[i] && !target; i++)
            if (at[i] == '/') {
                at[i] = '\0';
                target = map_get(&policy->links, at);
                at[i] = '/';
                cut = i;
            }
        if (!target || has_dotdot(target))
            return at;
        size_t parent = cut;
        while (target[0] != '/' && parent && at[parent - 1] != '/')
            parent--;
        _cleanup_free_ char *joined =
            mem_printf("%.*s/%s/%s", target[0] == '/' ? 0 : (int)parent, at, target, at + cut);
        free(at);
        at = tar_policy_normal(joined);
    }
    return at;
}

static bool has(const struct tar_policy *policy, const char *path)
{
    _cleanup_free_ char *at = resolve(policy, path);
    return map_get(&policy->inits, at);
}

int tar_policy_root(const struct tar_policy *policy, const char **ret_init, struct err *e)
{
    static const char *const absolute[] = {"/sbin/init", "/init", "/bin/init", "/lib/systemd/systemd"};
    for (size_t i = 0; i < ARRAY_SIZE(inits); i++)
        if (has(policy, inits[i])) {
            *ret_init = absolute[i];
            return 0;
        }
    *ret_init = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
        if (has(policy, shells[i]))
            return 0;
    err_set(e, ERR_INVALID, "the archive is not a root file system: it has neither /sbin/init nor a shell");
    return err_hint(e, "pack the root itself: tar -C root -c . (not the folder that holds it)");
}
