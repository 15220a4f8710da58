/* Guests without a hypervisor, for tests, thousands of them: they run as soon as they are started. What
 * runs is also noted under LODGE_STATE/fake/guests-<type>, so that guests outlive a killed daemon as real
 * ones do. Its calls in the plan are named as in guest_ops; "guest.start" means both types. "guest.run" that
 * fails is a guest that ends while it is being started. */
#pragma once

#include "base/fake_plan.h"
#include "guest/guest_ops.h"

extern const struct guest_ops guest_fake_vm;
extern const struct guest_ops guest_fake_container;
extern struct fake_plan guest_fake_plan;

enum guest_state guest_fake_state(enum guest_type type, const char *uuid);
/* What its console_open gives: see guest_fake_console.c. */
int guest_fake_console_open(enum guest_type type, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e);
