/* Networks: their documents, the addresses that they get, and the steps that bring them up and down. */
#include "core/network.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "base/log.h"
#include "core/inventory.h"
#include "core/network_keeper.h"

/* net_ops calls come one at a time: this lock guards them all. */
static pthread_mutex_t net_lock = PTHREAD_MUTEX_INITIALIZER;

#define DELETE_TASK "network.delete"

struct subnet {
    uint32_t base; /* host byte order */
    unsigned prefix;
};

static bool subnet_parse(const char *cidr, struct subnet *ret)
{
    char text[32];
    snprintf(text, sizeof(text), "%s", cidr);
    char *slash = strchr(text, '/');
    struct in_addr address;
    if (!slash)
        return false;
    *slash = '\0';
    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    ret->prefix = (unsigned)strtoul(slash + 1, NULL, 10);
    ret->base = ntohl(address.s_addr);
    return ret->prefix <= 32;
}

static uint32_t subnet_mask(const struct subnet *s)
{
    return s->prefix ? ~UINT32_C(0) << (32 - s->prefix) : 0;
}

static const char *address_text(struct arena *a, uint32_t address)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr in = {.s_addr = htonl(address)};
    inet_ntop(AF_INET, &in, text, sizeof(text));
    return arena_strdup(a, text);
}

static bool inside(const struct subnet *s, const char *address)
{
    struct in_addr in;
    if (inet_pton(AF_INET, address, &in) != 1)
        return false;
    uint32_t host = ntohl(in.s_addr), mask = subnet_mask(s);
    return (host & mask) == (s->base & mask) && host != (s->base & mask) && host != (s->base | ~mask);
}

static uint32_t parse_address(const char *text)
{
    struct in_addr in = {0};
    inet_pton(AF_INET, text, &in);
    return ntohl(in.s_addr);
}

static void check_dhcp(const struct network_spec *spec, const struct subnet *s, struct violations *v)
{
    if (!inside(s, spec->dhcp->from))
        violation_add(v, "/spec/dhcp/from", "is not within the subnet");
    if (!inside(s, spec->dhcp->to))
        violation_add(v, "/spec/dhcp/to", "is not within the subnet");
    if (parse_address(spec->dhcp->from) > parse_address(spec->dhcp->to))
        violation_add(v, "/spec/dhcp/to", "lies before the first address");
}

/* .1 is the host, .100 to .250 are given out; in a smaller subnet the upper half is. */
static void place_addresses(
    const struct network_spec *spec, const struct subnet *s, struct network_record *r, struct arena *a)
{
    uint32_t mask = subnet_mask(s), first = s->base & mask, size = ~mask;
    char *address = arena_alloc(a, 32);
    snprintf(address, 32, "%s/%u", address_text(a, first + 1), s->prefix);
    r->address = address;
    if (spec->dhcp) {
        r->dhcp_from = spec->dhcp->from;
        r->dhcp_to = spec->dhcp->to;
    } else if (spec->kind == NETWORK_NAT) {
        r->dhcp_from = address_text(a, first + (size >= 255 ? 100 : size / 2));
        r->dhcp_to = address_text(a, first + (size >= 255 ? 250 : size - 1));
    }
}

static bool bridge_taken(const struct intent *c, const char *bridge)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_NETWORK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct network_record *r = network_record_of(d);
        if (r && !streq(d->uuid, c->uuid) && streq(r->bridge, bridge))
            return true;
    }
    return false;
}

static const char *free_bridge(const struct intent *c, struct arena *a)
{
    char *name = arena_alloc(a, 16);
    for (unsigned i = 0;; i++) {
        snprintf(name, 16, "lodge%u", i);
        if (!bridge_taken(c, name))
            return name;
    }
}

static bool overlaps(const struct subnet *a, const struct subnet *b)
{
    uint32_t mask = subnet_mask(a) & subnet_mask(b);
    return (a->base & mask) == (b->base & mask);
}

/* The host's own end of these would take away what they are for: this host, loopback, link-local, multicast.
 */
static bool is_special(const struct subnet *s)
{
    static const struct subnet special[] = {{0, 8}, {0x7f000000, 8}, {0xa9fe0000, 16}, {0xe0000000, 3}};
    for (size_t i = 0; i < ARRAY_SIZE(special); i++)
        if (overlaps(s, &special[i]))
            return true;
    return false;
}

static void check_overlap(const struct intent *c, const struct subnet *s, struct violations *v)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_NETWORK, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct network_record *r = network_record_of(d);
        struct subnet other;
        if (r && r->address && !streq(d->uuid, c->uuid) && subnet_parse(r->address, &other) &&
            overlaps(s, &other))
            violation_add(v, "/spec/cidr", "overlaps with network \"%s\" (%s)", d->name, r->address);
    }
}

int network_record_make(struct core *core, const struct intent *c, struct network_record *ret,
    struct arena *a, struct violations *v, struct err *e)
{
    const struct network_spec *spec = c->spec;
    const struct network_record *old = network_record_of(c->before);
    struct network_record r = {.bridge = old ? old->bridge : spec->bridge};
    struct subnet s;
    (void)core;
    if (spec->kind == NETWORK_BRIDGE) {
        if (!spec->bridge)
            violation_add(v, "/spec/bridge", "is required: the existing bridge that guests are plugged into");
        if (spec->cidr || spec->dhcp)
            violation_add(v, spec->cidr ? "/spec/cidr" : "/spec/dhcp",
                "is not for the kind bridge: addresses come from that network");
        *ret = r;
        return 0;
    }
    if (!r.bridge)
        r.bridge = free_bridge(c, a);
    else if (bridge_taken(c, r.bridge))
        violation_add(v, "/spec/bridge", "\"%s\" belongs to another network", r.bridge);
    const char *cidr = spec->cidr;
    char found[32];
    if (!cidr && old && old->address)
        cidr = old->address;
    if (!cidr && spec->kind == NETWORK_NAT) {
        if (core->drivers->free_subnet(found, sizeof(found), e) < 0)
            return -1;
        cidr = found;
    }
    if (cidr && (!subnet_parse(cidr, &s) || s.prefix < 8 || s.prefix > 29))
        violation_add(v, "/spec/cidr", "must have a prefix of 8 to 29");
    else if (cidr && is_special(&s))
        violation_add(
            v, "/spec/cidr", "is set aside for another use; take one within 10.0.0.0/8 or 192.168.0.0/16");
    else if (cidr) {
        check_overlap(c, &s, v);
        if (spec->dhcp)
            check_dhcp(spec, &s, v);
        place_addresses(spec, &s, &r, a);
    } else if (spec->dhcp) {
        violation_add(v, "/spec/cidr", "is required when addresses are given out");
    }
    *ret = r;
    return 0;
}

static bool in_use(const struct intent *c, const char *name, const char **ret_guest)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_spec *spec = guest_spec_of(d);
        for (size_t i = 0; spec && i < spec->n_nics; i++)
            if (streq(spec->nics[i].network, name)) {
                *ret_guest = d->name;
                return true;
            }
    }
    return false;
}

bool network_is_leaving(struct core *core, struct snapshot *s, const struct doc *network)
{
    const char *uuid = tasks_busy(core->tasks, network->uuid);
    const struct task_spec *task = uuid ? task_spec_of(snapshot_by_uuid(s, KIND_TASK, uuid)) : NULL;
    return task && streq(task->action, DELETE_TASK);
}

static int put(
    struct core *core, const struct intent *c, struct plan *plan, struct violations *v, struct err *e)
{
    _cleanup_arena_ struct arena a = {0};
    struct network_record record;
    const char *guest;
    if (c->before && tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    if (c->before && !streq(c->before->name, c->name) && in_use(c, c->before->name, &guest)) {
        err_set(e, ERR_IN_USE, "network %s cannot be renamed: guest %s is plugged into it", c->before->name,
            guest);
        return err_hint(e, "unplug the guests first");
    }
    if (network_record_make(core, c, &record, &a, v, e) < 0)
        return -1;
    if (v->n)
        return 0;
    _cleanup_free_ char *private = record_text(OBJECT_network_record, &record);
    plan_put(plan, c, private);
    if (c->before && !streq(c->before->name, c->name))
        txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    plan_step(
        plan, c->before ? "network.ensure" : "network.create", c->uuid, NULL, "bring up network %s", c->name);
    plan_task_end(plan, c, c->before ? "network.update" : "network.create");
    return 0;
}

static int remove_network(struct core *core, const struct intent *c, struct plan *plan, struct err *e)
{
    const char *guest;
    if (tasks_check_free(core->tasks, c->before, e) < 0)
        return -1;
    if (in_use(c, c->name, &guest)) {
        err_set(e, ERR_IN_USE, "guest %s is plugged into network %s", guest, c->name);
        return err_hint(e, "unplug or delete the guests of this network first");
    }
    /* A guest that was planned on the network as it was meets another revision, one that is planned from now
     * on meets the task. */
    txn_put_private(plan->txn, c->before, c->before->private, c->now_ms);
    txn_require_unchanged(plan->txn, snapshot_revision(c->snapshot));
    plan_step(plan, "network.remove", c->uuid, NULL, "take down network %s", c->name);
    plan_task_end(plan, c, DELETE_TASK);
    return 0;
}

static void status(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    const struct network_record *r = network_record_of(d);
    (void)s;
    (void)detail;
    if (!r)
        return;
    buf_str(out, "\"bridge\":");
    buf_json(out, r->bridge);
    if (r->address)
        buf_printf(out, ",\"address\":\"%s\"", r->address);
    if (r->dhcp_from)
        buf_printf(out, ",\"dhcp\":{\"from\":\"%s\",\"to\":\"%s\"}", r->dhcp_from, r->dhcp_to);
    const char *task = tasks_busy(core->tasks, d->uuid);
    if (task)
        buf_printf(out, ",\"task\":\"%s\"", task);
}

const struct kind_ops network_kind = {
    .help = "Segments that guests are plugged into", .put = put, .remove = remove_network, .status = status};

/* ---- steps ---- */

static struct net_config config_of(const struct doc *d)
{
    const struct network_spec *spec = network_spec_of(d);
    const struct network_record *r = network_record_of(d);
    return (struct net_config){
        .uuid = d->uuid,
        .name = d->name,
        .bridge = r->bridge,
        .cidr = r->address,
        .dhcp_from = r->dhcp_from,
        .dhcp_to = r->dhcp_to,
        .domain = spec->domain,
        .masquerade = spec->kind == NETWORK_NAT,
        .mtu = (unsigned)spec->mtu,
    };
}

/* With the lock held: a pidfd of its address server, -1 when none runs. */
static int server_of(struct core *core, const struct doc *network)
{
    const struct network_spec *spec = network_spec_of(network);
    const struct net_ops *ops = core->drivers->networks[spec->kind];
    struct net_config config = config_of(network);
    return ops->server ? ops->server(core->net_drivers[spec->kind], &config) : -1;
}

int network_ensure(struct core *core, const struct doc *network, struct err *e)
{
    const struct network_spec *spec = network_spec_of(network);
    if (!spec || !network_record_of(network))
        return err_set(
            e, ERR_DAMAGED, "the document of network %s cannot be read by this release", network->name);
    struct net_config config = config_of(network);
    pthread_mutex_lock(&net_lock);
    int r = core->drivers->networks[spec->kind]->ensure(core->net_drivers[spec->kind], &config, e);
    int server = r < 0 ? -1 : server_of(core, network);
    pthread_mutex_unlock(&net_lock);
    if (r < 0)
        return err_prefix(e, "cannot bring up network %s", network->name);
    if (server >= 0)
        network_keeper_watch(core->network_keeper, network->uuid, server);
    inventory_refresh_leases(core->inventory);
    return 0;
}

void network_repair(struct core *core, const char *uuid)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    const struct doc *d = snapshot_by_uuid(s, KIND_NETWORK, uuid);
    struct err e;
    if (!network_spec_of(d) || !network_record_of(d) || core->closing)
        return;
    pthread_mutex_lock(&net_lock);
    _cleanup_close_ int server = server_of(core, d);
    pthread_mutex_unlock(&net_lock);
    if (server < 0)
        log_notice("the address server of network %s has ended: starting it again", d->name);
    if (network_ensure(core, d, &e) == 0)
        return;
    log_warning("%s", e.detail);
    network_keeper_again(core->network_keeper, uuid);
}

int network_step_remove(struct step_context *c, struct err *e)
{
    const struct doc *d = snapshot_by_uuid(c->snapshot, KIND_NETWORK, c->step->object);
    const struct network_spec *spec = network_spec_of(d);
    if (!spec || !network_record_of(d))
        return 0;
    struct net_config config = config_of(d);
    pthread_mutex_lock(&net_lock);
    int r = c->core->drivers->networks[spec->kind]->remove(c->core->net_drivers[spec->kind], &config, e);
    pthread_mutex_unlock(&net_lock);
    return r < 0 ? err_prefix(e, "cannot take down network %s", d->name) : 0;
}

void network_finish_create(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_NETWORK, task_spec_of(task)->object->uuid);
    (void)core;
    if (d && !ok)
        txn_delete(t, KIND_NETWORK, d->uuid, d->revision);
}

void network_finish_delete(
    struct core *core, const struct doc *task, struct snapshot *s, bool ok, struct txn *t)
{
    const struct doc *d = snapshot_by_uuid(s, KIND_NETWORK, task_spec_of(task)->object->uuid);
    (void)core;
    if (d && ok)
        txn_delete(t, KIND_NETWORK, d->uuid, d->revision);
}
