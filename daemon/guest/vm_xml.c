#include "guest/vm_xml.h"

#include <libxml/tree.h>
#include <stdarg.h>

#include "guest/vm_console.h"

/* The PCI slots of the root bus. Root ports stand eight to a slot, as its functions; port k is bus k. Disks
 * have the odd ones and NICs the even ones, so that either can grow without moving the other. */
#define SLOT_VGA         0x01
#define SLOT_PORTS       0x02
#define PORTS_PER_SLOT   8
#define PORTS_SPARE      4 /* free ones for hot-plug */
#define SLOT_USB         0x1b
#define SLOT_RNG         0x1c
#define SLOT_BALLOON     0x1d
#define SLOT_SERIAL      0x1e
#define BALLOON_PERIOD_S "5"

/* Software emulation: x86-64-v2, which every distribution of today runs on; `max` is slower to boot. */
#define CPU_EMULATED "Nehalem"

static xmlNode *child(xmlNode *parent, const char *name)
{
    return xmlNewChild(parent, NULL, (const xmlChar *)name, NULL);
}

static xmlNode *set(xmlNode *node, const char *name, const char *fmt, ...) ATTR_PRINTF(3, 4);

static xmlNode *set(xmlNode *node, const char *name, const char *fmt, ...)
{
    char value[768];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof(value), fmt, args);
    va_end(args);
    xmlNewProp(node, (const xmlChar *)name, (const xmlChar *)value);
    return node;
}

/* libxml2 escapes the text here, which it does not in xmlNewChild. */
static xmlNode *text(xmlNode *parent, const char *name, const char *fmt, ...) ATTR_PRINTF(3, 4);

static xmlNode *text(xmlNode *parent, const char *name, const char *fmt, ...)
{
    char value[768];
    va_list args;
    va_start(args, fmt);
    vsnprintf(value, sizeof(value), fmt, args);
    va_end(args);
    return xmlNewTextChild(parent, NULL, (const xmlChar *)name, (const xmlChar *)value);
}

static void pci_address(xmlNode *node, unsigned bus, unsigned slot, unsigned function)
{
    xmlNode *address = set(child(node, "address"), "type", "pci");
    set(address, "domain", "0x0000");
    set(address, "bus", "0x%02x", bus);
    set(address, "slot", "0x%02x", slot);
    set(address, "function", "0x%x", function);
    if (bus == 0 && slot >= SLOT_PORTS && slot < SLOT_USB && function == 0)
        set(address, "multifunction", "on");
}

static unsigned disk_bus(unsigned slot)
{
    return 1 + 2 * slot;
}

static unsigned nic_bus(unsigned slot)
{
    return 2 + 2 * slot;
}

static void add_metadata(xmlNode *domain, const struct vm_xml_options *options)
{
    xmlNode *guest = child(child(domain, "metadata"), "guest");
    xmlSetNs(guest, xmlNewNs(guest, (const xmlChar *)VM_METADATA_URI, (const xmlChar *)"lodge"));
    set(guest, "instance", "%s", options->instance);
}

static void add_identity(
    xmlNode *domain, const struct guest_config *config, const struct vm_xml_options *options)
{
    set(domain, "type", config->kvm ? "kvm" : "qemu");
    text(domain, "name", "%s", config->uuid);
    text(domain, "uuid", "%s", config->uuid);
    text(domain, "title", "%s", config->name);
    add_metadata(domain, options);
    unsigned long long memory_kib = config->memory_bytes / 1024;
    set(text(domain, "memory", "%llu", memory_kib), "unit", "KiB");
    set(text(domain, "currentMemory", "%llu", memory_kib), "unit", "KiB");
    set(text(domain, "vcpu", "%u", config->vcpus), "placement", "static");
}

static void add_cpu(xmlNode *domain, const struct guest_config *config)
{
    xmlNode *cpu = set(child(domain, "cpu"), "mode", config->kvm ? "host-passthrough" : "custom");
    if (!config->kvm)
        set(cpu, "match", "exact");
    set(cpu, "check", "none");
    if (config->kvm)
        set(cpu, "migratable", "on");
    else
        set(text(cpu, "model", CPU_EMULATED), "fallback", "forbid");
    xmlNode *topology = set(child(cpu, "topology"), "sockets", "1");
    set(set(set(topology, "dies", "1"), "cores", "%u", config->vcpus), "threads", "1");
}

static void add_timer(xmlNode *clock, const char *name, const char *key, const char *value)
{
    set(set(child(clock, "timer"), "name", "%s", name), key, "%s", value);
}

static void add_machine(
    xmlNode *domain, const struct guest_config *config, const struct vm_xml_options *options)
{
    xmlNode *os = child(domain, "os");
    set(set(text(os, "type", "hvm"), "arch", "x86_64"), "machine", "%s", options->machine);
    xmlNode *features = child(domain, "features");
    child(features, "acpi");
    child(features, "apic");
    set(child(features, "vmport"), "state", "off");
    add_cpu(domain, config);
    xmlNode *clock = set(child(domain, "clock"), "offset", "utc");
    add_timer(clock, "rtc", "tickpolicy", "catchup");
    add_timer(clock, "pit", "tickpolicy", "delay");
    add_timer(clock, "hpet", "present", "no");
    text(domain, "on_poweroff", "destroy");
    text(domain, "on_reboot", "restart");
    text(domain, "on_crash", "destroy");
}

/* Whole slots of ports: one more disk adds a slot behind the others, and moves none. */
static unsigned ports_needed(const struct guest_config *config)
{
    unsigned last = 0;
    for (size_t i = 0; i < config->n_disks; i++)
        if (!config->disks[i].cdrom)
            last = MAX_OF(last, disk_bus(config->disks[i].slot));
    for (size_t i = 0; i < config->n_nics; i++)
        last = MAX_OF(last, nic_bus(config->nics[i].slot));
    unsigned most = VM_DISKS_MAX + VM_NICS_MAX;
    return MIN_OF((last + PORTS_SPARE + PORTS_PER_SLOT - 1) / PORTS_PER_SLOT * PORTS_PER_SLOT, most);
}

static void add_controllers(xmlNode *devices, const struct guest_config *config)
{
    set(set(set(child(devices, "controller"), "type", "pci"), "index", "0"), "model", "pcie-root");
    unsigned n = ports_needed(config);
    for (unsigned port = 1; port <= n; port++) {
        unsigned slot = SLOT_PORTS + (port - 1) / PORTS_PER_SLOT, function = (port - 1) % PORTS_PER_SLOT;
        xmlNode *controller = set(child(devices, "controller"), "type", "pci");
        set(set(controller, "index", "%u", port), "model", "pcie-root-port");
        set(child(controller, "model"), "name", "pcie-root-port");
        set(set(child(controller, "target"), "chassis", "%u", port), "port", "0x%x", slot << 3 | function);
        pci_address(controller, 0, slot, function);
    }
    xmlNode *usb = set(set(child(devices, "controller"), "type", "usb"), "index", "0");
    pci_address(set(usb, "model", "qemu-xhci"), 0, SLOT_USB, 0);
    pci_address(
        set(set(child(devices, "controller"), "type", "virtio-serial"), "index", "0"), 0, SLOT_SERIAL, 0);
}

static void add_disk(xmlNode *devices, const struct guest_disk *row, bool direct_io)
{
    bool is_block = strncmp(row->at.path, "/dev/", 5) == 0;
    xmlNode *disk = set(child(devices, "disk"), "type", is_block ? "block" : "file");
    set(disk, "device", row->cdrom ? "cdrom" : "disk");
    xmlNode *driver =
        set(set(child(disk, "driver"), "name", "qemu"), "type", "%s", volume_format_name(row->at.format));
    set(driver, "cache", direct_io ? "none" : "writeback");
    set(driver, "io", direct_io ? "native" : "threads");
    /* On a full pool the guest waits until there is room, instead of losing its disk. */
    set(set(driver, "error_policy", "stop"), "rerror_policy", "stop");
    if (!row->cdrom)
        set(driver, "discard", "unmap");
    set(child(disk, "source"), is_block ? "dev" : "file", "%s", row->at.path);
    xmlNode *target =
        set(child(disk, "target"), "dev", "%s%c", row->cdrom ? "sd" : "vd", (char)('a' + row->slot));
    set(target, "bus", row->cdrom ? "sata" : "virtio");
    if (row->read_only || row->cdrom)
        child(disk, "readonly");
    if (row->serial)
        text(disk, "serial", "%.20s", row->serial);
    if (row->boot_order)
        set(child(disk, "boot"), "order", "%u", row->boot_order);
    if (!row->cdrom)
        pci_address(disk, disk_bus(row->slot), 0, 0);
}

void vm_nic_name(const struct guest_config *config, const struct guest_nic *nic, char out[static 16])
{
    if (nic->ifname)
        snprintf(out, 16, "%s", nic->ifname);
    else
        snprintf(out, 16, "lv%.8s%u", config->uuid, nic->slot % 1000);
}

static void add_nic(xmlNode *devices, const struct guest_config *config, const struct guest_nic *row)
{
    char name[16];
    vm_nic_name(config, row, name);
    xmlNode *nic = set(child(devices, "interface"), "type", "bridge");
    if (row->mac)
        set(child(nic, "mac"), "address", "%s", row->mac);
    set(child(nic, "source"), "bridge", "%s", row->bridge);
    set(child(nic, "target"), "dev", "%s", name);
    set(child(nic, "model"), "type", "virtio");
    if (row->mtu)
        set(child(nic, "mtu"), "size", "%u", row->mtu);
    if (row->link_down)
        set(child(nic, "link"), "state", "down");
    pci_address(nic, nic_bus(row->slot), 0, 0);
}

static void add_serial(xmlNode *devices, const struct guest_config *config)
{
    xmlNode *serial = child(devices, "serial");
    if (config->runtime_dir) {
        set(serial, "type", "unix");
        set(set(child(serial, "source"), "mode", "bind"), "path", "%s/" VM_SERIAL_SOCKET,
            config->runtime_dir);
    } else {
        set(serial, "type", "pty");
    }
    if (config->serial_log)
        set(set(child(serial, "log"), "file", "%s", config->serial_log), "append", "on");
    set(set(child(serial, "target"), "type", "isa-serial"), "port", "0");
}

static void add_screen(xmlNode *devices, const struct guest_config *config)
{
    if (config->runtime_dir) {
        xmlNode *graphics = set(child(devices, "graphics"), "type", "vnc");
        /* Who comes never throws out who is there, whatever its viewer asks for. */
        set(graphics, "sharePolicy", "ignore");
        set(set(child(graphics, "listen"), "type", "socket"), "socket", "%s/" VM_VNC_SOCKET,
            config->runtime_dir);
    }
    xmlNode *video = child(devices, "video");
    set(set(set(set(child(video, "model"), "type", "vga"), "vram", "16384"), "heads", "1"), "primary", "yes");
    pci_address(video, 0, SLOT_VGA, 0);
    set(set(child(devices, "input"), "type", "tablet"), "bus", "usb");
}

static void add_others(xmlNode *devices)
{
    xmlNode *agent = set(child(devices, "channel"), "type", "unix");
    set(set(child(agent, "target"), "type", "virtio"), "name", "org.qemu.guest_agent.0");
    xmlNode *rng = set(child(devices, "rng"), "model", "virtio");
    set(text(rng, "backend", "/dev/urandom"), "model", "random");
    pci_address(rng, 0, SLOT_RNG, 0);
    xmlNode *balloon = set(child(devices, "memballoon"), "model", "virtio");
    set(child(balloon, "stats"), "period", BALLOON_PERIOD_S);
    pci_address(balloon, 0, SLOT_BALLOON, 0);
    set(child(devices, "panic"), "model", "isa");
}

static int check_slots(const struct guest_config *config, struct err *e)
{
    unsigned used_disks = 0, used_nics = 0;
    for (size_t i = 0; i < config->n_disks; i++) {
        const struct guest_disk *disk = &config->disks[i];
        if (disk->slot >= VM_DISKS_MAX)
            return err_set(e, ERR_UNSUPPORTED, "a virtual machine has at most %d disks", VM_DISKS_MAX);
        unsigned bit = disk->cdrom ? 0 : 1U << disk->slot;
        if (used_disks & bit)
            return err_set(e, ERR_INTERNAL, "two disks have the slot %u", disk->slot);
        used_disks |= bit;
    }
    for (size_t i = 0; i < config->n_nics; i++) {
        if (config->nics[i].slot >= VM_NICS_MAX)
            return err_set(e, ERR_UNSUPPORTED, "a virtual machine has at most %d network cards", VM_NICS_MAX);
        if (used_nics & 1U << config->nics[i].slot)
            return err_set(e, ERR_INTERNAL, "two network cards have the slot %u", config->nics[i].slot);
        used_nics |= 1U << config->nics[i].slot;
    }
    return 0;
}

int vm_xml_build(
    const struct guest_config *config, const struct vm_xml_options *options, char **ret, struct err *e)
{
    if (check_slots(config, e) < 0)
        return -1;
    xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *domain = xmlNewNode(NULL, (const xmlChar *)"domain");
    xmlDocSetRootElement(doc, domain);
    add_identity(domain, config, options);
    add_machine(domain, config, options);
    xmlNode *devices = child(domain, "devices");
    add_controllers(devices, config);
    for (size_t i = 0; i < config->n_disks; i++)
        add_disk(devices, &config->disks[i], options->direct_io && options->direct_io[i]);
    for (size_t i = 0; i < config->n_nics; i++)
        add_nic(devices, config, &config->nics[i]);
    add_serial(devices, config);
    add_screen(devices, config);
    add_others(devices);
    xmlChar *out = NULL;
    int n = 0;
    xmlDocDumpFormatMemoryEnc(doc, &out, &n, "UTF-8", 1);
    xmlFreeDoc(doc);
    if (!out)
        return err_set(e, ERR_INTERNAL, "cannot write the domain's XML");
    *ret = mem_strndup((const char *)out, (size_t)n);
    xmlFree(out);
    return 0;
}
