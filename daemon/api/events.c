/* The event stream. Configuration events carry the revision of their transaction and resume without a
 * gap; events of live state carry no id: what they say is overtaken by the next one. */
#include "api/credential.h"
#include "api/handlers.h"

#include "core/inventory.h"
#include "core/plan.h"
#include "core/task.h"

#define KEEP_COMMITS 4096               /* for resuming */
#define KEEP_BYTES   (32 * 1024 * 1024) /* of their documents: a few large ones must not fill the memory */
#define REPLAY_BYTES (2 * 1024 * 1024)  /* at once; a reader that is further behind resumes again */
#define QUEUE_MAX    (8 * 1024 * 1024)  /* a reader that is further behind is cut off */
#define HEARTBEAT_MS 15000              /* keeps proxies and the reader's own timeout at ease */

struct kept {
    uint64_t revision;
    struct change *changes; /* with references */
    size_t n, bytes;
};

struct subscriber {
    struct events *events;
    struct stream *stream;
    struct principal *principal;
    struct credential credential; /* asked again when rights change */
    struct subscriber *next, **at;
};

struct events {
    struct api *api;
    struct registry_watch *watch;
    struct kept ring[KEEP_COMMITS];
    uint64_t first, next;    /* ring positions: [first, next) are kept */
    size_t kept_bytes;       /* of all of them */
    uint64_t start_revision; /* everything after this one was seen */
    struct subscriber *subscribers;
    struct loop_timer *heartbeat;
};

static void add_change(struct events *ev, const struct principal *p, const struct change *c,
    struct snapshot *s, struct buf *out, size_t *n)
{
    bool shown = may_read(s, p, c->after);
    const struct doc *d = shown ? c->after : c->before; /* what goes out of sight goes by its old name */
    if ((!shown && !may_read(s, p, c->before)) || d->kind == KIND_REQUEST)
        return;
    buf_printf(out, "%s{\"kind\":\"%s\",\"type\":\"%s\",\"uuid\":\"%s\",\"name\":", (*n)++ ? "," : "",
        kind_plural(d->kind), shown ? "put" : "delete", d->uuid);
    buf_json(out, d->name);
    if (shown) {
        buf_str(out, ",\"object\":");
        resource_text(ev->api->core, s, c->after, false, out);
    }
    buf_str(out, "}");
}

/* Returns how many bytes it took. */
static size_t send_commit(struct events *ev, struct subscriber *sub, uint64_t revision,
    const struct change *changes, size_t n_changes, struct snapshot *s)
{
    _cleanup_buf_ struct buf text = {0};
    size_t n = 0;
    buf_printf(&text, "id: %llu\nevent: change\ndata: {\"revision\":%llu,\"changes\":[",
        (unsigned long long)revision, (unsigned long long)revision);
    for (size_t i = 0; i < n_changes; i++)
        add_change(ev, sub->principal, &changes[i], s, &text, &n);
    buf_str(&text, "]}\n\n");
    stream_write(sub->stream, text.data, text.len);
    return text.len;
}

static void subscriber_free(struct subscriber *sub)
{
    *sub->at = sub->next;
    if (sub->next)
        sub->next->at = sub->at;
    principal_unref(sub->principal);
    credential_clear(&sub->credential);
    free(sub);
}

static void on_stream_closed(void *arg, struct stream *s)
{
    (void)s;
    subscriber_free(arg);
}

static const struct stream_ops stream_ops = {.closed = on_stream_closed};

/* A reader that does not keep up is cut off: it resumes, or lists again. */
static bool cut_if_behind(struct subscriber *sub)
{
    if (stream_queued(sub->stream) < QUEUE_MAX)
        return false;
    stream_end(sub->stream);
    subscriber_free(sub);
    return true;
}

static void forget_oldest(struct events *ev)
{
    struct kept *k = &ev->ring[ev->first++ % KEEP_COMMITS];
    for (size_t i = 0; i < k->n; i++) {
        doc_unref(k->changes[i].before);
        doc_unref(k->changes[i].after);
    }
    ev->start_revision = k->revision;
    ev->kept_bytes -= k->bytes;
    free(k->changes);
    *k = (struct kept){0};
}

static size_t size_of_change(const struct change *c)
{
    const struct doc *d = c->after ? c->after : c->before;
    return d->fragment_len + d->spec_len + strlen(d->private);
}

static void keep(struct events *ev, const struct commit *c)
{
    size_t bytes = 0;
    for (size_t i = 0; i < c->n_changes; i++)
        bytes += size_of_change(&c->changes[i]);
    while (
        ev->first < ev->next && (ev->next - ev->first == KEEP_COMMITS || ev->kept_bytes + bytes > KEEP_BYTES))
        forget_oldest(ev);
    ev->kept_bytes += bytes;
    struct kept *k = &ev->ring[ev->next++ % KEEP_COMMITS];
    k->revision = c->revision;
    k->n = c->n_changes;
    k->bytes = bytes;
    k->changes = mem_new(struct change, c->n_changes);
    for (size_t i = 0; i < c->n_changes; i++)
        k->changes[i] = (struct change){
            .before = c->changes[i].before ? doc_ref(c->changes[i].before) : NULL,
            .after = c->changes[i].after ? doc_ref(c->changes[i].after) : NULL,
        };
}

/* Takes up what the reader may see now; ends the stream and returns false when it is nobody any more. */
static bool still_allowed(struct subscriber *sub)
{
    struct principal *now = NULL;
    struct err e;
    if (credential_principal(sub->events->api, &sub->credential, true, &now, &e) == 0) {
        principal_unref(sub->principal);
        sub->principal = now;
        return true;
    }
    principal_unref(now);
    stream_end(sub->stream);
    subscriber_free(sub);
    return false;
}

void events_check_readers(struct events *ev)
{
    for (struct subscriber *sub = ev->subscribers, *next; sub; sub = next) {
        next = sub->next;
        still_allowed(sub);
    }
}

static void on_commit(void *arg, const struct commit *c)
{
    struct events *ev = arg;
    bool access_changed = commit_touches_access(c);
    keep(ev, c);
    for (struct subscriber *sub = ev->subscribers, *next; sub; sub = next) {
        next = sub->next;
        if (access_changed && !still_allowed(sub))
            continue;
        if (!cut_if_behind(sub))
            send_commit(ev, sub, c->revision, c->changes, c->n_changes, c->snapshot);
    }
}

/* ---- live state ---- */

static void send_live(struct events *ev, const struct doc *d, struct snapshot *s)
{
    if (!ev->subscribers || !d)
        return;
    _cleanup_buf_ struct buf text = {0};
    const struct kind_ops *ops = kind_ops_of(d->kind);
    buf_printf(&text, "event: live\ndata: {\"kind\":\"%s\",\"uuid\":\"%s\",\"name\":", kind_plural(d->kind),
        d->uuid);
    buf_json(&text, d->name);
    buf_str(&text, ",\"status\":{");
    ops->status(ev->api->core, s, d, false, &text);
    buf_str(&text, "}}\n\n");
    for (struct subscriber *sub = ev->subscribers, *next; sub; sub = next) {
        next = sub->next;
        if (!cut_if_behind(sub) && may_read(s, sub->principal, d))
            stream_write(sub->stream, text.data, text.len);
    }
}

static void on_inventory(void *arg, const char *uuid, bool state_changed)
{
    struct events *ev = arg;
    (void)state_changed;
    if (!ev->subscribers)
        return;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(ev->api->registry);
    if (uuid)
        send_live(ev, snapshot_by_uuid(s, KIND_GUEST, uuid), s);
    else
        send_live(ev, snapshot_by_uuid(s, KIND_NODE, ev->api->core->node_uuid), s);
}

static void on_task(void *arg, const char *uuid)
{
    struct events *ev = arg;
    if (!ev->subscribers)
        return;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(ev->api->registry);
    send_live(ev, snapshot_by_uuid(s, KIND_TASK, uuid), s);
}

static void heartbeat(void *arg)
{
    struct events *ev = arg;
    for (struct subscriber *sub = ev->subscribers, *next; sub; sub = next) {
        next = sub->next;
        bool expired = sub->credential.bearer &&
                       !still_allowed(sub); /* a session in use by its stream would never idle */
        if (!expired && !cut_if_behind(sub))
            stream_write(sub->stream, ":\n\n", 3);
    }
    loop_timer_arm(ev->heartbeat, HEARTBEAT_MS);
}

/* ---- subscribing ---- */

/* The stream ends after a part: its reader comes back with the id of what it has got. */
static void replay(struct events *ev, struct subscriber *sub, uint64_t after)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(ev->api->registry);
    size_t sent = 0;
    for (uint64_t i = ev->first; i < ev->next; i++) {
        const struct kept *k = &ev->ring[i % KEEP_COMMITS];
        if (k->revision <= after)
            continue;
        if (sent > REPLAY_BYTES) {
            stream_end(sub->stream);
            subscriber_free(sub);
            return;
        }
        sent += send_commit(ev, sub, k->revision, k->changes, k->n, s);
    }
}

int h_events(struct request *r, struct err *e)
{
    struct events *ev = r->api->events;
    uint64_t after = 0;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    uint64_t now = snapshot_revision(s);
    if (r->head.last_event_id) {
        if (!text_u64(r->head.last_event_id, &after) || after > now || after < ev->start_revision) {
            err_set(e, ERR_GONE, "the events after %.40s are not kept any more", r->head.last_event_id);
            return err_hint(e, "list everything again and open the stream without Last-Event-ID");
        }
    } else {
        after = now;
    }
    if (request_queued(r) >= QUEUE_MAX) {
        err_set(e, ERR_UNAVAILABLE, "the event streams are behind");
        return err_hint(e, "try again in a second");
    }
    struct subscriber *sub = mem_new(struct subscriber, 1);
    *sub = (struct subscriber){.events = ev,
        .principal = principal_ref(r->principal),
        .credential = credential_of(r),
        .next = ev->subscribers,
        .at = &ev->subscribers};
    if (ev->subscribers)
        ev->subscribers->at = &sub->next;
    ev->subscribers = sub;
    sub->stream = stream_open(r, "text/event-stream", &stream_ops, sub);
    char hello[96];
    int n =
        snprintf(hello, sizeof(hello), "retry: 1000\nid: %llu\nevent: hello\ndata: {\"revision\":%llu}\n\n",
            (unsigned long long)after, (unsigned long long)now);
    stream_write(sub->stream, hello, (size_t)n);
    replay(ev, sub, after);
    return 0;
}

struct events *events_new(struct api *api)
{
    struct events *ev = mem_new(struct events, 1);
    ev->api = api;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(api->registry);
    ev->start_revision = snapshot_revision(s);
    ev->watch = registry_watch(api->registry, on_commit, ev);
    inventory_watch(api->core->inventory, on_inventory, ev);
    tasks_watch(api->core->tasks, on_task, ev);
    ev->heartbeat = loop_timer_new(api->core->loop, heartbeat, ev);
    loop_timer_arm(ev->heartbeat, HEARTBEAT_MS);
    return ev;
}

void events_free(struct events *ev)
{
    if (!ev)
        return;
    registry_watch_free(ev->watch);
    loop_timer_free(ev->heartbeat);
    while (ev->first < ev->next)
        forget_oldest(ev);
    free(ev);
}
