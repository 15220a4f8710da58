/* Uploads of images, part by part: an interrupted one goes on where it was. Only who began it sees it. */
#include "api/handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/upload.h"

#define PART_MAX (8 * 1024 * 1024) /* the gate's limit, too */

static void upload_text(const struct upload *u, struct buf *out)
{
    char when[TIME_LEN + 1];
    time_format(u->touched_ms + UPLOAD_IDLE_MS, when);
    buf_printf(out, "{\"id\":\"%s\",\"image\":", u->id);
    buf_json(out, u->image);
    buf_printf(out, ",\"size\":%llu,\"offset\":%llu,\"expires\":\"%s\"}", (unsigned long long)u->size_bytes,
        (unsigned long long)u->offset_bytes, when);
}

static void reply_upload(struct request *r, int status, const struct upload *u)
{
    char offset[24];
    _cleanup_buf_ struct buf text = {0};
    _cleanup_free_ char *location = status == 201 ? mem_printf("/api/v1/uploads/%s", u->id) : NULL;
    snprintf(offset, sizeof(offset), "%llu", (unsigned long long)u->offset_bytes);
    upload_text(u, &text);
    reply(r, &(struct reply){.status = status,
                 .body = text.data,
                 .len = text.len,
                 .location = location,
                 .upload_offset = offset});
}

static void answer(void *arg, struct upload *u, const struct err *error)
{
    struct request *r = arg;
    if (error)
        reply_error(r, error, NULL);
    else
        reply_upload(r, r->route->id == ROUTE_ID_upload_begin ? 201 : 200, u);
}

int h_upload_begin(struct request *r, struct err *e)
{
    _cleanup_arena_ struct arena a = {0};
    struct upload_input in = {0};
    permission_id create = PERMISSION(IMAGES, CREATE);
    if (!format_check(FORMAT_name, r->name) || strlen(r->name) > 63)
        return err_set(
            e, ERR_INVALID, "the name in the path must be 1 to 63 %s", format_of(FORMAT_name)->help);
    if (access_require(r->principal, create, r->name, NULL, 0, e) < 0)
        return -1;
    int answered = decode_input(r, OBJECT_upload_input, &a, &in, e);
    if (answered)
        return answered < 0 ? -1 : 0;
    _cleanup_free_ char *owner = principal_key(r->principal);
    uploads_begin(r->api->core->uploads, r->name, owner, in.size, answer, r);
    return 0;
}

/* One's own; what others upload is not there. */
static struct upload *find(struct request *r, struct err *e)
{
    struct upload *u = uploads_find(r->api->core->uploads, r->name);
    _cleanup_free_ char *caller = principal_key(r->principal);
    if (u && streq(u->owner, caller))
        return u;
    err_set(e, ERR_NOT_FOUND, "there is no upload %.40s of yours", r->name);
    err_hint(e,
        "begin a new one with POST /api/v1/images/NAME/uploads; one without a part for a day is forgotten");
    return NULL;
}

int h_upload_show(struct request *r, struct err *e)
{
    const struct upload *u = find(r, e);
    if (!u)
        return -1;
    reply_upload(r, 200, u);
    return 0;
}

/* Only a sealed memory file: nothing that could block, shrink or change while it is read. */
static int check_part(const struct request *r, uint64_t *ret_bytes, struct err *e)
{
    struct stat st;
    if (r->body_fd < 0 || fstat(r->body_fd, &st) < 0 || st.st_size <= 0) {
        err_set(e, ERR_INVALID, "the part is empty");
        return err_hint(e, "send its bytes with Content-Type: application/offset+octet-stream");
    }
    int seals = fcntl(r->body_fd, F_GET_SEALS), wanted = F_SEAL_SHRINK | F_SEAL_WRITE;
    if (seals < 0 || (seals & wanted) != wanted)
        return err_set(e, ERR_MALFORMED, "a part travels as a sealed memory file");
    if (st.st_size > PART_MAX)
        return err_set(e, ERR_TOO_LARGE, "a part has at most 8 MiB");
    *ret_bytes = (uint64_t)st.st_size;
    return 0;
}

static int check_offset(const struct request *r, const struct upload *u, uint64_t n, struct err *e)
{
    uint64_t offset;
    if (!r->head.upload_offset || !text_u64(r->head.upload_offset, &offset))
        return err_set(e, ERR_INVALID, "the header Upload-Offset says where the part begins, in bytes");
    if (u->busy)
        return err_set(e, ERR_BUSY, "another part of this upload is being written");
    if (offset != u->offset_bytes) {
        err_set(e, ERR_STATE, "the upload has %llu bytes, the part begins at %llu",
            (unsigned long long)u->offset_bytes, (unsigned long long)offset);
        return err_hint(e, "go on at %llu", (unsigned long long)u->offset_bytes);
    }
    if (n > u->size_bytes - offset)
        return err_set(e, ERR_INVALID, "the part ends behind the %llu bytes that were announced",
            (unsigned long long)u->size_bytes);
    return 0;
}

int h_upload_append(struct request *r, struct err *e)
{
    uint64_t n = 0;
    struct upload *u = find(r, e);
    if (!u || access_require(r->principal, PERMISSION(IMAGES, CREATE), u->image, NULL, 0, e) < 0 ||
        check_part(r, &n, e) < 0 || check_offset(r, u, n, e) < 0)
        return -1;
    uploads_append(r->api->core->uploads, u, TAKE_FD(r->body_fd), n, answer, r);
    return 0;
}

int h_upload_delete(struct request *r, struct err *e)
{
    struct upload *u = find(r, e);
    if (!u)
        return -1;
    if (u->busy)
        return err_set(e, ERR_BUSY, "a part of this upload is being written");
    uploads_remove(r->api->core->uploads, u);
    reply_no_content(r);
    return 0;
}
