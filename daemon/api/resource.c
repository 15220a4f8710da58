/* Resources as the API shows them. */
#include "api/request.h"

#include "core/plan.h"

void etag_of(const struct doc *d, char out[static 32])
{
    snprintf(out, 32, "\"%llu\"", (unsigned long long)d->revision);
}

void resource_text(struct core *core, struct snapshot *s, const struct doc *d, bool detail, struct buf *out)
{
    const struct kind_ops *ops = kind_ops_of(d->kind);
    buf_add(out, d->fragment, d->fragment_len);
    if (ops->status) {
        buf_str(out, ",\"status\":{");
        ops->status(core, s, d, detail, out);
        buf_str(out, "}");
    }
    buf_str(out, "}");
}

/* A task belongs to who asked for it, and to whoever may see what it works on. */
static bool may_read_task(struct snapshot *s, const struct principal *p, const struct doc *task)
{
    const struct task_spec *spec = task_spec_of(task);
    enum kind kind;
    if (!spec)
        return false;
    if (spec->user && streq(spec->user, p->who))
        return true;
    const struct doc *object =
        kind_parse(spec->object->kind, &kind) ? snapshot_by_uuid(s, kind, spec->object->uuid) : NULL;
    return object && access_allowed_doc(p, (permission_id)((int)kind << 8 | VERB_READ), object);
}

bool may_read(struct snapshot *s, const struct principal *p, const struct doc *d)
{
    if (!d)
        return false;
    if (access_allowed_doc(p, (permission_id)((int)d->kind << 8 | VERB_READ), d))
        return true;
    return d->kind == KIND_TASK && may_read_task(s, p, d);
}

int require_read(struct snapshot *s, const struct principal *p, const struct doc *d, struct err *e)
{
    if (may_read(s, p, d))
        return 0;
    return access_require(
        p, (permission_id)((int)d->kind << 8 | VERB_READ), d->name, d->labels, d->n_labels, e);
}

void reply_resource(
    struct request *r, int status, struct snapshot *s, const struct doc *d, const char *location)
{
    char etag[32];
    _cleanup_buf_ struct buf text = {0};
    resource_text(r->api->core, s, d, true, &text);
    etag_of(d, etag);
    reply(r, &(struct reply){
                 .status = status, .body = text.data, .len = text.len, .etag = etag, .location = location});
}

/* A deleted volume has another name in the trash: say which. */
static bool hint_trash(struct snapshot *s, const char *name, struct err *e)
{
    _cleanup_free_ char *prefix = mem_printf("%s.trash-", name);
    const struct doc *d = snapshot_after(s, KIND_VOLUME, prefix);
    if (!d || !text_starts(d->name, prefix))
        return false;
    err_set(e, ERR_NOT_FOUND, "the volume \"%.100s\" has been deleted", name);
    err_hint(e, "it is in the trash as %s: undelete it under that name", d->name);
    return true;
}

int find_resource(const struct request *r, struct snapshot *s, struct doc **ret, struct err *e)
{
    enum kind kind = (enum kind)r->route->kind;
    struct doc *d = text_starts(r->name, "uuid:") ? snapshot_by_uuid(s, kind, r->name + 5)
                                                  : snapshot_by_name(s, kind, r->name);
    if (!d && kind == KIND_NODE && streq(r->name, "self"))
        d = snapshot_by_uuid(s, kind, r->api->core->node_uuid);
    if (!d && kind == KIND_VOLUME && hint_trash(s, r->name, e))
        return -1;
    if (!d) {
        err_set(e, ERR_NOT_FOUND, "there is no %s \"%.100s\"", kind_singular(kind), r->name);
        return err_hint(e, "list the %s to see those that are there", kind_plural(kind));
    }
    *ret = d;
    return 0;
}

int require_item(struct request *r, struct snapshot *s, struct doc **ret, struct err *e)
{
    permission_id permission;
    if (!permission_parse(r->route->permission, &permission))
        return err_set(e, ERR_INTERNAL, "unknown permission %s", r->route->permission);
    if (find_resource(r, s, ret, e) < 0)
        return -1;
    return access_require(r->principal, permission, (*ret)->name, (*ret)->labels, (*ret)->n_labels, e);
}
