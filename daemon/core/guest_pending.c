/* What of a guest's spec waits for a restart. The record gets a copy of the spec that the guest was started
 * with at the first change that a running guest does not take up, in the commit of that change; a start costs
 * nothing, and the copy goes when the guest is started again or the change is taken back. */
#include "core/guest.h"

#include "schema/compare.h"

/* The spec with the hardware addresses that its cards have, also where the user left them to the server. */
static struct guest_spec *with_macs(
    const struct guest_spec *spec, const struct guest_record *record, struct arena *a)
{
    struct guest_spec *copy = arena_alloc(a, sizeof(*copy));
    *copy = *spec;
    copy->nics = arena_alloc(a, (spec->n_nics + 1) * sizeof(*copy->nics));
    for (size_t i = 0; i < spec->n_nics; i++) {
        copy->nics[i] = spec->nics[i];
        for (size_t k = 0; k < record->n_nics && !copy->nics[i].mac; k++)
            if (streq(record->nics[k].name, spec->nics[i].name))
                copy->nics[i].mac = record->nics[k].mac;
    }
    return copy;
}

static void note_pending(void *arg, const struct field *f, const char *pointer)
{
    struct buf *out = arg;
    if (!(f->flags & FIELD_RESTART))
        return;
    buf_str(out, out->len ? "," : "");
    buf_json(out, pointer);
}

static bool is_down(enum guest_state state)
{
    return state == GUEST_STOPPED || state == GUEST_CRASHED;
}

void guest_keep_launched(struct core *core, const struct doc *before, const struct guest_spec *spec,
    struct guest_record *record, struct arena *a)
{
    const struct guest_record *old = guest_record_of(before);
    const struct guest_spec *launched = record->launched;
    _cleanup_buf_ struct buf pending = {0};
    record->launched = NULL;
    /* What is wanted counts too: just after a start of lodged no state is known. */
    if (!guest_spec_of(before) || !old ||
        (is_down(inventory_state(core->inventory, before->uuid)) && old->wanted != POWER_RUNNING))
        return;
    struct guest_spec *was = with_macs(launched ? launched : guest_spec_of(before), old, a);
    compare_objects(OBJECT_guest_spec, was, with_macs(spec, record, a), "/spec", note_pending, &pending);
    if (pending.len)
        record->launched = was;
}

void guest_status_pending(
    const struct guest_spec *spec, const struct guest_record *record, enum guest_state state, struct buf *out)
{
    _cleanup_arena_ struct arena a = {0};
    _cleanup_buf_ struct buf pending = {0};
    if (!record->launched || is_down(state) || state == GUEST_UNKNOWN)
        return;
    compare_objects(
        OBJECT_guest_spec, record->launched, with_macs(spec, record, &a), "/spec", note_pending, &pending);
    if (pending.len)
        buf_printf(out, ",\"pending_restart\":[%s]", pending.data);
}
