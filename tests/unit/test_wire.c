/* Frames and connections: split at every byte, descriptors, garbage, heads in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "wire/link.h"
#include "wire/message.h"

#define SENT_MAX 8

struct seen {
    struct loop *loop;
    unsigned frames, wanted;
    uint64_t streams[SENT_MAX];
    char text[SENT_MAX][64];
    char file[SENT_MAX][16]; /* what the descriptor that came along holds */
    char why[64];
};

static void on_frame(void *arg, struct link *link, struct frame *f)
{
    struct seen *s = arg;
    (void)link;
    assert_true(s->frames < SENT_MAX);
    s->streams[s->frames] = f->stream;
    snprintf(s->text[s->frames], sizeof(s->text[0]), "%.*s", (int)f->len, f->payload);
    if (f->fd >= 0)
        assert_true(pread(f->fd, s->file[s->frames], sizeof(s->file[0]) - 1, 0) >= 0);
    if (++s->frames == s->wanted)
        loop_stop(s->loop, 0);
}

static void on_closed(void *arg, struct link *link, const char *why)
{
    struct seen *s = arg;
    (void)link;
    snprintf(s->why, sizeof(s->why), "%s", why);
    loop_stop(s->loop, 1);
}

static const struct link_handler handler = {.frame = on_frame, .closed = on_closed};

static struct link *open_pair(struct seen *s, int *ret_fd)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    *s = (struct seen){.loop = loop_new()};
    *ret_fd = pair[1];
    return link_new(s->loop, pair[0], &handler, s);
}

static size_t put_frame(char *out, uint16_t type, uint64_t stream, const char *payload)
{
    size_t n = strlen(payload);
    frame_header_encode((uint8_t *)out, (uint32_t)n, type, stream);
    memcpy(out + FRAME_HEADER_SIZE, payload, n + 1);
    return FRAME_HEADER_SIZE + n;
}

static void a_frame_is_decoded_only_when_it_is_whole(void **state)
{
    (void)state;
    char data[256];
    size_t n = put_frame(data, FRAME_REQUEST, 7, "{}\nbody"), size = 0;
    struct frame f;
    bool has_fd;
    for (size_t part = 0; part < n; part++)
        assert_int_equal(frame_decode(data, part, &f, &size, &has_fd), FRAME_INCOMPLETE);
    assert_int_equal(frame_decode(data, sizeof(data), &f, &size, &has_fd), FRAME_OK);
    assert_int_equal(size, n);
    assert_int_equal(f.stream, 7);
    assert_false(has_fd);
    const char *head, *body;
    size_t head_len, body_len;
    frame_split(&f, &head, &head_len, &body, &body_len);
    assert_int_equal(head_len, 2);
    assert_int_equal(body_len, 4);
    assert_memory_equal(body, "body", 4);
}

static void frames_of_another_version_type_or_size_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t len;
        uint16_t version, type;
    } wrong[] = {{0, 0, FRAME_REQUEST}, {0, 2, FRAME_REQUEST}, {0, FRAME_VERSION, 0}, {0, FRAME_VERSION, 6},
        {0, FRAME_VERSION, 0x4001}, {FRAME_PAYLOAD_MAX + 1, FRAME_VERSION, FRAME_DATA},
        {UINT32_MAX, FRAME_VERSION, FRAME_DATA}};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char data[FRAME_HEADER_SIZE] = {0};
        struct frame f;
        size_t size;
        bool has_fd;
        memcpy(data, &wrong[i].len, 4);
        memcpy(data + 4, &wrong[i].version, 2);
        memcpy(data + 6, &wrong[i].type, 2);
        assert_int_equal(frame_decode(data, sizeof(data), &f, &size, &has_fd), FRAME_BAD);
    }
}

static void frames_arrive_whole_however_the_bytes_are_cut(void **state)
{
    (void)state;
    char data[256];
    size_t n = put_frame(data, FRAME_REQUEST, 1, "first");
    n += put_frame(data + n, FRAME_DATA, 2, "");
    n += put_frame(data + n, FRAME_END, 3, "third\nwith a body");
    for (size_t cut = 0; cut <= n; cut++) {
        struct seen s;
        int fd;
        struct link *l = open_pair(&s, &fd);
        s.wanted = 3;
        assert_int_equal(write(fd, data, cut), (ssize_t)cut);
        if (cut < n) {
            loop_stop(s.loop, 0);
            loop_run(s.loop);
        }
        assert_int_equal(write(fd, data + cut, n - cut), (ssize_t)(n - cut));
        while (s.frames < 3)
            assert_int_equal(loop_run(s.loop), 0);
        assert_string_equal(s.text[0], "first");
        assert_string_equal(s.text[1], "");
        assert_string_equal(s.text[2], "third\nwith a body");
        assert_int_equal(s.streams[2], 3);
        close(fd);
        link_free(l);
        loop_free(s.loop);
    }
}

static void garbage_ends_the_connection_after_what_came_before_it(void **state)
{
    (void)state;
    char data[128];
    struct seen s;
    int fd;
    struct link *l = open_pair(&s, &fd);
    size_t n = put_frame(data, FRAME_REQUEST, 1, "good");
    memset(data + n, 0xee, 32);
    assert_int_equal(write(fd, data, n + 32), (ssize_t)n + 32);
    assert_int_equal(loop_run(s.loop), 1);
    assert_int_equal(s.frames, 1);
    assert_string_equal(s.why, "broke the frame protocol");
    close(fd);
    link_free(l);
    loop_free(s.loop);
}

static void a_frame_that_promises_a_descriptor_without_one_ends_the_connection(void **state)
{
    (void)state;
    char data[64];
    struct seen s;
    int fd;
    struct link *l = open_pair(&s, &fd);
    size_t n = put_frame(data, FRAME_RESPONSE | FRAME_HAS_FD, 1, "x");
    assert_int_equal(write(fd, data, n), (ssize_t)n);
    assert_int_equal(loop_run(s.loop), 1);
    assert_int_equal(s.frames, 0);
    close(fd);
    link_free(l);
    loop_free(s.loop);
}

/* Several descriptors and large bodies through a full socket: each arrives with its own frame. */
static void descriptors_arrive_with_the_frames_that_they_were_sent_with(void **state)
{
    (void)state;
    int pair[2];
    struct err e;
    struct loop *loop = loop_new();
    struct seen from = {.loop = loop}, to = {.loop = loop, .wanted = 6};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct link *a = link_new(loop, pair[0], &handler, &from), *b = link_new(loop, pair[1], &handler, &to);
    char *big = mem_alloc(900 * 1024);
    memset(big, 'x', 900 * 1024);
    for (unsigned i = 0; i < 6; i++) {
        int fd = -1;
        char mark[8];
        snprintf(mark, sizeof(mark), "file %u", i);
        if (i % 2)
            assert_int_equal(link_memfd(mark, strlen(mark), &fd, &e), 0);
        link_send(a, FRAME_RESPONSE, i, mark, strlen(mark), big, i == 2 ? 900 * 1024 : 0, fd);
    }
    assert_true(link_queued(a) > 900 * 1024);
    assert_int_equal(loop_run(loop), 0);
    for (unsigned i = 0; i < 6; i++) {
        char mark[8];
        snprintf(mark, sizeof(mark), "file %u", i);
        assert_int_equal(to.streams[i], i);
        assert_memory_equal(to.text[i], mark, strlen(mark));
        assert_string_equal(to.file[i], i % 2 ? mark : "");
    }
    assert_int_equal(link_queued(a), 0);
    assert_int_equal(link_peer_uid(a), getuid());
    link_free(a);
    link_free(b);
    free(big);
    loop_free(loop);
}

static void a_memory_file_cannot_be_altered(void **state)
{
    (void)state;
    int fd;
    struct err e;
    assert_int_equal(link_memfd("text", 4, &fd, &e), 0);
    assert_true(pwrite(fd, "x", 1, 0) < 0);
    assert_true(ftruncate(fd, 1) < 0);
    close(fd);
}

static void heads_come_back_as_they_went(void **state)
{
    (void)state;
    struct err e;
#define X(member, help) .member = "\xc3\xa4 \"" #member "\" \\ \x01 \n",
    struct request_head request = {REQUEST_HEAD_FIELDS(X)}, request_back;
    struct response_head response = {.status = 404,
                             .stream = true,
                             .fd_bytes = 1234567890123,
                             RESPONSE_HEAD_FIELDS(X)},
                         response_back;
#undef X
    _cleanup_buf_ struct buf text = {0}, other = {0};
    _cleanup_json_ json_t *json = NULL, *json2 = NULL;
    request_head_encode(&request, &text);
    assert_null(memchr(text.data, '\n', text.len));
    assert_int_equal(request_head_decode(text.data, text.len, &request_back, &json, &e), 0);
    response_head_encode(&response, &other);
    assert_int_equal(response_head_decode(other.data, other.len, &response_back, &json2, &e), 0);
#define X(member, help) assert_string_equal(request_back.member, request.member);
    REQUEST_HEAD_FIELDS(X)
#undef X
#define X(member, help) assert_string_equal(response_back.member, response.member);
    RESPONSE_HEAD_FIELDS(X)
#undef X
    assert_int_equal(response_back.status, 404);
    assert_true(response_back.stream);
    assert_int_equal(response_back.fd_bytes, 1234567890123);
}

static void heads_that_are_no_objects_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "[]", "1", "{", "{}x", "{\"method\":\"GET\",\"method\":\"PUT\"}", "\"x\""};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct request_head head;
        json_t *json = NULL;
        struct err e;
        assert_true(request_head_decode(wrong[i], strlen(wrong[i]), &head, &json, &e) < 0);
    }
    struct request_head head;
    _cleanup_json_ json_t *json = NULL;
    struct err e;
    assert_int_equal(request_head_decode("{\"method\":5,\"path\":null}", 24, &head, &json, &e), 0);
    assert_null(head.method);
    assert_null(head.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_decoded_only_when_it_is_whole),
        cmocka_unit_test(frames_of_another_version_type_or_size_are_refused),
        cmocka_unit_test(frames_arrive_whole_however_the_bytes_are_cut),
        cmocka_unit_test(garbage_ends_the_connection_after_what_came_before_it),
        cmocka_unit_test(a_frame_that_promises_a_descriptor_without_one_ends_the_connection),
        cmocka_unit_test(descriptors_arrive_with_the_frames_that_they_were_sent_with),
        cmocka_unit_test(a_memory_file_cannot_be_altered),
        cmocka_unit_test(heads_come_back_as_they_went),
        cmocka_unit_test(heads_that_are_no_objects_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
