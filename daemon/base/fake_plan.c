#include "base/fake_plan.h"

#include <sys/stat.h>

#include "base/clock.h"

#define SLICE_MS 10

static struct fake_call *find(struct fake_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_calls; i++)
        if (streq(plan->calls[i].name, name))
            return &plan->calls[i];
    return NULL;
}

static struct fake_call *must_find(struct fake_plan *plan, const char *name)
{
    struct fake_call *call = find(plan, name);
    if (!call) {
        fprintf(stderr, "fake %s has no call named %s\n", plan->scope, name);
        abort();
    }
    return call;
}

static void take_line(struct fake_plan *plan, const char *line)
{
    char scope[32], name[32], verb[16], code[32] = "internal";
    unsigned number = 0;
    if (sscanf(line, "%31[^.].%31s %15s %u %31s", scope, name, verb, &number, code) < 4 ||
        !streq(scope, plan->scope))
        return;
    struct fake_call *call = find(plan, name);
    if (call && streq(verb, "fail")) {
        call->fail_in = number;
        call->code = err_code_from_name(code);
    } else if (call && streq(verb, "delay")) {
        call->delay_ms = number;
    }
}

/* A file that was replaced is a whole new plan. */
static void read_file_again(struct fake_plan *plan)
{
    const char *path = getenv("LODGE_FAKE_PLAN");
    struct stat st;
    if (!path || stat(path, &st) < 0 ||
        (st.st_ino == plan->file_inode && st.st_mtim.tv_sec == plan->file_time.tv_sec &&
            st.st_mtim.tv_nsec == plan->file_time.tv_nsec))
        return;
    plan->file_inode = st.st_ino;
    plan->file_time = st.st_mtim;
    plan->edition++;
    _cleanup_file_ FILE *file = fopen(path, "re");
    if (!file)
        return;
    for (size_t i = 0; i < plan->n_calls; i++)
        plan->calls[i].fail_in = plan->calls[i].delay_ms = 0;
    char line[256];
    while (fgets(line, sizeof(line), file))
        take_line(plan, line);
}

static unsigned edition_now(struct fake_plan *plan)
{
    pthread_mutex_lock(&plan->lock);
    read_file_again(plan);
    unsigned edition = plan->edition;
    pthread_mutex_unlock(&plan->lock);
    return edition;
}

static void wait_until_over_or_replaced(struct fake_plan *plan, unsigned edition, unsigned delay_ms)
{
    uint64_t end = clock_monotonic_ms(&clock_system) + delay_ms;
    for (uint64_t now; edition_now(plan) == edition && (now = clock_monotonic_ms(&clock_system)) < end;)
        nanosleep(&(struct timespec){.tv_nsec = (long)MIN_OF(end - now, SLICE_MS) * 1000000}, NULL);
}

int fake_plan_enter(struct fake_plan *plan, const char *name, struct err *e)
{
    pthread_mutex_lock(&plan->lock);
    read_file_again(plan);
    struct fake_call *call = must_find(plan, name);
    bool fails = call->fail_in && --call->fail_in == 0;
    enum err_code code = call->code;
    unsigned delay_ms = call->delay_ms, edition = plan->edition;
    pthread_mutex_unlock(&plan->lock);
    if (delay_ms)
        wait_until_over_or_replaced(plan, edition, delay_ms);
    return fails ? err_set(e, code, "the fake %s was told to fail at %s", plan->scope, name) : 0;
}
