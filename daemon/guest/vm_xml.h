/* What a virtual machine is for libvirt: pure, from a guest_config to domain XML. Every address is spelled
 * out, from the slots of the hardware record, so that nothing in a guest moves when something else goes. */
#pragma once

#include "guest/guest_ops.h"

#define VM_DISKS_MAX 16
#define VM_NICS_MAX  16

/* Marks domains as ours: <guest xmlns="…" instance="…"/> among the metadata. */
#define VM_METADATA_URI "urn:lodge:guest:1"

struct vm_xml_options {
    const char *instance;
    const char *machine;   /* versioned: "pc-q35-7.2" */
    const bool *direct_io; /* of each disk: its file can be opened without the host's cache */
};

/* The domain, owned text. ERR_UNSUPPORTED for a slot beyond what the machine has. */
int vm_xml_build(
    const struct guest_config *config, const struct vm_xml_options *options, char **ret, struct err *e);
/* The host side of a NIC when core chose no name. */
void vm_nic_name(const struct guest_config *config, const struct guest_nic *nic, char out[static 16]);
