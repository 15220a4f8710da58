/* Anti-spoofing: what each network card of a guest may send, from its document, its network and the leases.
 */
#pragma once

#include "core/leases.h"

struct guest_guard;

/* "lg<8 of the uuid>.<slot>": the link of a guest's card on the host. */
void guest_link_name(const char *uuid, int64_t slot, char out[static 16]);

struct guest_guard *guest_guard_new(void);
void guest_guard_free(struct guest_guard *guard);
/* Before a guest starts: its cards are guarded as its document says. Worker thread. */
int guest_guard_set(struct core *core, struct snapshot *s, const struct doc *guest, struct err *e);
/* It has stopped. Worker thread. */
void guest_guard_drop(struct core *core, const char *uuid);
/* Leases are others: for the cards that are plugged in. Worker thread. */
void guest_guard_refresh(struct core *core, const struct lease_book *book);
