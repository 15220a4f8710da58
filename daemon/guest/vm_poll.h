/* One bulk call for what all domains use. */
#pragma once

#include "guest/vm.h"

int vm_poll(struct vm_driver *driver, guest_sample_fn *fn, void *arg, struct err *e);
