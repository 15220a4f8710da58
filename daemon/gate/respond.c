/* Answers: headers that every one carries, compression, memory files, event streams, static files. */
#include "gate/gate.h"

#include <sys/mman.h>

#define GZIP_MIN       1400 /* less fits one packet anyway */
#define NOT_FOUND_PAGE "There is nothing here. The console is at /, the API below /api/v1.\n"

/* No script, style, frame or connection from anywhere else, and nothing inline. */
#define CONTENT_SECURITY_POLICY                                                                              \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "       \
    "connect-src 'self'; "                                                                                   \
    "worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

static void add(struct MHD_Response *r, const char *name, const char *value)
{
    if (value)
        MHD_add_response_header(r, name, value);
}

/* Answers of the API are data that nothing may show as a page, keep, or read from another site. */
static void add_for_data(struct MHD_Response *r)
{
    add(r, "X-Content-Type-Options", "nosniff");
    add(r, "Cross-Origin-Resource-Policy", "same-origin");
    add(r, "Cache-Control", "no-store");
}

static void add_for_page(struct MHD_Response *r)
{
    add(r, "X-Content-Type-Options", "nosniff");
    add(r, "Referrer-Policy", "no-referrer");
    add(r, "Cross-Origin-Opener-Policy", "same-origin");
    add(r, "Cross-Origin-Resource-Policy", "same-origin");
    add(r, "Content-Security-Policy", CONTENT_SECURITY_POLICY);
}

static struct MHD_Response *from_copy(const char *data, size_t n)
{
    return MHD_create_response_from_buffer(n, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);
}

struct MHD_Response *respond_problem(enum err_code code, const char *detail, const char *hint)
{
    _cleanup_buf_ struct buf text = {0};
    buf_str(&text, "{\"type\":\"about:blank\",\"title\":");
    buf_json(&text, err_code_title(code));
    buf_printf(
        &text, ",\"status\":%d,\"code\":\"%s\",\"detail\":", err_code_status(code), err_code_name(code));
    buf_json(&text, detail);
    if (hint) {
        buf_str(&text, ",\"hint\":");
        buf_json(&text, hint);
    }
    buf_str(&text, "}");
    struct MHD_Response *r = from_copy(text.data, text.len);
    add_for_data(r);
    add(r, "Content-Type", "application/problem+json");
    if (code == ERR_UPGRADE) {
        add(r, "Upgrade", "websocket");
        add(r, "Sec-WebSocket-Version", "13");
    }
    if (code == ERR_UNAVAILABLE)
        add(r, "Retry-After", "1");
    return r;
}

struct mapping {
    void *data;
    size_t size;
};

static void unmap(void *arg)
{
    struct mapping *m = arg;
    munmap(m->data, m->size);
    free(m);
}

static struct MHD_Response *compressed(const char *data, size_t n)
{
    char *gzip;
    size_t size;
    if (n < GZIP_MIN || !gzip_text(data, n, 1, &gzip, &size))
        return NULL;
    struct MHD_Response *r = MHD_create_response_from_buffer(size, gzip, MHD_RESPMEM_MUST_FREE);
    add(r, "Content-Encoding", "gzip");
    return r;
}

/* A large body is sent from the memory that lodged has filled and sealed. */
static struct MHD_Response *from_fd(struct exchange *x, int fd, size_t n)
{
    void *data = mmap(NULL, n, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        return respond_problem(ERR_INTERNAL, "cannot map the answer", NULL);
    struct MHD_Response *r = x->wants_gzip ? compressed(data, n) : NULL;
    if (r) {
        munmap(data, n);
        return r;
    }
    struct mapping *m = mem_new(struct mapping, 1);
    *m = (struct mapping){data, n};
    return MHD_create_response_from_buffer_with_free_callback_cls(n, data, unmap, m);
}

struct MHD_Response *respond_upstream(
    struct exchange *x, const struct response_head *head, const char *body, size_t n, int fd)
{
    struct MHD_Response *r = NULL;
    if (fd >= 0 && head->fd_bytes)
        r = from_fd(x, fd, (size_t)head->fd_bytes);
    else if (x->wants_gzip)
        r = compressed(body, n);
    if (!r)
        r = from_copy(body, n);
    add_for_data(r);
    add(r, "Content-Type", head->type);
    add(r, "ETag", head->etag);
    add(r, "Location", head->location);
    add(r, "Set-Cookie", head->cookie);
    add(r, "Allow", head->allow);
    add(r, "Retry-After", head->retry_after);
    add(r, "Preference-Applied", head->preference_applied);
    add(r, "Content-Disposition", head->disposition);
    add(r, "Upload-Offset", head->upload_offset);
    if (head->status == 401)
        add(r, "WWW-Authenticate", "Bearer realm=\"lodge\"");
    return r;
}

/* ---- streams ---- */

static ssize_t read_stream(void *arg, uint64_t at, char *out, size_t max)
{
    struct exchange *x = arg;
    size_t n = MIN_OF(max, x->out.len - x->out_done);
    (void)at;
    if (n) {
        memcpy(out, x->out.data + x->out_done, n);
        x->out_done += n;
        x->worker->stream_bytes -= n;
        if (x->out_done == x->out.len) {
            x->out.len = x->out_done = 0;
            if (x->out.cap > 256 * 1024)
                buf_free(&x->out);
        }
        return (ssize_t)n;
    }
    if (x->stream_ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (x->stream_cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    x->suspended = true;
    MHD_suspend_connection(x->connection);
    return 0;
}

struct MHD_Response *respond_stream(struct exchange *x, const char *type)
{
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 * 1024, read_stream, x, NULL);
    add_for_data(r);
    add(r, "Content-Type", type);
    add(r, "X-Accel-Buffering", "no");
    return r;
}

/* ---- static files ---- */

struct MHD_Response *respond_file(struct exchange *x, const char *path, int *ret_status)
{
    const char *accept = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Accept");
    bool page = accept && strstr(accept, "text/html");
    const struct static_file *f = static_files_find(x->worker->gate->files, path, page);
    const char *known = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "If-None-Match");
    struct MHD_Response *r;
    if (!f) {
        *ret_status = 404;
        r = from_copy(NOT_FOUND_PAGE, strlen(NOT_FOUND_PAGE));
        add_for_page(r);
        add(r, "Content-Type", "text/plain; charset=utf-8");
        return r;
    }
    bool same = known && strstr(known, f->etag);
    bool gzip = !same && x->wants_gzip && f->gzip;
    *ret_status = same ? 304 : 200;
    r = MHD_create_response_from_buffer(same   ? 0
                                        : gzip ? f->gzip_size
                                               : f->size,
        gzip ? f->gzip : f->data, MHD_RESPMEM_PERSISTENT);
    add_for_page(r);
    add(r, "ETag", f->etag);
    add(r, "Vary", "Accept-Encoding");
    add(r, "Cache-Control", f->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (!same)
        add(r, "Content-Type", f->type);
    if (gzip)
        add(r, "Content-Encoding", "gzip");
    return r;
}
