/* Requests that wait for a task to end. */
#include "api/request.h"

#include "core/task.h"
#include "core/views.h"

#define WAIT_MAX_MS (5 * 60 * 1000)

struct wait {
    struct waits *waits;
    struct request *request;
    char task[UUID_LEN + 1];
    int status;
    char *location;
    struct loop_timer *timer;
    struct wait *next, **at;
};

struct waits {
    struct api *api;
    struct registry_watch *watch;
    struct wait *list;
};

bool wait_parse(const char *text, uint64_t *ret_ms)
{
    char digits[12];
    size_t n = strspn(text, "0123456789");
    uint64_t value;
    if (!n || n >= sizeof(digits))
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    if (!text_u64(digits, &value))
        return false;
    if (streq(text + n, "ms"))
        *ret_ms = value;
    else if (streq(text + n, "s") || !text[n])
        *ret_ms = value * 1000;
    else
        return false;
    *ret_ms = MIN_OF(*ret_ms, (uint64_t)WAIT_MAX_MS);
    return true;
}

uint64_t prefer_wait(const struct request *r)
{
    const char *at = r->head.prefer ? strstr(r->head.prefer, "wait=") : NULL;
    uint64_t ms = 0;
    char value[16];
    if (!at)
        return 0;
    snprintf(value, sizeof(value), "%.*s", (int)MIN_OF(strspn(at + 5, "0123456789"), (size_t)9), at + 5);
    return wait_parse(value, &ms) ? ms : 0;
}

static void wait_free(struct wait *w)
{
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    loop_timer_free(w->timer);
    free(w->location);
    free(w);
}

static bool has_ended(const struct doc *task)
{
    const struct task_record *record = task_record_of(task);
    return !record || record->state > TASK_UNDOING;
}

static void answer(struct request *r, const char *task, int status, const char *location)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    struct doc *d = snapshot_by_uuid(s, KIND_TASK, task);
    struct err e;
    if (!d) {
        err_set(&e, ERR_NOT_FOUND, "task %s has been removed", task);
        reply_error(r, &e, NULL);
        return;
    }
    char etag[32];
    _cleanup_buf_ struct buf text = {0};
    resource_text(r->api->core, s, d, true, &text);
    etag_of(d, etag);
    reply(r, &(struct reply){
                 .status = has_ended(d) ? 200 : status,
                 .body = text.data,
                 .len = text.len,
                 .location = location,
                 .etag = etag,
                 .preference = r->head.prefer && strstr(r->head.prefer, "wait=") ? "wait" : NULL,
             });
}

static void fire(struct wait *w)
{
    struct request *r = w->request;
    char task[UUID_LEN + 1];
    memcpy(task, w->task, sizeof(task));
    _cleanup_free_ char *location = TAKE_PTR(w->location);
    int status = w->status;
    wait_free(w);
    r->cancelled = NULL;
    answer(r, task, status, location);
}

static void on_timeout(void *arg)
{
    fire(arg);
}

/* A request that nobody waits for is answered into the void, which frees it. */
static void on_cancelled(struct request *r)
{
    fire(r->state);
}

void wait_for_task(
    struct request *r, const char *task_uuid, uint64_t timeout_ms, int status, const char *location)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    struct doc *d = snapshot_by_uuid(s, KIND_TASK, task_uuid);
    if (!timeout_ms || !d || has_ended(d) || !r->conn) {
        answer(r, task_uuid, status, location);
        return;
    }
    struct waits *waits = r->api->waits;
    struct wait *w = mem_new(struct wait, 1);
    *w = (struct wait){.waits = waits,
        .request = r,
        .status = status,
        .location = mem_strdup(location),
        .next = waits->list,
        .at = &waits->list};
    if (waits->list)
        waits->list->at = &w->next;
    waits->list = w;
    snprintf(w->task, sizeof(w->task), "%s", task_uuid);
    w->timer = loop_timer_new(r->api->core->loop, on_timeout, w);
    loop_timer_arm(w->timer, timeout_ms);
    r->state = w;
    r->cancelled = on_cancelled;
}

static void on_commit(void *arg, const struct commit *commit)
{
    struct waits *waits = arg;
    for (size_t i = 0; i < commit->n_changes; i++) {
        const struct change *c = &commit->changes[i];
        const struct doc *d = c->after ? c->after : c->before;
        if (d->kind != KIND_TASK || (c->after && !has_ended(d)))
            continue;
        for (struct wait *w = waits->list, *next; w; w = next) {
            next = w->next;
            if (streq(w->task, d->uuid))
                fire(w);
        }
    }
}

struct waits *waits_new(struct api *api)
{
    struct waits *w = mem_new(struct waits, 1);
    w->api = api;
    w->watch = registry_watch(api->registry, on_commit, w);
    return w;
}

void waits_free(struct waits *w)
{
    if (!w)
        return;
    registry_watch_free(w->watch);
    while (w->list)
        fire(w->list);
    free(w);
}
