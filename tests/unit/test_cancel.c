/* A cancel flag that another thread sets while a worker waits: built with ThreadSanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/proc.h"

static _Atomic bool cancel;

static void *set_later(void *arg)
{
    struct timespec pause = {.tv_nsec = 50 * 1000000L};
    nanosleep(&pause, NULL);
    cancel = true;
    return arg;
}

static void a_program_is_cancelled_from_another_thread(void **state)
{
    (void)state;
    static const char *const argv[] = {"/bin/sleep", "30", NULL};
    struct proc_output out = {0};
    struct err e;
    pthread_t setter;
    uint64_t begun = clock_monotonic_ms(&clock_system);
    assert_int_equal(pthread_create(&setter, NULL, set_later, NULL), 0);
    assert_true(proc_run(&(struct proc_spec){.argv = argv}, NULL, 0, 20000, &cancel, &out, &e) < 0);
    assert_int_equal(e.code, ERR_CANCELLED);
    assert_true(clock_monotonic_ms(&clock_system) - begun < 10000);
    pthread_join(setter, NULL);
    proc_output_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_program_is_cancelled_from_another_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
