#include "guest/vm_poll.h"

#include <stddef.h>

/* Names as in libvirt's documentation of virConnectGetAllDomainStats; "*" stands for a device's number, and
 * what several devices count is summed. */
static const struct {
    const char *before, *after;
    size_t offset;
    uint64_t unit;
} rows[] = {
    {"cpu.time", NULL, offsetof(struct guest_sample, cpu_time_ns), 1},
    {"balloon.rss", NULL, offsetof(struct guest_sample, memory_used_bytes), 1024},
    {"balloon.current", NULL, offsetof(struct guest_sample, memory_max_bytes), 1024},
    {"block.", ".rd.bytes", offsetof(struct guest_sample, disk_read_bytes), 1},
    {"block.", ".wr.bytes", offsetof(struct guest_sample, disk_write_bytes), 1},
    {"block.", ".rd.reqs", offsetof(struct guest_sample, disk_read_ops), 1},
    {"block.", ".wr.reqs", offsetof(struct guest_sample, disk_write_ops), 1},
    {"net.", ".rx.bytes", offsetof(struct guest_sample, net_rx_bytes), 1},
    {"net.", ".tx.bytes", offsetof(struct guest_sample, net_tx_bytes), 1},
};

static bool matches(const char *name, const char *before, const char *after)
{
    if (!after)
        return streq(name, before);
    size_t n = strlen(before);
    if (strncmp(name, before, n) != 0)
        return false;
    size_t digits = strspn(name + n, "0123456789");
    return digits && streq(name + n + digits, after);
}

static uint64_t number_of(const virTypedParameter *p)
{
    switch (p->type) {
    case VIR_TYPED_PARAM_ULLONG: return p->value.ul;
    case VIR_TYPED_PARAM_LLONG: return p->value.l > 0 ? (uint64_t)p->value.l : 0;
    case VIR_TYPED_PARAM_UINT: return p->value.ui;
    case VIR_TYPED_PARAM_INT: return p->value.i > 0 ? (uint64_t)p->value.i : 0;
    default: return 0;
    }
}

static void take(struct guest_sample *sample, const virTypedParameter *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (matches(p->field, rows[i].before, rows[i].after))
            *(uint64_t *)(void *)((char *)sample + rows[i].offset) += number_of(p) * rows[i].unit;
}

static void sample_record(const virDomainStatsRecord *record, struct guest_sample *sample)
{
    int state = 0, reason = 0;
    for (int i = 0; i < record->nparams; i++) {
        const virTypedParameter *p = &record->params[i];
        if (streq(p->field, "state.state"))
            state = (int)number_of(p);
        else if (streq(p->field, "state.reason"))
            reason = (int)number_of(p);
        else
            take(sample, p);
    }
    vm_state_map(state, reason, &sample->state, &sample->cause);
}

int vm_poll(struct vm_driver *driver, guest_sample_fn *fn, void *arg, struct err *e)
{
    const unsigned what = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON |
                          VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE;
    virConnectPtr conn __attribute__((cleanup(virConnectClose_p))) = NULL;
    if (vm_connect_get(driver, &conn, e) < 0)
        return -1;
    virDomainStatsRecordPtr *records = NULL;
    /* A QEMU that hangs gives what is known of it without asking it. */
    int n = virConnectGetAllDomainStats(conn, what, &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    if (n < 0)
        return vm_error(e, "cannot ask libvirt about the guests");
    for (int i = 0; i < n; i++) {
        struct guest_sample sample = {0};
        if (!vm_is_ours(driver, records[i]->dom) || virDomainGetUUIDString(records[i]->dom, sample.uuid) < 0)
            continue;
        sample_record(records[i], &sample);
        fn(arg, &sample);
    }
    virDomainStatsRecordListFree(records);
    return 0;
}
