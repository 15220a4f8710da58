/* Readers, committing workers and the loop at once: built with ThreadSanitizer. */
#include "tests/unit/registry_util.h"

#include <pthread.h>
#include <stdatomic.h>

#define SET     5   /* documents that each transaction of the loop rewrites together */
#define COMMITS 300 /* of the loop */
#define WORKERS 3
#define EACH    60 /* commits of a worker */

static struct fixture fixture;
static atomic_bool over;
static atomic_uint running;
static unsigned settled;
static uint64_t watched;

static int number_in(const struct doc *d)
{
    int n;
    return d && sscanf(d->spec, "{\"n\":%d}", &n) == 1 ? n : -1;
}

/* All of the set are of one transaction, in any snapshot. */
static void expect_one_generation(const struct snapshot *s)
{
    char name[16];
    int first = -2;
    for (unsigned i = 0; i < SET; i++) {
        snprintf(name, sizeof(name), "set%u", i);
        int n = number_in(snapshot_by_name(s, KIND_GUEST, name));
        if (first == -2)
            first = n;
        assert_int_equal(n, first);
    }
}

static void *reader(void *arg)
{
    struct snapshot *kept = registry_snapshot(fixture.registry);
    uint64_t last = 0, kept_revision = snapshot_revision(kept);
    (void)arg;
    for (unsigned i = 0; !over; i++) {
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(fixture.registry);
        assert_true(snapshot_revision(s) >= last);
        last = snapshot_revision(s);
        expect_one_generation(s);
        expect_one_generation(kept);
        assert_int_equal(snapshot_revision(kept), kept_revision);
        if (i % 50 == 0) {
            snapshot_unref(kept);
            kept = snapshot_ref(s);
            kept_revision = last;
        }
    }
    snapshot_unref(kept);
    return NULL;
}

static void worker_done(void *arg)
{
    (void)arg;
    if (--running == 0 && settled == COMMITS)
        loop_stop(fixture.loop, 0);
}

static void *committer(void *arg)
{
    unsigned base = 1000 + 1000 * (unsigned)(uintptr_t)arg;
    for (unsigned i = 0; i < EACH; i++) {
        struct err e;
        uint64_t revision;
        char name[32];
        struct txn *t = txn_new();
        snprintf(name, sizeof(name), "own%u", base + i);
        put_guest(t, base + i, name, REVISION_NONE, "{}");
        if (registry_commit(fixture.registry, t, &revision, &e) < 0)
            fail_msg("%s", e.detail);
        _cleanup_snapshot_ struct snapshot *s = registry_snapshot(fixture.registry);
        assert_true(snapshot_revision(s) >= revision);
        assert_non_null(snapshot_by_name(s, KIND_GUEST, name));
        registry_local_put(fixture.registry, "t", name, "x");
    }
    loop_post(fixture.loop, worker_done, NULL);
    return NULL;
}

static void propose_set(void);

static void on_settled(void *arg, const struct commit_result *result)
{
    (void)arg;
    assert_null(result->error);
    if (++settled < COMMITS)
        propose_set();
    else if (running == 0)
        loop_stop(fixture.loop, 0);
}

static void propose_set(void)
{
    char name[16], spec[32];
    struct txn *t = txn_new();
    snprintf(spec, sizeof(spec), "{\"n\":%u}", settled);
    for (unsigned i = 0; i < SET; i++) {
        snprintf(name, sizeof(name), "set%u", i);
        put_guest(t, i, name, REVISION_ANY, spec);
    }
    registry_propose(fixture.registry, t, on_settled, NULL);
}

static void on_commit(void *arg, const struct commit *commit)
{
    (void)arg;
    assert_int_equal(commit->revision, watched + 1); /* every one, in order */
    watched = commit->revision;
}

static void readers_see_whole_transactions_while_others_commit(void **state)
{
    (void)state;
    pthread_t readers[2], committers[WORKERS];
    fixture = fixture_new();
    fixture_open(&fixture);
    struct registry_watch *w = registry_watch(fixture.registry, on_commit, NULL);
    running = WORKERS;
    propose_set();
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, reader, NULL), 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&committers[i], NULL, committer, (void *)(uintptr_t)i), 0);
    loop_run(fixture.loop);
    over = true;
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
        pthread_join(readers[i], NULL);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(committers[i], NULL);
    assert_int_equal(watched, COMMITS + WORKERS * EACH);
    registry_watch_free(w);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_transactions_while_others_commit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
