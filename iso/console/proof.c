#include "iso/console/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "iso/common/secret.h"
#include "iso/console/lodged.h"
#include "iso/console/place.h"

#define SHADOW     "/etc/shadow"
#define RUN_FOLDER "/run/lodge-console"
#define ATTEMPTS   "attempts"
#define WAIT_MAX_S 60
#define FADE_MS    (15 * 60 * 1000) /* quiet for so long, and failures are forgotten */
#define FREE       2                /* anybody mistypes */

unsigned proof_wait_s(unsigned failures)
{
    if (failures <= FREE)
        return failures ? 1 : 0;
    unsigned doublings = MIN_OF(failures - FREE, 16U);
    return MIN_OF(1U << doublings, (unsigned)WAIT_MAX_S);
}

/* ---- failures, kept over a restart of the screen ---- */

struct attempts {
    int fd; /* locked: one attempt at a time */
    unsigned failures;
    uint64_t last_ms; /* monotonic, of the last failure */
};

static void attempts_close(struct attempts *a)
{
    close_p(&a->fd);
}

static int attempts_open(struct attempts *ret, struct err *e)
{
    _cleanup_free_ char *folder = place(RUN_FOLDER);
    _cleanup_close_ int dir = -1;
    *ret = (struct attempts){.fd = -1};
    if (fs_open_dir(folder, 0700, &dir, e) < 0)
        return -1;
    ret->fd = openat(dir, ATTEMPTS, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (ret->fd < 0 || flock(ret->fd, LOCK_EX) < 0)
        return err_errno(e, errno, "cannot open %s/%s", folder, ATTEMPTS);
    char text[64] = "";
    unsigned long long last = 0;
    uint64_t now = clock_monotonic_ms(&clock_system);
    if (pread(ret->fd, text, sizeof(text) - 1, 0) > 0 && sscanf(text, "%u %llu", &ret->failures, &last) != 2)
        ret->failures = 0;
    ret->last_ms = MIN_OF((uint64_t)last, now);
    if (now - ret->last_ms > FADE_MS)
        ret->failures = 0;
    return 0;
}

/* What cannot be written down does not slow the next one; /run is memory and has room. */
static void attempts_note(struct attempts *a, bool failed)
{
    char text[64];
    a->failures = failed ? a->failures + 1 : 0;
    int n = snprintf(
        text, sizeof(text), "%u %llu\n", a->failures, (unsigned long long)clock_monotonic_ms(&clock_system));
    if (ftruncate(a->fd, 0) < 0 || pwrite(a->fd, text, (size_t)n, 0) < 0)
        log_error("failed attempts cannot be written down: %m");
}

static int attempts_early(const struct attempts *a, struct err *e)
{
    uint64_t wait_ms = (uint64_t)proof_wait_s(a->failures) * 1000,
             since_ms = clock_monotonic_ms(&clock_system) - a->last_ms;
    if (!a->failures || since_ms >= wait_ms)
        return 0;
    unsigned seconds = (unsigned)((wait_ms - since_ms + 999) / 1000);
    err_set(e, ERR_TOO_MANY, "too many wrong passwords: this one was not looked at");
    return err_hint(e, "Wait %u second%s and try again.", seconds, seconds == 1 ? "" : "s");
}

/* ---- root ---- */

/* Its second field in the line of root; owned, NULL without one. */
static char *root_hash(void)
{
    _cleanup_secret_ char *text = NULL;
    if (place_read(SHADOW, &text, NULL, NULL) < 0)
        return NULL;
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, "root:", 5) == 0)
            return mem_strndup(line + 5, strcspn(line + 5, ":\n"));
    return NULL;
}

bool proof_root_has_password(void)
{
    _cleanup_secret_ char *hash = root_hash();
    return hash && *hash == '$';
}

static int check_root(const char *password, struct err *e)
{
    _cleanup_secret_ char *hash = root_hash();
    if (!hash || *hash != '$') {
        err_set(e, ERR_STATE, "root has no password on this host");
        return err_hint(e, "An administrator of Lodge can do this, such as admin. When none can sign in: the "
                           "rescue shell of the installation medium.");
    }
    if (secret_matches(password, hash))
        return 0;
    err_set(e, ERR_UNAUTHENTICATED, "this is not the password of root");
    return err_hint(e, "Passwords are case-sensitive, and typed as on the keyboard that was chosen.");
}

/* ---- Lodge ---- */

static int check_lodge(const char *name, const char *password, struct err *e)
{
    if (lodged_check_administrator(name, password, e) == 0)
        return 0;
    if (e->code != ERR_UNAVAILABLE && e->code != ERR_TIMEOUT)
        return -1;
    err_prefix(e, "users of Lodge cannot be checked");
    return err_hint(e, "%s",
        proof_root_has_password()
            ? "Just after a start, try again in a moment. The name root with its password works without "
              "Lodge."
            : "Just after a start, try again in a moment. If it stays so: root has no password, and only the "
              "rescue shell of the installation medium leads into this host.");
}

int proof_check(const char *name, const char *password, struct err *e)
{
    __attribute__((cleanup(attempts_close))) struct attempts a = {.fd = -1};
    if (!*name)
        return err_set(e, ERR_INVALID, "the name is missing");
    if (attempts_open(&a, e) < 0 || attempts_early(&a, e) < 0)
        return -1;
    int r = streq(name, "root") ? check_root(password, e) : check_lodge(name, password, e);
    if (r == 0 || e->code == ERR_UNAUTHENTICATED || e->code == ERR_FORBIDDEN)
        attempts_note(&a, r < 0);
    return r;
}
