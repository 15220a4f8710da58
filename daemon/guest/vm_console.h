/* The consoles of virtual machines: QEMU's own sockets in the guest's runtime folder. libvirt is not asked:
 * they work while it is away. */
#pragma once

#include "guest/guest_ops.h"

#define VM_SERIAL_SOCKET "serial.sock" /* takes one connection at a time */
#define VM_VNC_SOCKET    "vnc.sock"

int vm_console_open(void *driver, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e);
