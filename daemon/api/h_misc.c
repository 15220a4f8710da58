/* Logs, metrics, the audit log, the API document: routes with an answer of their own shape. */
#include <errno.h>
#include <fcntl.h>

#include "api/handlers.h"
#include "base/fs.h"
#include "core/console.h"
#include "core/inventory.h"
#include "core/orphan.h"
#include "core/plan.h"
#include "core/pools.h"
#include "core/task.h"

#define LOG_TAIL (256 * 1024)

/* ---- work on a worker that ends in a text ---- */

struct job {
    struct request *r;
    void (*run)(struct job *j);
    const char *type;
    char *arg;
    char *text; /* owned result; NULL: err says why not */
    size_t len;
    struct err err;
};

static void job_run(void *arg)
{
    struct job *j = arg;
    j->run(j);
}

static void job_done(void *arg)
{
    struct job *j = arg;
    if (j->text)
        reply(j->r,
            &(struct reply){
                .status = 200, .type = j->type, .body = j->text, .len = j->len ? j->len : strlen(j->text)});
    else
        reply_error(j->r, &j->err, NULL);
    free(j->text);
    free(j->arg);
    free(j);
}

static int start_job(struct request *r, void (*run)(struct job *j), const char *type, char *arg)
{
    struct job *j = mem_new(struct job, 1);
    *j = (struct job){.r = r, .run = run, .type = type, .arg = arg};
    workers_submit(r->api->core->io_workers, job_run, job_done, j);
    return 0;
}

#define TEXT_PLAIN "text/plain; charset=utf-8"

/* ---- tasks ---- */

static void read_task_log(struct job *j)
{
    j->text = tasks_log(j->r->api->core->tasks, j->arg);
}

int h_task_log(struct request *r, struct err *e)
{
    struct doc *d;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    if (find_resource(r, s, &d, e) < 0 || require_read(s, r->principal, d, e) < 0)
        return -1;
    _cleanup_free_ char *live = tasks_live_log(r->api->core->tasks, d->uuid);
    if (!live)
        return start_job(r, read_task_log, TEXT_PLAIN, mem_strdup(d->uuid));
    reply(r, &(struct reply){.status = 200, .type = TEXT_PLAIN, .body = live, .len = strlen(live)});
    return 0;
}

int h_task_cancel(struct request *r, struct err *e)
{
    struct doc *d;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    if (find_resource(r, s, &d, e) < 0)
        return -1;
    const struct task_spec *spec = task_spec_of(d);
    bool own = spec && spec->user && streq(spec->user, r->principal->who);
    if (!own &&
        access_require(r->principal, PERMISSION(TASKS, CANCEL), d->name, d->labels, d->n_labels, e) < 0)
        return -1;
    if (tasks_cancel(r->api->core->tasks, d->uuid, e) < 0)
        return -1;
    reply_resource(r, 202, s, d, NULL);
    return 0;
}

/* ---- guests ---- */

/* What a guest writes is bytes: what is not UTF-8 is replaced, so that the answer is text. */
static char *make_utf8(const char *data, size_t n)
{
    struct buf out = {0};
    buf_reserve(&out, n);
    for (size_t i = 0; i < n;) {
        size_t len = 1;
        while (len <= 4 && i + len <= n && !text_is_utf8(data + i, len))
            len++;
        if (len <= 4 && i + len <= n && data[i]) {
            buf_add(&out, data + i, len);
            i += len;
        } else {
            buf_str(&out, "\xef\xbf\xbd");
            i++;
        }
    }
    return buf_take(&out);
}

/* The last bytes of a file, at most `max`; 0 when there is none. */
static ssize_t read_tail(const char *path, char *data, size_t max)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    off_t end = lseek(fd, 0, SEEK_END);
    return pread(fd, data, max, MAX_OF(end - (off_t)max, (off_t)0));
}

/* A log that has just been begun anew goes on from the one before it. */
static void read_guest_log(struct job *j)
{
    _cleanup_free_ char *data = mem_alloc(2 * LOG_TAIL), *before = mem_printf("%s.1", j->arg);
    ssize_t n = read_tail(j->arg, data + LOG_TAIL, LOG_TAIL);
    ssize_t m = n < 0 ? 0 : read_tail(before, data, (size_t)(LOG_TAIL - n));
    if (n < 0 || m < 0) {
        err_errno(&j->err, errno, "cannot read the log");
        return;
    }
    memmove(data + m, data + LOG_TAIL, (size_t)n);
    j->text = make_utf8(data, (size_t)(m + n));
}

int h_guest_log(struct request *r, struct err *e)
{
    struct doc *d;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    if (require_item(r, s, &d, e) < 0)
        return -1;
    return start_job(r, read_guest_log, TEXT_PLAIN, guest_log_path(r->api->core, d->uuid));
}

/* ---- nodes ---- */

static void read_orphans(struct job *j)
{
    _cleanup_free_ char *list = orphans_text(j->r->api->core);
    j->text = mem_printf("{\"items\":%s}", list);
}

int h_orphans(struct request *r, struct err *e)
{
    struct doc *d;
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    return require_item(r, s, &d, e) < 0 ? -1 : start_job(r, read_orphans, NULL, NULL);
}

/* ---- audit ---- */

static void add_record(void *arg, const struct audit_record *record)
{
    struct buf *out = arg;
    char when[TIME_LEN + 1];
    time_format(record->time_ms, when);
    buf_printf(out, "%s{\"seq\":%llu,\"time\":\"%s\",\"who\":", out->data[out->len - 1] == '[' ? "" : ",",
        (unsigned long long)record->seq, when);
    buf_json(out, record->who);
    buf_str(out, ",\"address\":");
    buf_json(out, record->address);
    buf_str(out, ",\"action\":");
    buf_json(out, record->action);
    buf_str(out, ",\"object\":");
    buf_json(out, record->object);
    buf_str(out, ",\"outcome\":");
    buf_json(out, record->outcome);
    buf_str(out, ",\"detail\":");
    buf_json(out, record->detail);
    buf_printf(out, ",\"hash\":\"%s\"}", record->hash);
}

static void read_audit(struct job *j)
{
    const struct request *r = j->r;
    struct audit_filter filter = {
        .limit = 100, .who = r->query[QUERY_INDEX_WHO], .object = r->query[QUERY_INDEX_OBJECT_PATH]};
    uint64_t limit = 100;
    if (r->query[QUERY_INDEX_LIMIT])
        text_u64(r->query[QUERY_INDEX_LIMIT], &limit);
    filter.limit = (size_t)MIN_OF(MAX_OF(limit, UINT64_C(1)), UINT64_C(1000));
    if (r->query[QUERY_INDEX_BEFORE])
        text_u64(r->query[QUERY_INDEX_BEFORE], &filter.before_seq);
    if (r->query[QUERY_INDEX_AFTER])
        text_u64(r->query[QUERY_INDEX_AFTER], &filter.after_seq);
    struct buf text = {0};
    buf_str(&text, "{\"items\":[");
    if (audit_list(r->api->audit, &filter, add_record, &text, &j->err) < 0) {
        buf_free(&text);
        return;
    }
    buf_str(&text, "]}");
    j->text = buf_take(&text);
}

int h_audit_list(struct request *r, struct err *e)
{
    (void)e;
    return start_job(r, read_audit, NULL, NULL);
}

static void verify_audit(struct job *j)
{
    struct audit_verdict verdict;
    struct buf text = {0};
    if (audit_verify(j->r->api->audit, &verdict, &j->err) < 0)
        return;
    buf_printf(&text, "{\"ok\":%s,\"records\":%llu,\"head\":\"%s\"", verdict.ok ? "true" : "false",
        (unsigned long long)verdict.records, verdict.head);
    if (!verdict.ok) {
        buf_printf(&text, ",\"broken_at\":%llu,\"reason\":", (unsigned long long)verdict.seq);
        buf_json(&text, verdict.reason);
    }
    buf_str(&text, "}");
    j->text = buf_take(&text);
}

int h_audit_verify(struct request *r, struct err *e)
{
    (void)e;
    return start_job(r, verify_audit, NULL, NULL);
}

/* ---- metrics ---- */

static void metric_label(struct buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            buf_str(out, "\\");
        buf_add(out, value, 1);
    }
}

static const struct {
    const char *name, *type, *help;
} guest_metrics[] = {
    {"lodge_guest_running", "gauge", "1 while the guest runs"},
    {"lodge_guest_cpu_seconds_total", "counter", "CPU time since its start"},
    {"lodge_guest_memory_used_bytes", "gauge", "Memory that it takes"},
    {"lodge_guest_disk_read_bytes_total", "counter", "Read from its disks since its start"},
    {"lodge_guest_disk_written_bytes_total", "counter", "Written to its disks since its start"},
    {"lodge_guest_net_received_bytes_total", "counter", "Received since its start"},
    {"lodge_guest_net_sent_bytes_total", "counter", "Sent since its start"},
};

static double guest_value(const struct live *l, size_t metric)
{
    const struct guest_sample *s = &l->sample;
    const double values[] = {l->state == GUEST_RUNNING, (double)s->cpu_time_ns / 1e9,
        (double)s->memory_used_bytes, (double)s->disk_read_bytes, (double)s->disk_write_bytes,
        (double)s->net_rx_bytes, (double)s->net_tx_bytes};
    return values[metric];
}

static void add_guest_metrics(struct request *r, struct snapshot *s, struct buf *out)
{
    for (size_t m = 0; m < ARRAY_SIZE(guest_metrics); m++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", guest_metrics[m].name, guest_metrics[m].help,
            guest_metrics[m].name, guest_metrics[m].type);
        struct snapshot_iter it;
        snapshot_iter_init(&it, s, KIND_GUEST, NULL);
        for (struct doc *d; (d = snapshot_iter_next(&it));) {
            struct live live;
            if (!access_allowed_doc(r->principal, PERMISSION(GUESTS, READ), d) || !guest_spec_of(d))
                continue;
            inventory_get(r->api->core->inventory, d->uuid, &live);
            buf_printf(out, "%s{guest=\"", guest_metrics[m].name);
            metric_label(out, d->name);
            buf_printf(out, "\",type=\"%s\"} %.17g\n",
                enumeration_of(ENUM_guest_type)->values[guest_spec_of(d)->type], guest_value(&live, m));
        }
    }
}

static void add_gauge(struct buf *out, const char *name, const char *help, double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name, value);
}

int h_metrics(struct request *r, struct err *e)
{
    struct core *core = r->api->core;
    struct host_live host;
    _cleanup_buf_ struct buf text = {0};
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(r->api->registry);
    (void)e;
    inventory_host(core->inventory, &host);
    add_gauge(&text, "lodge_node_cpus", "CPUs of the host", core->host_cpus);
    add_gauge(&text, "lodge_node_cpu_used_ratio", "Share of all CPUs in use", host.cpu);
    add_gauge(&text, "lodge_node_memory_bytes", "Memory of the host", (double)core->host_memory_bytes);
    add_gauge(&text, "lodge_node_memory_used_bytes", "Memory in use", (double)host.memory_used_bytes);
    if (host.mirror != MIRROR_NONE)
        add_gauge(&text, "lodge_node_mirror_whole",
            "1 while each mirror of the host's disks has both, else 0", host.mirror == MIRROR_WHOLE);
    add_gauge(&text, "lodge_guests", "Guests, running or not", (double)snapshot_count(s, KIND_GUEST));
    add_gauge(&text, "lodge_tasks_running", "Tasks at work or waiting", (double)tasks_running(core->tasks));
    add_gauge(&text, "lodge_registry_revision", "Number of the last committed transaction",
        (double)snapshot_revision(s));
    add_guest_metrics(r, s, &text);
    reply(r, &(struct reply){.status = 200,
                 .type = "text/plain; version=0.0.4; charset=utf-8",
                 .body = text.data,
                 .len = text.len});
    return 0;
}

int h_openapi(struct request *r, struct err *e)
{
    static char *text; /* loop thread; made once, kept for the life of the process */
    (void)e;
    if (!text)
        text = openapi_text();
    reply(r, &(struct reply){.status = 200, .body = text, .len = strlen(text)});
    return 0;
}
