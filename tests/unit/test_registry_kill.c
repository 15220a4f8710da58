/* kill -9 under load, a hundred times on the same database: what was acknowledged is there, whole. */
#include "tests/unit/registry_model.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define KILLS     100
#define IN_FLIGHT 4

struct load {
    struct fixture *f;
    uint64_t proposed;
    int pipe;
};

static void on_settled(void *arg, const struct commit_result *result);

static void propose_next(struct load *l)
{
    l->proposed++;
    registry_propose(l->f->registry, model_txn(l->proposed), on_settled, l);
}

static void on_settled(void *arg, const struct commit_result *result)
{
    struct load *l = arg;
    if (result->error || write(l->pipe, &result->revision, sizeof(result->revision)) < 0)
        _exit(3);
    propose_next(l);
}

static void child(struct fixture *f, int pipe)
{
    struct load l = {.f = f, .pipe = pipe};
    f->loop = loop_new();
    fixture_open(f);
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(f->registry);
    l.proposed = snapshot_revision(s);
    for (int i = 0; i < IN_FLIGHT; i++)
        propose_next(&l);
    loop_run(f->loop);
}

/* The highest revision that the child told of, after it began to tell. */
static uint64_t kill_child(pid_t pid, int pipe, unsigned *seed)
{
    uint64_t highest = 0, revisions[512];
    ssize_t n;
    struct pollfd ready = {.fd = pipe, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 60000), 1);
    nanosleep(&(struct timespec){.tv_nsec = 1000000L * (rand_r(seed) % 20)}, NULL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while ((n = read(pipe, revisions, sizeof(revisions))) > 0)
        for (size_t i = 0; i < (size_t)n / sizeof(*revisions); i++)
            highest = MAX_OF(highest, revisions[i]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return highest;
}

static void killing_it_loses_nothing(void **state)
{
    (void)state;
    unsigned seed = 1;
    uint64_t total = 0;
    struct fixture f = fixture_new();
    struct loop *own = f.loop;
    for (int i = 0; i < KILLS; i++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fds[0]);
            child(&f, fds[1]);
            _exit(4);
        }
        close(fds[1]);
        uint64_t acknowledged = kill_child(pid, fds[0], &seed);
        close(fds[0]);
        f.loop = own;
        fixture_open(&f);
        _cleanup_free_ char *wrong = model_check(f.registry, acknowledged, acknowledged + IN_FLIGHT);
        if (wrong)
            fail_msg("kill %d: %s", i, wrong);
        total = acknowledged;
        fixture_close(&f);
    }
    print_message("%llu transactions over %d kills\n", (unsigned long long)total, KILLS);
    assert_true(total > KILLS);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(killing_it_loses_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
