/* Appending to the audit log: a thread of its own writes what has gathered with one commit, and tells
 * the loop. Records that nobody waits for gather a moment first, so that a sync of the audit log does not
 * stand in the way of the registry's: a power cut loses at most that moment of the log. */
#include "auth/audit.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "auth/audit_db.h"
#include "base/log.h"

#define LINGER_MS 25

struct item {
    struct item *next;
    struct audit_record record; /* strings owned */
    audit_fn *fn;
    void *arg;
    struct err *error; /* owned; NULL when it was written */
};

struct audit {
    struct loop *loop;
    const struct clock *clock;
    char *path;
    char *trouble;
    pthread_t thread;
    bool started;

    /* The thread's only: */
    struct audit_db *db;
    uint64_t lost; /* records that could not be written and were not reported in the log yet */
    enum err_code lost_code;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;  /* something to write, or no time to linger */
    pthread_cond_t wrote;
    struct item *queue, **tail;
    struct item *settled, **settled_tail; /* with a function to call */
    uint64_t appended, written;           /* records, of this process; written, or given up */
    bool hurry;                           /* somebody waits for what is in the queue */
    bool stopping, posted;
};

const char *audit_path(const struct audit *a)
{
    return a->path;
}

const char *audit_broken(const struct audit *a)
{
    return a->trouble;
}

/* ---- items ---- */

static void item_free(struct item *item)
{
    const char *const owned[] = {item->record.who, item->record.address, item->record.action,
        item->record.object, item->record.outcome, item->record.detail};
    for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
        free((char *)(uintptr_t)owned[i]);
    free(item->error);
    free(item);
}

static struct item *item_new(
    const struct audit *a, const struct audit_record *record, audit_fn *fn, void *arg)
{
    struct item *item = mem_new(struct item, 1);
    *item = (struct item){.fn = fn, .arg = arg};
    item->record = (struct audit_record){.time_ms = clock_unix_ms(a->clock),
        .who = mem_strdup(record->who),
        .address = mem_strdup(record->address),
        .action = mem_strdup(record->action),
        .object = mem_strdup(record->object),
        .outcome = mem_strdup(record->outcome),
        .detail = mem_strdup(record->detail)};
    return item;
}

static void enqueue(struct audit *a, struct item *item)
{
    pthread_mutex_lock(&a->lock);
    *a->tail = item;
    a->tail = &item->next;
    a->hurry |= item->fn != NULL;
    a->appended++;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->lock);
}

void audit_append(struct audit *a, const struct audit_record *record, audit_fn *fn, void *arg)
{
    enqueue(a, item_new(a, record, fn, arg));
}

void audit_flush(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    for (uint64_t until = a->appended; a->written < until;) {
        a->hurry = true;
        pthread_cond_signal(&a->work);
        pthread_cond_wait(&a->wrote, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- telling the loop ---- */

static void deliver(void *arg)
{
    struct audit *a = arg;
    pthread_mutex_lock(&a->lock);
    struct item *list = a->settled;
    a->settled = NULL;
    a->settled_tail = &a->settled;
    a->posted = false;
    pthread_mutex_unlock(&a->lock);
    for (struct item *item = list, *next; item; item = next) {
        next = item->next;
        item->fn(item->arg, item->error ? 0 : item->record.seq, item->error);
        item_free(item);
    }
}

/* Those that nobody waits for end here. */
static void settle(struct audit *a, struct item *list)
{
    pthread_mutex_lock(&a->lock);
    for (struct item *item = list, *next; item; item = next) {
        next = item->next;
        if (!item->fn) {
            item_free(item);
            continue;
        }
        item->next = NULL;
        *a->settled_tail = item;
        a->settled_tail = &item->next;
    }
    if (a->settled && !a->posted && !a->stopping) {
        a->posted = true;
        loop_post(a->loop, deliver, a);
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- writing ---- */

/* What was lost is told as soon as something can be written again. */
static int add_loss(struct audit *a, struct err *e)
{
    char detail[120];
    if (!a->lost)
        return 0;
    snprintf(detail, sizeof(detail), "%llu records before this one could not be written",
        (unsigned long long)a->lost);
    struct audit_record record = {.time_ms = clock_unix_ms(a->clock),
        .who = "system",
        .action = "audit.lost",
        .outcome = err_code_name(a->lost_code),
        .detail = detail};
    return audit_db_add(a->db, &record, e);
}

static int write_group(struct audit *a, struct item *list, struct err *e)
{
    if (audit_db_begin(a->db, e) < 0)
        return -1;
    int r = add_loss(a, e);
    for (struct item *item = list; item && r == 0; item = item->next)
        r = audit_db_add(a->db, &item->record, e);
    if (r == 0)
        r = audit_db_commit(a->db, e);
    if (r < 0)
        audit_db_rollback(a->db);
    else
        a->lost = 0;
    return r;
}

static void write_items(struct audit *a, struct item *list)
{
    struct err e;
    uint64_t lost = a->lost;
    if (write_group(a, list, &e) < 0) {
        if (!lost) /* once, until something can be written again */
            log_warning("the audit log cannot be written, its records are lost: %s", e.detail);
        for (struct item *item = list; item; item = item->next) {
            item->error = mem_dup(&e, sizeof(e));
            a->lost_code = e.code;
            a->lost++;
        }
    }
    settle(a, list);
    audit_db_tidy(a->db);
}

/* With the lock: lets more records gather, until somebody is in a hurry. */
static void linger(struct audit *a)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LINGER_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (!a->hurry && !a->stopping && pthread_cond_timedwait(&a->work, &a->lock, &until) == 0)
        ;
}

/* With the lock: all that waits; NULL when it is time to end. */
static struct item *take_queue(struct audit *a, uint64_t *ret_end)
{
    while (!a->queue && !a->stopping)
        pthread_cond_wait(&a->work, &a->lock);
    linger(a);
    struct item *list = a->queue;
    a->queue = NULL;
    a->tail = &a->queue;
    a->hurry = false;
    *ret_end = a->appended;
    return list;
}

static void *run(void *arg)
{
    struct audit *a = arg;
    struct item *list;
    uint64_t end;
    pthread_mutex_lock(&a->lock);
    while ((list = take_queue(a, &end))) {
        pthread_mutex_unlock(&a->lock);
        write_items(a, list);
        pthread_mutex_lock(&a->lock);
        a->written = end;
        pthread_cond_broadcast(&a->wrote);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- life ---- */

static void start(struct audit *a)
{
    sigset_t all, old; /* signals stay with the loop's thread */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&a->thread, NULL, run, a) != 0)
        abort(); /* at start-up, without threads: nothing can work */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    a->started = true;
}

int audit_open(const struct audit_options *options, struct audit **ret, struct err *e)
{
    _cleanup_(audit_close) struct audit *a = mem_new(struct audit, 1);
    a->loop = options->loop;
    a->clock = options->clock;
    a->path = mem_strdup(options->path);
    a->tail = &a->queue;
    a->settled_tail = &a->settled;
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&a->wrote, NULL);
    if (audit_db_open(a->path, &a->db, &a->trouble, e) < 0)
        return -1;
    if (a->trouble) {
        struct audit_record record = {
            .who = "system", .action = "audit.open", .outcome = "damaged", .detail = a->trouble};
        audit_append(a, &record, NULL, NULL);
    }
    start(a);
    *ret = TAKE_PTR(a);
    return 0;
}

void audit_close(struct audit *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->lock);
    if (a->started)
        pthread_join(a->thread, NULL);
    if (a->posted)
        loop_unpost(a->loop, deliver, a);
    deliver(a);
    while (a->queue) { /* only when it never started */
        struct item *item = a->queue;
        a->queue = item->next;
        item_free(item);
    }
    audit_db_close(a->db);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->wrote);
    pthread_mutex_destroy(&a->lock);
    free(a->trouble);
    free(a->path);
    free(a);
}
