/* Which versioned machine type the newest q35 is. */
#pragma once

#include "guest/vm.h"

/* Asked of libvirt once a connection. */
int vm_machine_newest(
    struct vm_driver *driver, virConnectPtr conn, bool kvm, char *ret, size_t size, struct err *e);
