#include "iso/installer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "iso/installer/fetch.h"
#include "iso/installer/prepare.h"

#define LABEL     "LODGE-ANSWER"
#define LABEL_FAT "LODGEANSWER" /* FAT keeps 11 characters */
/* Sticks behind hubs, and media that a management processor pretends to be, are seen seconds after the rest.
 */
#define VOLUME_WAIT_MS  10000
#define VOLUME_PAUSE_MS 500
static const char volume_dir[] = WORK_DIR "/answer";

void source_free(struct source *s)
{
    free(s->name);
    if (s->text)
        explicit_bzero(s->text, s->len); /* it may hold passwords */
    free(s->text);
    free(s->first_boot);
    *s = (struct source){0};
}

char *cmdline_value(const char *cmdline, const char *key)
{
    size_t n = strlen(key);
    for (const char *word = cmdline + strspn(cmdline, " \n"); *word;) {
        size_t len = strcspn(word, " \n");
        if (len >= n && strncmp(word, key, n) == 0 && (len == n || word[n] == '='))
            return mem_strndup(word + n + (len > n), len - n - (len > n));
        word += len;
        word += strspn(word, " \n");
    }
    return NULL;
}

char *cmdline_running_value(const char *key)
{
    _cleanup_free_ char *cmdline = NULL;
    struct err ignored;
    if (fs_read(AT_FDCWD, "/proc/cmdline", 65536, &cmdline, NULL, &ignored) < 0)
        return NULL;
    return cmdline_value(cmdline, key);
}

/* Beneath the folder and through no link: what a volume holds was written by somebody else. */
static int read_beneath(int dirfd, const char *name, char **ret, size_t *ret_len, struct err *e)
{
    _cleanup_close_ int fd = -1;
    struct stat st;
    if (fs_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0, &fd, e) < 0)
        return -1;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is no file", name);
    _cleanup_free_ char *path = mem_printf("/proc/self/fd/%d", fd);
    return fs_read(AT_FDCWD, path, TOML_FILE_MAX, ret, ret_len, e);
}

static int read_folder(const char *dir, const char *name, struct source *s, struct err *e)
{
    struct err ignored;
    _cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return err_errno(e, errno, "cannot open %s", dir);
    if (read_beneath(dirfd, name, &s->text, &s->len, e) < 0)
        return -1;
    if (read_beneath(dirfd, "first-boot", &s->first_boot, NULL, &ignored) < 0)
        s->first_boot = NULL;
    return 0;
}

int source_file(const char *path, struct source *ret, struct err *e)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *dir = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
    ret->name = mem_strdup(path);
    return read_folder(*dir ? dir : "/", slash ? slash + 1 : path, ret, e);
}

static int from_url(const char *url, const struct patience *p, struct source *ret, struct err *e)
{
    char why[WHY_MAX];
    _cleanup_free_ char *fingerprint = cmdline_running_value("lodge.answer-fingerprint");
    if (!format_https_url.check(url, why)) {
        err_set(e, ERR_INVALID, "lodge.answer=%s %s", url, why);
        return err_hint(e, "name an https:// address");
    }
    if (fingerprint && !format_fingerprint.check(fingerprint, why)) {
        err_set(e, ERR_INVALID, "lodge.answer-fingerprint %s", why);
        return err_hint(e, "%s", format_fingerprint.write);
    }
    ret->name = mem_strdup(url);
    if (fetch_text(url, fingerprint, p, &ret->text, e) < 0)
        return err_prefix(e, "cannot fetch the answer");
    ret->len = strlen(ret->text);
    return 0;
}

static bool is_label(const char *label)
{
    return strcasecmp(label, LABEL) == 0 || strcasecmp(label, LABEL_FAT) == 0;
}

/* A partition or whole disk with that label, by what lsblk finds on it: links of udev may come late. */
static const char *labelled(const json_t *nodes)
{
    size_t i;
    json_t *node;
    json_array_foreach (nodes, i, node) {
        if (is_label(json_get_str(node, "label", "")))
            return json_get_str(node, "path", "");
        const char *below = labelled(json_get_arr(node, "children"));
        if (below)
            return below;
    }
    return NULL;
}

static int find_volume(char **ret, struct err *e)
{
    static const char *const argv[] = {"lsblk", "--json", "--output", "PATH,LABEL", NULL};
    _cleanup_json_ json_t *blocks = NULL;
    struct proc_output o = {0};
    if (proc_run(&(struct proc_spec){.argv = argv}, NULL, 0, 30000, NULL, &o, e) < 0)
        return err_prefix(e, "cannot look for a volume " LABEL);
    int r = json_parse(o.out, o.out_len, "what lsblk printed", &blocks, e);
    proc_output_clear(&o);
    if (r < 0)
        return -1;
    *ret = mem_strdup(labelled(json_get_arr(blocks, "blockdevices")));
    return 0;
}

/* Also where the medium has an answer of its own, which counts only when there is no volume. */
static int await_volume(const struct patience *p, char **ret, struct err *e)
{
    uint64_t from = clock_monotonic_ms(p->clock);
    for (bool said = false;; said = true) {
        if (find_volume(ret, e) < 0)
            return -1;
        if (*ret || clock_monotonic_ms(p->clock) - from >= VOLUME_WAIT_MS)
            return 0;
        if (!said)
            p->say(p->arg, "Looking for a volume labelled " LABEL ", up to 10 seconds");
        p->pause(p->arg, VOLUME_PAUSE_MS);
    }
}

static int from_volume(const char *device, struct source *ret, struct err *e)
{
    const char *const argv[] = {"mount", "-o", "ro,nosuid,nodev,noexec", device, volume_dir, NULL};
    ret->name = mem_printf("answer.toml on %s (%s)", device, LABEL);
    if (fs_mkdir_all(volume_dir, 0700, e) < 0)
        return -1;
    if (proc_check(&(struct proc_spec){.argv = argv}, 60000, e) < 0) {
        err_prefix(e, "the volume %s on %s cannot be read", LABEL, device);
        return err_hint(
            e, "write it again: a FAT, ext4 or ISO 9660 file system with the file answer.toml; or remove it");
    }
    int r = read_folder(volume_dir, "answer.toml", ret, e);
    umount2(volume_dir, UMOUNT_NOFOLLOW);
    if (r < 0) {
        err_prefix(e, "the volume %s on %s", LABEL, device);
        return err_hint(e, "put the answer file there, named answer.toml");
    }
    return 0;
}

int source_find(
    const char *medium_dir, bool volumes, const struct patience *p, struct source *ret, struct err *e)
{
    _cleanup_free_ char *url = cmdline_running_value("lodge.answer"), *device = NULL;
    struct medium medium;
    struct err ignored;
    if (url && *url)
        return from_url(url, p, ret, e) < 0 ? -1 : 1;
    if (volumes && await_volume(p, &device, e) < 0)
        return -1;
    if (device)
        return from_volume(device, ret, e) < 0 ? -1 : 1;
    if (medium_open(medium_dir, &medium, &ignored) < 0)
        return 0;
    _cleanup_free_ char *path = mem_printf("%s/answer.toml", medium.dir);
    if (access(path, F_OK) < 0)
        return 0;
    return source_file(path, ret, e) < 0 ? -1 : 1;
}
