/* The power goes at every sync, and at writes in between: no acknowledged transaction is lost, none is
 * half there. The same test must find the loss when the database does not sync. */
#include "tests/unit/fault_vfs.h"
#include "tests/unit/registry_model.h"

#include <time.h>

/* Phases of the load: so many transactions, so many of them in flight at a time. */
static const struct phase {
    unsigned transactions, in_flight;
    bool idle_after;  /* long enough for the log to be moved into the database */
    bool close_after; /* which moves it too */
} phases[] = {
    {12, 1, false, false},
    {20, 5, true, false},
    {6, 1, false, true},
    {10, 3, false, false},
};

struct load {
    struct fixture *f;
    bool synchronous_off;
    uint64_t proposed, acknowledged, settled;
    uint64_t until;
    unsigned in_flight;
    bool failed;
};

static void propose_next(struct load *l);

static void on_settled(void *arg, const struct commit_result *result)
{
    struct load *l = arg;
    l->settled++;
    if (result->error)
        l->failed = true;
    else
        l->acknowledged = MAX_OF(l->acknowledged, result->revision);
    if (!l->failed && l->proposed < l->until)
        propose_next(l);
    else if (l->settled == l->proposed)
        loop_stop(l->f->loop, 0);
}

static void propose_next(struct load *l)
{
    l->proposed++;
    registry_propose(l->f->registry, model_txn(l->proposed), on_settled, l);
}

static int open_registry(struct load *l)
{
    struct err e;
    struct registry_options options = {.loop = l->f->loop,
        .path = l->f->path,
        .sqlite_vfs = FAULT_VFS,
        .synchronous_off = l->synchronous_off};
    return registry_open(&options, &l->f->registry, &e);
}

static void run_phase(struct load *l, const struct phase *phase)
{
    l->until = l->proposed + phase->transactions;
    for (unsigned i = 0; i < phase->in_flight; i++)
        propose_next(l);
    loop_run(l->f->loop);
}

/* Until the power goes, or to the end. */
static void run_load(struct load *l)
{
    if (open_registry(l) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(phases) && !l->failed; i++) {
        run_phase(l, &phases[i]);
        if (phases[i].idle_after && !l->failed)
            nanosleep(&(struct timespec){.tv_nsec = 70 * 1000000}, NULL);
        if (phases[i].close_after && !l->failed) {
            fixture_close(l->f);
            if (open_registry(l) < 0)
                return;
        }
    }
}

/* One life: load, cut, power on, check. What was wrong (owned), or NULL. */
static char *one_life(uint64_t cut_at_sync, uint64_t cut_at_write, enum fault_keep keep, bool synchronous_off,
    bool *ret_was_cut)
{
    struct fixture f = fixture_new();
    struct load l = {.f = &f, .synchronous_off = synchronous_off};
    fault_vfs_arm(cut_at_sync, cut_at_write);
    run_load(&l);
    *ret_was_cut = fault_vfs_is_cut();
    fault_vfs_cut();
    fixture_close(&f);
    fault_vfs_power_on(keep, (unsigned)(cut_at_sync * 1000 + cut_at_write));
    char *wrong = open_registry(&l) < 0 ? mem_strdup("the database cannot be opened any more")
                                        : model_check(f.registry, l.acknowledged, l.proposed);
    fixture_free(&f);
    return wrong;
}

static const char *const keep_names[] = {"none", "prefix", "some"};

/* Cuts at 1, 1 + step, … until the load runs through; how often it was cut. */
static uint64_t cut_everywhere(bool at_syncs, uint64_t step)
{
    uint64_t cuts = 0;
    bool was_cut = true;
    for (uint64_t at = 1; was_cut; at += step)
        for (enum fault_keep keep = KEEP_NONE; keep <= KEEP_SOME; keep++) {
            char *wrong = one_life(at_syncs ? at : 0, at_syncs ? 0 : at, keep, false, &was_cut);
            cuts += was_cut;
            if (wrong)
                fail_msg("cut at %s %llu, keeping %s: %s", at_syncs ? "sync" : "write",
                    (unsigned long long)at, keep_names[keep], wrong);
        }
    return cuts;
}

static void a_cut_at_every_sync_loses_nothing(void **state)
{
    (void)state;
    uint64_t cuts = cut_everywhere(true, 1);
    print_message("%llu cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 3 * 30); /* there is at least one sync for each commit */
}

static void a_cut_between_syncs_loses_nothing(void **state)
{
    (void)state;
    uint64_t cuts = cut_everywhere(false, 17);
    print_message("%llu cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 3 * 10);
}

static void without_syncs_the_loss_is_found(void **state)
{
    (void)state;
    bool was_cut;
    for (enum fault_keep keep = KEEP_NONE; keep <= KEEP_SOME; keep++) {
        _cleanup_free_ char *wrong = one_life(0, 0, keep, true, &was_cut);
        assert_non_null(wrong);
        print_message("found: %s\n", wrong);
    }
}

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_at_every_sync_loses_nothing),
        cmocka_unit_test(a_cut_between_syncs_loses_nothing),
        cmocka_unit_test(without_syncs_the_loss_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
