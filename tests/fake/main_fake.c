/* lodged-fake: the daemon with fakes behind its tables, for tests and benchmarks that need thousands of
 * guests or failures on command. What shall fail or wait is read from LODGE_FAKE_PLAN. */
#include <signal.h>

#include "core/task.h"
#include "guest/guest_fake.h"
#include "lodged.h"
#include "network/net_fake.h"
#include "storage/storage_fake.h"

static bool no_kvm(const char *state_dir, char *reason, size_t size)
{
    (void)state_dir;
    snprintf(reason, size, "this is a fake");
    return false;
}

static int free_subnet(char *cidr, size_t size, struct err *e)
{
    (void)e;
    snprintf(cidr, size, "10.77.0.0/24");
    return 0;
}

static int take_image(const char *helper_dir, int fd, int format, uint64_t *virtual_size,
    const _Atomic bool *cancel, struct err *e)
{
    (void)helper_dir, (void)fd, (void)format, (void)cancel, (void)e;
    *virtual_size = 16 << 20;
    return 0;
}

/* What lies at …/there is 64 KiB, and who asks for it is written down in LODGE_STATE/fake/fetched. */
static int fake_fetch(const char *helper_dir, const char *url, int fd,
    bool (*progress)(void *arg, unsigned percent), void *arg, const _Atomic bool *cancel, struct err *e)
{
    (void)helper_dir, (void)progress, (void)arg, (void)cancel;
    size_t n = strlen(url);
    _cleanup_free_ char *path = mem_printf("%s/fake/fetched", getenv("LODGE_STATE"));
    _cleanup_file_ FILE *file = fopen(path, "a");
    if (file)
        fprintf(file, "%s\n", url);
    if (n > 6 && streq(url + n - 6, "/there"))
        return ftruncate(fd, 65536);
    return err_set(e, ERR_NOT_FOUND, "the server has no such file: this is a fake");
}

/* LODGE_FAKE_KILL="guest.create 0 done": ends the process without a word at that place of a task. */
static void kill_at(const char *action, size_t step, bool done, bool undo)
{
    const char *where = getenv("LODGE_FAKE_KILL");
    char here[128];
    snprintf(here, sizeof(here), "%s %zu %s%s", action, step, undo ? "undo " : "", done ? "done" : "begin");
    if (where && streq(where, here))
        raise(SIGKILL);
}

static const struct storage_ops *const storage[] = {&storage_fake};
static const struct net_ops *const networks[] = {&net_fake_nat, &net_fake_isolated, &net_fake_bridge};

static const struct core_drivers drivers = {
    .guests = {[GUEST_VM] = &guest_fake_vm, [GUEST_CONTAINER] = &guest_fake_container},
    .storage = storage,
    .n_storage = ARRAY_SIZE(storage),
    .networks = networks,
    .n_networks = ARRAY_SIZE(networks),
    .guard = &guard_fake,
    .kvm_works = no_kvm,
    .free_subnet = free_subnet,
    .image_probe = take_image,
    .image_fetch = fake_fetch,
};

int main(int argc, char **argv)
{
    task_step_hook = kill_at;
    return lodged_run(argc, argv, &drivers);
}
