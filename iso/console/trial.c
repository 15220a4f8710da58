#include "iso/console/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "iso/console/place.h"

#define BEFORE           "host.json.before" /* lodge-host puts it back at a start */
#define APPLY_TIMEOUT_MS 60000

static int open_folder(int *ret, struct err *e)
{
    _cleanup_free_ char *path = place(HOST_FOLDER);
    return fs_open_dir(path, 0755, ret, e);
}

static int apply(struct err *e)
{
    static const char *const argv[] = {"lodge-host", "apply-network", NULL};
    return place_call(argv, APPLY_TIMEOUT_MS, e);
}

/* Only the network: what else was changed meanwhile stays. */
static int put_back_network(int folder, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *before = NULL, *host = NULL;
    size_t n;
    if (fs_read(folder, BEFORE, 1 << 20, &text, &n, e) < 0 || json_parse(text, n, BEFORE, &before, e) < 0 ||
        host_read(&host, e) < 0)
        return -1;
    json_object_set(host, "network", json_object_get(before, "network"));
    return host_write(host, e);
}

/* Within host_lock. On a full file system the whole old file takes the place of the new one. */
static int put_back(int folder, struct err *e)
{
    struct err ignored;
    int r = put_back_network(folder, &ignored) == 0 ? unlinkat(folder, BEFORE, 0)
                                                    : renameat(folder, BEFORE, folder, HOST_FILE);
    return r < 0 || fsync(folder) < 0 ? err_errno(e, errno, "cannot put the network's old configuration back")
                                      : 0;
}

/* Keeps what is there, and holds the lock that says somebody decides about it. */
static int keep_before(int folder, struct trial *t, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t n;
    if (faccessat(folder, BEFORE, F_OK, 0) == 0) {
        err_set(e, ERR_BUSY, "the network is being changed at another screen of this host");
        return err_hint(e, "wait until it was kept or has gone back, and try again");
    }
    if (fs_read(folder, HOST_FILE, 1 << 20, &text, &n, e) < 0 ||
        fs_write_atomic(folder, BEFORE, text, n, 0600, e) < 0)
        return -1;
    t->fd = openat(folder, BEFORE, O_RDONLY | O_CLOEXEC);
    if (t->fd < 0 || flock(t->fd, LOCK_EX | LOCK_NB) < 0)
        return err_errno(e, errno, "cannot lock %s", BEFORE);
    return 0;
}

static void end(struct trial *t)
{
    close_p(&t->fd);
    t->fd = -1;
}

static int write_changed(const struct network *n, struct err *e)
{
    _cleanup_json_ json_t *host = NULL;
    if (host_read(&host, e) < 0)
        return -1;
    network_store(host, n);
    return host_write(host, e);
}

int trial_begin(const struct network *n, struct trial *ret, struct err *e)
{
    _cleanup_close_ int lock = -1, folder = -1;
    struct trial t = {.fd = -1};
    struct err ignored;
    if (host_lock(&lock, e) < 0 || open_folder(&folder, e) < 0)
        return -1;
    if (keep_before(folder, &t, e) < 0 || write_changed(n, e) < 0) {
        if (t.fd >= 0)
            (void)put_back(folder, &ignored);
        end(&t);
        return -1;
    }
    close(TAKE_FD(lock)); /* lodge-host takes it */
    if (apply(e) < 0) {
        err_prefix(e, "the network cannot be changed");
        return err_hint(e, "%s",
            trial_revert(&t, &ignored) == 0 ? "the old one is in force again; the journal has the details"
                                            : "the old one could not be put back in force: restart the host");
    }
    *ret = t;
    return 0;
}

int trial_keep(struct trial *t, struct err *e)
{
    _cleanup_close_ int lock = -1, folder = -1;
    if (host_lock(&lock, e) < 0 || open_folder(&folder, e) < 0)
        return -1;
    if (unlinkat(folder, BEFORE, 0) < 0 || fsync(folder) < 0)
        return err_errno(e, errno, "cannot remove the network's old configuration");
    end(t);
    return 0;
}

int trial_revert(struct trial *t, struct err *e)
{
    _cleanup_close_ int lock = -1, folder = -1;
    int r = host_lock(&lock, e) < 0 || open_folder(&folder, e) < 0 ? -1 : put_back(folder, e);
    if (lock >= 0)
        close(TAKE_FD(lock));
    end(t);
    return r < 0 ? -1 : apply(e);
}

int trial_clean_up(struct err *e)
{
    struct trial t = {.fd = -1};
    {
        _cleanup_close_ int lock = -1, folder = -1;
        if (host_lock(&lock, e) < 0 || open_folder(&folder, e) < 0)
            return -1;
        t.fd = openat(folder, BEFORE, O_RDONLY | O_CLOEXEC);
        if (t.fd < 0)
            return 0;
        if (flock(t.fd, LOCK_EX | LOCK_NB) < 0) { /* somebody decides */
            end(&t);
            return 0;
        }
    }
    return trial_revert(&t, e) < 0 ? -1 : 1;
}
