/* Whose process a guest's QEMU is: libvirt starts it as a user of its own on an ordinary host, as root in
 * `make run`. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* The user and group in the host capabilities of libvirt: secmodel `dac`, base label of `kvm`, "+UID:+GID".
 * Whether they are there. */
bool vm_owner_in(const char *capabilities, uid_t *ret_uid, gid_t *ret_gid);
