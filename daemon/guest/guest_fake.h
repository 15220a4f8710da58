/* Guests without a hypervisor, for tests, thousands of them: they run as soon as they are started. What
 * runs is also noted under LODGE_STATE/fake/guests-<type>, so that guests outlive a killed daemon as real
 * ones do. Its calls in the plan are named as in guest_ops; "guest.start" means both types. */
#pragma once

#include "base/fake_plan.h"
#include "guest/guest_ops.h"

extern const struct guest_ops guest_fake_vm;
extern const struct guest_ops guest_fake_container;
extern struct fake_plan guest_fake_plan;

/* Puts a guest into a state, as if that had happened to it, and says so by an event. */
void guest_fake_set_state(
    enum guest_type type, const char *uuid, enum guest_state state, enum guest_cause cause);
enum guest_state guest_fake_state(enum guest_type type, const char *uuid);
/* Guests that are asked to shut down do not (true), or do at once (false, as it begins). */
void guest_fake_ignore_shutdown(bool ignore);
/* What its console_open gives: see guest_fake_console.c. */
int guest_fake_console_open(enum guest_type type, enum console_kind kind, const struct console_target *target,
    struct console_source *ret, struct err *e);
/* As if libvirtd stopped (false) and came back: calls give ERR_UNAVAILABLE in between. */
void guest_fake_set_reachable(enum guest_type type, bool reachable);
