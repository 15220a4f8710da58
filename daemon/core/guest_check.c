/* Whether a guest can be as its spec says: checks it against the host, the images, volumes, pools and
 * networks, and against the cards and addresses of the other guests. Pure: it reads a snapshot and adds
 * violations. */
#include <arpa/inet.h>

#include "core/guest.h"
#include "core/network.h"

const struct disk_record *guest_record_disk(const struct guest_record *r, const char *name)
{
    for (size_t i = 0; r && i < r->n_disks; i++)
        if (streq(r->disks[i].name, name))
            return &r->disks[i];
    return NULL;
}

int guest_content_of(const struct guest_spec *spec)
{
    return spec->type == GUEST_CONTAINER ? VOLUME_ROOTFS : VOLUME_DISK;
}

/* ---- host and disks ---- */

static void check_host(struct core *core, const struct guest_spec *spec, struct violations *v)
{
    char a[TEXT_SIZE_MAX], b[TEXT_SIZE_MAX];
    if (spec->cpu->cores > (int64_t)core->host_cpus)
        violation_add(v, "/spec/cpu/cores", "is %lld, the host has only %u CPUs", (long long)spec->cpu->cores,
            core->host_cpus);
    if (spec->memory > core->host_memory_bytes)
        violation_add(v, "/spec/memory", "is %s, the host has only %s", text_size_str(spec->memory, a),
            text_size_str(core->host_memory_bytes, b));
}

static void check_type(const struct guest_spec *spec, struct violations *v)
{
    if (spec->type == GUEST_VM && spec->boot->n_init)
        violation_add(v, "/spec/boot/init", "is for containers: a virtual machine boots from its disk");
    if (spec->type != GUEST_CONTAINER)
        return;
    if (!spec->n_disks)
        violation_add(v, "/spec/disks", "must have the container's root as its first disk");
    if (spec->n_disks > 1)
        violation_add(v, "/spec/disks/1", "a container has one disk, its root");
    if (spec->n_disks && spec->disks[0].read_only)
        violation_add(v, "/spec/disks/0/read_only", "a container writes to its root");
}

static void check_existing_volume(
    const struct intent *c, const struct guest_disk_spec *disk, const char *pointer, struct violations *v)
{
    const struct guest_spec *spec = c->spec;
    const struct doc *d = snapshot_by_name(c->snapshot, KIND_VOLUME, disk->volume);
    const struct volume_record *r = volume_record_of(d);
    if (!r)
        violation_add(v, pointer, "there is no volume \"%s\"", disk->volume);
    else if (r->phase != PHASE_READY)
        violation_add(v, pointer, "the volume \"%s\" is %s", disk->volume,
            enumeration_of(ENUM_phase)->values[r->phase]);
    else if (r->guest)
        violation_add(v, pointer, "the volume \"%s\" belongs to another guest", disk->volume);
    else if (volume_spec_of(d)->content != guest_content_of(spec))
        violation_add(v, pointer, "the volume \"%s\" is %s", disk->volume,
            spec->type == GUEST_VM ? "a container's root file system" : "a virtual machine's disk");
}

static void check_new_disk(
    const struct intent *c, const struct guest_disk_spec *disk, size_t i, struct violations *v)
{
    const struct guest_spec *spec = c->spec;
    char at[64];
    if (disk->volume) {
        snprintf(at, sizeof(at), "/spec/disks/%zu/volume", i);
        if (disk->image || disk->size)
            violation_add(v, at, "excludes image and size: an existing volume has its own");
        else
            check_existing_volume(c, disk, at, v);
        return;
    }
    snprintf(at, sizeof(at), "/spec/disks/%zu/pool", i);
    if (!snapshot_by_name(c->snapshot, KIND_POOL, disk->pool))
        violation_add(v, at, "there is no pool \"%s\"", disk->pool);
    snprintf(at, sizeof(at), "/spec/disks/%zu/image", i);
    if (disk->image)
        volume_check_image(snapshot_by_name(c->snapshot, KIND_IMAGE, disk->image), disk->image,
            guest_content_of(spec), disk->size, at, v);
    else if (spec->type == GUEST_CONTAINER)
        violation_add(v, at, "is required: a container's root is made from an image");
    snprintf(at, sizeof(at), "/spec/disks/%zu/size", i);
    if (!disk->image && !disk->size)
        violation_add(v, at, "is required for an empty disk");
}

static void check_kept_disk(const struct intent *c, const struct guest_disk_spec *disk,
    const struct disk_record *r, size_t i, struct violations *v)
{
    const struct volume_spec *volume = volume_spec_of(snapshot_by_uuid(c->snapshot, KIND_VOLUME, r->volume));
    char at[64];
    snprintf(at, sizeof(at), "/spec/disks/%zu/size", i);
    if (volume && disk->size && disk->size < volume->size)
        violation_add(v, at, "cannot shrink: data at the end would be lost");
}

/* ---- cards ---- */

static bool mac_taken(const struct intent *c, const char *mac)
{
    struct snapshot_iter it;
    snapshot_iter_init(&it, c->snapshot, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_record *r = guest_record_of(d);
        for (size_t i = 0; r && !streq(d->uuid, c->uuid) && i < r->n_nics; i++)
            if (streq(r->nics[i].mac, mac))
                return true;
    }
    return false;
}

static bool mac_used_before(const struct guest_spec *spec, size_t nic)
{
    for (size_t i = 0; i < nic; i++)
        if (spec->nics[i].mac && streq(spec->nics[i].mac, spec->nics[nic].mac))
            return true;
    return false;
}

/* Whether it is an address that one machine can have, for comparing. */
static bool address_parse(const char *text, struct in6_addr *ret)
{
    struct in_addr v4;
    *ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    if (inet_pton(AF_INET, text, &v4) == 1) {
        uint32_t host = ntohl(v4.s_addr);
        memcpy(&ret->s6_addr[12], &v4, sizeof(v4));
        return host >> 24 != 0 && host >> 24 != 127 && host >> 28 < 0xe;
    }
    return inet_pton(AF_INET6, text, ret) == 1 && !IN6_IS_ADDR_UNSPECIFIED(ret) &&
           !IN6_IS_ADDR_LOOPBACK(ret) && !IN6_IS_ADDR_MULTICAST(ret) && !IN6_IS_ADDR_V4MAPPED(ret);
}

static bool is_within(const struct network_record *r, const struct in6_addr *address)
{
    struct in6_addr from, to;
    return r->dhcp_from && address_parse(r->dhcp_from, &from) && address_parse(r->dhcp_to, &to) &&
           memcmp(address, &from, sizeof(from)) >= 0 && memcmp(address, &to, sizeof(to)) <= 0;
}

static bool is_host(const struct network_record *r, const struct in6_addr *address)
{
    char text[INET_ADDRSTRLEN];
    struct in6_addr host;
    if (!r->address)
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(r->address, "/"), r->address);
    return address_parse(text, &host) && memcmp(address, &host, sizeof(host)) == 0;
}

static bool nic_has(const struct guest_nic_spec *nic, const char *network, const struct in6_addr *address)
{
    struct in6_addr other;
    for (size_t i = 0; streq(nic->network, network) && i < nic->n_addresses; i++)
        if (address_parse(nic->addresses[i], &other) && memcmp(&other, address, sizeof(other)) == 0)
            return true;
    return false;
}

/* The other guest whose card has it, this one's name for another card of the same guest; NULL: it is free. */
static const char *address_owner(const struct intent *c, size_t nic, const struct in6_addr *address)
{
    const struct guest_spec *spec = c->spec;
    struct snapshot_iter it;
    for (size_t i = 0; i < nic; i++)
        if (nic_has(&spec->nics[i], spec->nics[nic].network, address))
            return c->name;
    snapshot_iter_init(&it, c->snapshot, KIND_GUEST, NULL);
    for (struct doc *d; (d = snapshot_iter_next(&it));) {
        const struct guest_spec *other = guest_spec_of(d);
        for (size_t i = 0; other && !streq(d->uuid, c->uuid) && i < other->n_nics; i++)
            if (nic_has(&other->nics[i], spec->nics[nic].network, address))
                return d->name;
    }
    return NULL;
}

static void check_addresses(
    const struct intent *c, size_t nic, const struct doc *network, struct violations *v)
{
    const struct guest_nic_spec *spec = &((const struct guest_spec *)c->spec)->nics[nic];
    const struct network_record *r = network_record_of(network);
    for (size_t i = 0; network && r && i < spec->n_addresses; i++) {
        struct in6_addr address;
        const char *owner;
        char at[64];
        snprintf(at, sizeof(at), "/spec/nics/%zu/addresses/%zu", nic, i);
        if (!address_parse(spec->addresses[i], &address))
            violation_add(v, at, "is no address that a guest can have");
        else if (is_host(r, &address))
            violation_add(v, at, "is the host's own address on network \"%s\"", network->name);
        else if (is_within(r, &address))
            violation_add(v, at, "lies within what network \"%s\" gives out, %s to %s", network->name,
                r->dhcp_from, r->dhcp_to);
        else if ((owner = address_owner(c, nic, &address)))
            violation_add(v, at, "belongs to another network card, of guest \"%s\"", owner);
    }
}

static void check_nics(const struct intent *c, struct violations *v)
{
    const struct guest_spec *spec = c->spec;
    for (size_t i = 0; i < spec->n_nics; i++) {
        char at[64];
        snprintf(at, sizeof(at), "/spec/nics/%zu/network", i);
        const struct doc *network = snapshot_by_name(c->snapshot, KIND_NETWORK, spec->nics[i].network);
        if (!network)
            violation_add(v, at, "there is no network \"%s\"", spec->nics[i].network);
        check_addresses(c, i, network, v);
        snprintf(at, sizeof(at), "/spec/nics/%zu/mac", i);
        if (spec->nics[i].mac && mac_taken(c, spec->nics[i].mac))
            violation_add(v, at, "%s belongs to another guest", spec->nics[i].mac);
        else if (spec->nics[i].mac && mac_used_before(spec, i))
            violation_add(v, at, "%s belongs to another card of this guest", spec->nics[i].mac);
    }
}

void guest_check(struct core *core, const struct intent *c, struct violations *v)
{
    const struct guest_spec *spec = c->spec;
    const struct guest_record *old = guest_record_of(c->before);
    check_host(core, spec, v);
    check_type(spec, v);
    check_nics(c, v);
    for (size_t i = 0; i < spec->n_disks; i++) {
        const struct disk_record *kept = guest_record_disk(old, spec->disks[i].name);
        if (kept)
            check_kept_disk(c, &spec->disks[i], kept, i, v);
        else
            check_new_disk(c, &spec->disks[i], i, v);
    }
}
