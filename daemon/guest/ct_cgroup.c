#include "guest/ct_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"

#define HIERARCHIES_MAX 16
#define FREEZE_TRIES    2500 /* of 2 ms */
#define SWEEP_TRIES     2500

struct hierarchy {
    bool v2;
    char *controllers; /* of v1: ",cpu,cpuacct," */
    char *path;
    char *root; /* which group is mounted there: "/" */
    char *base; /* where liblxc makes its groups: the group of process 1 */
};

struct ct_mounts {
    struct hierarchy list[HIERARCHIES_MAX];
    size_t n;
};

/* One line of mountinfo: "36 35 98:0 ROOT PATH options… - cgroup SOURCE rw,cpu,cpuacct". */
static void take_mount(struct ct_mounts *mounts, char *line)
{
    char root[512], path[512], type[32], super[512];
    const char *dash = strstr(line, " - ");
    if (!dash || mounts->n == HIERARCHIES_MAX || sscanf(line, "%*s %*s %*s %511s %511s", root, path) != 2 ||
        sscanf(dash, " - %31s %*s %511s", type, super) != 2)
        return;
    bool v2 = streq(type, "cgroup2");
    if (!v2 && !streq(type, "cgroup"))
        return;
    mounts->list[mounts->n++] = (struct hierarchy){.v2 = v2,
        .controllers = mem_printf(",%s,", super),
        .path = mem_strdup(path),
        .root = mem_strdup(root)};
}

void ct_mounts_free(struct ct_mounts *mounts)
{
    for (size_t i = 0; mounts && i < mounts->n; i++) {
        free(mounts->list[i].controllers);
        free(mounts->list[i].path);
        free(mounts->list[i].root);
        free(mounts->list[i].base);
    }
    free(mounts);
}

static const struct hierarchy *find(const struct ct_mounts *mounts, const char *controller)
{
    _cleanup_free_ char *wanted = controller ? mem_printf(",%s,", controller) : NULL;
    for (size_t i = 0; i < mounts->n; i++)
        if (controller ? !mounts->list[i].v2 && strstr(mounts->list[i].controllers, wanted)
                       : mounts->list[i].v2)
            return &mounts->list[i];
    return NULL;
}

/* The folder of a group as /proc/<pid>/cgroup names it; owned. */
static char *folder(const struct hierarchy *hierarchy, const char *path)
{
    size_t skip = streq(hierarchy->root, "/") ? 0 : strlen(hierarchy->root);
    if (strncmp(path, hierarchy->root, skip) != 0)
        skip = 0;
    return mem_printf("%s%s", hierarchy->path, streq(path + skip, "/") ? "" : path + skip);
}

/* The group of a process in a hierarchy, from the lines of its /proc/<pid>/cgroup: "4:memory:/path"; owned.
 */
static char *group_in(const struct hierarchy *hierarchy, const char *text)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        _cleanup_free_ char *copy = mem_strndup(line, strcspn(line, "\n"));
        char *list = strchr(copy, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        list++;
        _cleanup_free_ char *wanted = mem_printf(",%s,", list);
        if (hierarchy->v2 ? !*list : *list && strstr(hierarchy->controllers, wanted))
            return folder(hierarchy, path);
    }
    return NULL;
}

/* The container's group for this controller (NULL: v2), cut after its uuid. */
static char *lookup(
    const struct ct_mounts *mounts, const char *text, const char *controller, const char *uuid)
{
    const struct hierarchy *hierarchy = find(mounts, controller);
    char *path = hierarchy ? group_in(hierarchy, text) : NULL;
    char *at = path ? strstr(path, uuid) : NULL;
    if (at)
        at[UUID_LEN] = '\0';
    else
        free(path);
    return at ? path : NULL;
}

/* Under systemd process 1 is in init.scope, and others are made beside that. */
static void find_bases(struct ct_mounts *mounts)
{
    _cleanup_free_ char *text = NULL;
    bool known = fs_read(AT_FDCWD, "/proc/1/cgroup", 65536, &text, NULL, NULL) == 0;
    for (size_t i = 0; i < mounts->n; i++) {
        char *base = known ? group_in(&mounts->list[i], text) : NULL;
        char *scope = base ? strstr(base, "/init.scope") : NULL;
        if (scope)
            *scope = '\0';
        mounts->list[i].base = base ? base : mem_strdup(mounts->list[i].path);
    }
}

struct ct_mounts *ct_mounts_read(void)
{
    struct ct_mounts *mounts = mem_new(struct ct_mounts, 1);
    _cleanup_free_ char *text = NULL;
    if (fs_read(AT_FDCWD, "/proc/self/mountinfo", 4 << 20, &text, NULL, NULL) == 0) {
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            take_mount(mounts, line);
    }
    find_bases(mounts);
    return mounts;
}

bool ct_cgroup_find(const struct ct_mounts *mounts, pid_t pid, const char *uuid, struct ct_cgroup *ret)
{
    _cleanup_free_ char *path = mem_printf("/proc/%d/cgroup", (int)pid), *text = NULL;
    if (fs_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
        return false;
    struct ct_cgroup cgroup = {.cpu = lookup(mounts, text, "cpuacct", uuid),
        .memory = lookup(mounts, text, "memory", uuid),
        .io = lookup(mounts, text, "blkio", uuid),
        .freezer = lookup(mounts, text, "freezer", uuid)};
    if (!cgroup.cpu && !cgroup.memory && (cgroup.cpu = lookup(mounts, text, NULL, uuid))) {
        cgroup.v2 = true;
        cgroup.memory = mem_strdup(cgroup.cpu);
        cgroup.io = mem_strdup(cgroup.cpu);
        cgroup.freezer = mem_strdup(cgroup.cpu);
    }
    *ret = cgroup;
    return cgroup.cpu || cgroup.memory;
}

void ct_cgroup_clear(struct ct_cgroup *cgroup)
{
    free(cgroup->cpu);
    free(cgroup->memory);
    free(cgroup->io);
    free(cgroup->freezer);
    *cgroup = (struct ct_cgroup){0};
}

static char *read_file(const char *dir, const char *name)
{
    char *text = NULL;
    _cleanup_free_ char *path = dir ? mem_printf("%s/%s", dir, name) : NULL;
    return path && fs_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL) == 0 ? text : NULL;
}

static uint64_t read_number(const char *dir, const char *name)
{
    _cleanup_free_ char *text = read_file(dir, name);
    return text ? strtoull(text, NULL, 10) : 0;
}

/* The number after a word at the beginning of a line. */
static uint64_t read_keyed(const char *dir, const char *name, const char *key)
{
    _cleanup_free_ char *text = read_file(dir, name);
    size_t n = strlen(key);
    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n, NULL, 10);
    return 0;
}

/* What a container reads from its root goes through its loop device (major 7) and is counted again at the
 * disk below: where there are loop devices, only they count. */
struct io_sums {
    uint64_t loop[4], other[4]; /* read bytes, write bytes, read operations, write operations */
    bool has_loop;
};

static void add_io(struct io_sums *sums, unsigned major, size_t which, uint64_t n)
{
    sums->has_loop |= major == 7;
    (major == 7 ? sums->loop : sums->other)[which] += n;
}

static void sum_v1(struct io_sums *sums, const char *dir, const char *name, size_t first)
{
    _cleanup_free_ char *text = read_file(dir, name);
    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned major, minor;
        char verb[16];
        unsigned long long n;
        if (sscanf(line, "%u:%u %15s %llu", &major, &minor, verb, &n) != 4)
            continue;
        if (streq(verb, "Read"))
            add_io(sums, major, first, n);
        else if (streq(verb, "Write"))
            add_io(sums, major, first + 1, n);
    }
}

static void sum_v2(struct io_sums *sums, const char *dir)
{
    _cleanup_free_ char *text = read_file(dir, "io.stat");
    for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned major, minor;
        unsigned long long n[4];
        if (sscanf(line, "%u:%u rbytes=%llu wbytes=%llu rios=%llu wios=%llu", &major, &minor, &n[0], &n[1],
                &n[2], &n[3]) == 6)
            for (size_t i = 0; i < 4; i++)
                add_io(sums, major, i, n[i]);
    }
}

void ct_cgroup_sample(const struct ct_cgroup *cgroup, struct guest_sample *sample)
{
    struct io_sums sums = {0};
    uint64_t memory, cache;
    if (cgroup->v2) {
        sample->cpu_time_ns = read_keyed(cgroup->cpu, "cpu.stat", "usage_usec") * 1000;
        memory = read_number(cgroup->memory, "memory.current");
        cache = read_keyed(cgroup->memory, "memory.stat", "inactive_file");
        sample->memory_max_bytes = read_number(cgroup->memory, "memory.max");
        sum_v2(&sums, cgroup->io);
    } else {
        sample->cpu_time_ns = read_number(cgroup->cpu, "cpuacct.usage");
        memory = read_number(cgroup->memory, "memory.usage_in_bytes");
        cache = read_keyed(cgroup->memory, "memory.stat", "total_inactive_file");
        sample->memory_max_bytes = read_number(cgroup->memory, "memory.limit_in_bytes");
        sum_v1(&sums, cgroup->io, "blkio.throttle.io_service_bytes", 0);
        sum_v1(&sums, cgroup->io, "blkio.throttle.io_serviced", 2);
    }
    const uint64_t *io = sums.has_loop ? sums.loop : sums.other;
    sample->memory_used_bytes = memory > cache ? memory - cache : 0;
    sample->disk_read_bytes = io[0];
    sample->disk_write_bytes = io[1];
    sample->disk_read_ops = io[2];
    sample->disk_write_ops = io[3];
}

bool ct_cgroup_is_frozen(const struct ct_cgroup *cgroup)
{
    if (cgroup->v2)
        return read_keyed(cgroup->freezer, "cgroup.events", "frozen") == 1;
    _cleanup_free_ char *text = read_file(cgroup->freezer, "freezer.state");
    return text && text_starts(text, "FROZEN");
}

static bool is_thawed(const struct ct_cgroup *cgroup)
{
    _cleanup_free_ char *text = cgroup->v2 ? NULL : read_file(cgroup->freezer, "freezer.state");
    return cgroup->v2 ? !ct_cgroup_is_frozen(cgroup) : !text || text_starts(text, "THAWED");
}

int ct_cgroup_freeze(const struct ct_cgroup *cgroup, bool freeze, struct err *e)
{
    if (!cgroup->freezer)
        return err_set(e, ERR_UNSUPPORTED, "this host has no freezer for containers");
    const char *word = cgroup->v2 ? (freeze ? "1" : "0") : (freeze ? "FROZEN" : "THAWED");
    _cleanup_free_ char *path =
        mem_printf("%s/%s", cgroup->freezer, cgroup->v2 ? "cgroup.freeze" : "freezer.state");
    for (int i = 0; i < FREEZE_TRIES; i++) {
        /* v1 asks to be written again while processes are on their way. */
        _cleanup_close_ int fd = i == 0 || !cgroup->v2 ? open(path, O_WRONLY | O_CLOEXEC) : -1;
        if (fd >= 0 && fs_write_all(fd, word, strlen(word), e) < 0)
            return -1;
        if (freeze ? ct_cgroup_is_frozen(cgroup) : is_thawed(cgroup))
            return 0;
        usleep(2000);
    }
    return err_set(e, ERR_TIMEOUT, "the container's processes do not %s", freeze ? "freeze" : "thaw");
}

/* Groups go with rmdir, the innermost first; one with processes stays. True when it is gone. */
static bool remove_groups(const char *path)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return true;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            _cleanup_free_ char *inner = mem_printf("%s/%s", path, entry->d_name);
            remove_groups(inner);
        }
    if (dir)
        closedir(dir);
    return rmdir(path) == 0 || errno == ENOENT;
}

static bool remove_all(const struct ct_mounts *mounts, const char *instance, const char *uuid)
{
    static const char *const endings[] = {"", ".monitor"};
    bool gone = true;
    for (size_t i = 0; i < mounts->n; i++)
        for (size_t j = 0; j < ARRAY_SIZE(endings); j++) {
            _cleanup_free_ char *path =
                mem_printf("%s/lodge-%s/%s%s", mounts->list[i].base, instance, uuid, endings[j]);
            gone &= remove_groups(path);
        }
    return gone;
}

int ct_cgroup_sweep(const struct ct_mounts *mounts, const char *instance, const char *uuid, struct err *e)
{
    for (int i = 0; i < SWEEP_TRIES; i++) {
        if (remove_all(mounts, instance, uuid))
            return 0;
        usleep(2000);
    }
    err_set(e, ERR_TIMEOUT, "processes of its last run do not end");
    return err_hint(e, "Something keeps them in the kernel, such as a disk that does not answer; "
                       "try again once that is over.");
}
