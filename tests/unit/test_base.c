/* The base: parsers and formats, maps, the loop's order, workers, programs, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mdstat.h"
#include "base/notify.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/workers.h"

/* ---- parsers ---- */

static void sizes_are_read_and_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0}, {"1", 1}, {"1024", 1024}, {"1KiB", 1024}, {"1 KiB", 1024}, {"512 MiB", 536870912},
        {"1.5GiB", 1610612736}, {"1TiB", UINT64_C(1) << 40}, {"7B", 7}, {"0.5KiB", 512}};
    static const char *const bad[] = {"", " ", "GiB", "1G", "1GB", "1gib", "-1", "+1", "1.", ".5GiB",
        "1..5GiB", "1 GiB ", " 1", "1e9", "0x10", "1  GiB", "18446744073709551616", "99999999999TiB", "1.5"};
    uint64_t bytes;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        if (!text_size(good[i].text, &bytes) || bytes != good[i].bytes)
            fail_msg("%s", good[i].text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (text_size(bad[i], &bytes))
            fail_msg("\"%s\" was taken", bad[i]);
    char out[TEXT_SIZE_MAX];
    assert_string_equal(text_size_str(0, out), "0 B");
    assert_true(strlen(text_size_str(UINT64_MAX, out)) < TEXT_SIZE_MAX);
}

static void numbers_are_read_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1.0", "abc", "99999999999999999999"};
    uint64_t n;
    assert_true(text_u64("18446744073709551615", &n) && n == UINT64_MAX);
    assert_true(text_u64("0", &n) && n == 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(text_u64(bad[i], &n));
}

static void times_make_the_round_trip(void **state)
{
    (void)state;
    static const uint64_t times[] = {0, 1, 999, 951782400000, 1700000000123, 4102444799999, 253402300799999};
    char text[TIME_LEN + 1];
    uint64_t back;
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        time_format(times[i], text);
        assert_int_equal(strlen(text), TIME_LEN);
        assert_true(time_parse(text, &back));
        assert_int_equal(back, times[i]);
    }
    static const char *const bad[] = {"", "2030", "2030-13-01T00:00:00Z", "2030-01-01T24:00:00Z",
        "2030-01-01T00:60:00Z", "2030-01-01T00:00:00", "2030-01-01T00:00:00+01:00", "2030-01-01 00:00:00Z",
        "2030-01-01T00:00:00Zx", "x030-01-01T00:00:00Z"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (time_parse(bad[i], &back))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void uuids_hex_and_utf8_are_told_from_what_only_looks_like_them(void **state)
{
    (void)state;
    char a[UUID_LEN + 1], b[UUID_LEN + 1];
    uuid_new(a);
    uuid_new(b);
    assert_true(uuid_valid(a) && uuid_valid(b));
    assert_string_not_equal(a, b);
    uuid_new_at(1000, a);
    uuid_new_at(2000, b);
    assert_true(uuid_valid(a) && strcmp(a, b) < 0);
    static const char *const bad[] = {"", "x", "00000000-0000-4000-8000-00000000000",
        "00000000-0000-4000-8000-0000000000001", "00000000x0000-4000-8000-000000000001",
        "0000000A-0000-4000-8000-000000000001"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(uuid_valid(bad[i]));
    uint8_t bytes[2];
    assert_true(hex_decode("00ff", bytes, 2) && bytes[1] == 0xff);
    assert_false(hex_decode("00f", bytes, 2));
    assert_false(hex_decode("00fg", bytes, 2));
    static const char *const broken[] = {
        "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "a\x80"};
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
        assert_false(text_is_utf8(broken[i], strlen(broken[i])));
    assert_true(text_is_utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9));
}

static void json_text_is_escaped_and_parsed_within_limits(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf text = {0}, deep = {0};
    _cleanup_json_ json_t *json = NULL;
    struct err e;
    const char *odd = "\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa4 \xf0\x9f\x98\x80";
    buf_str(&text, "{\"a\":");
    buf_json(&text, odd);
    buf_str(&text, ",\"b\":");
    buf_json(&text, NULL);
    buf_str(&text, "}");
    assert_int_equal(json_parse(text.data, text.len, "text", &json, &e), 0);
    assert_string_equal(json_get_str(json, "a", ""), odd);
    for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
        buf_str(&deep, "[");
    json_t *none;
    assert_true(json_parse(deep.data, deep.len, "text", &none, &e) < 0);
    assert_non_null(strstr(e.detail, "nested"));
    assert_true(json_parse("{\"a\":1,\"a\":2}", 13, "text", &none, &e) < 0);
    assert_true(json_parse("{} x", 4, "text", &none, &e) < 0);
    assert_true(json_parse("[1e400]", 7, "text", &none, &e) < 0);
}

static void a_merge_patch_does_what_its_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *target, *patch, *result;
    } table[] = {/* RFC 7396, appendix A */ {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\"]", "{\"a\":\"b\"}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        _cleanup_json_ json_t *patch = json_loads(table[i].patch, JSON_DECODE_ANY, NULL),
                              *wanted = json_loads(table[i].result, JSON_DECODE_ANY, NULL);
        _cleanup_json_ json_t *got =
            json_merge_patch(json_loads(table[i].target, JSON_DECODE_ANY, NULL), patch);
        assert_true(json_equal(got, wanted));
    }
}

/* ---- map ---- */

static void a_map_keeps_what_it_was_given(void **state)
{
    (void)state;
    struct map m = {0};
    char key[16];
    assert_null(map_get(&m, "none"));
    assert_null(map_remove(&m, "none"));
    for (uintptr_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof(key), "key%zu", (size_t)i);
        assert_null(map_set(&m, key, (void *)i));
    }
    assert_int_equal(m.count, 1000);
    assert_ptr_equal(map_set(&m, "key7", (void *)7777), (void *)7);
    size_t seen = 0;
    MAP_FOREACH (&m, e) {
        seen++;
        if ((uintptr_t)e->value % 2)
            map_remove(&m, e->key);
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(m.count, 500);
    assert_null(map_get(&m, "key9"));
    assert_ptr_equal(map_get(&m, "key10"), (void *)10);
    map_clear(&m);
}

/* ---- loop and workers ---- */

struct order {
    struct loop *loop;
    char text[64];
};

static void note(struct order *o, const char *what)
{
    snprintf(o->text + strlen(o->text), sizeof(o->text) - strlen(o->text), "%s", what);
}

static void first(void *arg)
{
    note(arg, "1");
}

static void second(void *arg)
{
    note(arg, "2");
}

static void last(void *arg)
{
    struct order *o = arg;
    note(o, "3");
    loop_stop(o->loop, 42);
}

static void timers_fire_in_the_order_of_their_times_and_once(void **state)
{
    (void)state;
    struct order o = {.loop = loop_new()};
    struct loop_timer *c = loop_timer_new(o.loop, last, &o), *a = loop_timer_new(o.loop, first, &o),
                      *b = loop_timer_new(o.loop, second, &o), *never = loop_timer_new(o.loop, first, &o),
                      *gone = loop_timer_new(o.loop, first, &o);
    loop_timer_arm(c, 600);
    loop_timer_arm(b, 300);
    loop_timer_arm(a, 500);
    loop_timer_arm(a, 1); /* armed again: earlier */
    loop_timer_arm(never, 5);
    loop_timer_disarm(never);
    loop_timer_arm(gone, 5);
    loop_timer_free(gone);
    assert_int_equal(loop_run(o.loop), 42);
    assert_string_equal(o.text, "123");
    loop_timer_free(a);
    loop_timer_free(b);
    loop_timer_free(c);
    loop_timer_free(never);
    loop_free(o.loop);
}

static void posts_run_in_order_and_can_be_taken_back(void **state)
{
    (void)state;
    struct order o = {.loop = loop_new()};
    loop_post(o.loop, first, &o);
    loop_post(o.loop, second, &o);
    loop_post(o.loop, first, &o);
    assert_true(loop_unpost(o.loop, second, &o));
    assert_false(loop_unpost(o.loop, second, &o));
    loop_post(o.loop, last, &o);
    assert_int_equal(loop_run(o.loop), 42);
    assert_string_equal(o.text, "113");
    loop_free(o.loop);
}

struct counting {
    struct loop *loop;
    atomic_int ran, at_once, most;
    int done;
};

static void work(void *arg)
{
    struct counting *c = arg;
    int now = atomic_fetch_add(&c->at_once, 1) + 1;
    if (now > atomic_load(&c->most))
        atomic_store(&c->most, now);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    atomic_fetch_sub(&c->at_once, 1);
    atomic_fetch_add(&c->ran, 1);
}

static void work_done(void *arg)
{
    struct counting *c = arg;
    if (++c->done == 50)
        loop_stop(c->loop, 0);
}

static void workers_run_every_job_and_never_more_at_once_than_allowed(void **state)
{
    (void)state;
    struct counting c = {.loop = loop_new()};
    struct workers *w = workers_new(c.loop, 3);
    for (int i = 0; i < 50; i++)
        workers_submit(w, work, work_done, &c);
    loop_run(c.loop);
    assert_int_equal(c.done, 50);
    assert_int_equal(atomic_load(&c.ran), 50);
    assert_in_range(atomic_load(&c.most), 1, 3);
    workers_free(w);
    loop_free(c.loop);
}

/* ---- programs ---- */

static int run(const char *script, const char *input, uint64_t timeout_ms, const _Atomic bool *cancel,
    struct proc_output *out, struct err *e)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    *out = (struct proc_output){0};
    return proc_run(
        &(struct proc_spec){.argv = argv}, input, input ? strlen(input) : 0, timeout_ms, cancel, out, e);
}

static void a_program_gets_its_input_and_gives_its_output_and_code(void **state)
{
    (void)state;
    struct proc_output out;
    struct err e;
    assert_int_equal(run("cat; echo to-err >&2; exit 7", "hello", 5000, NULL, &out, &e), 0);
    assert_string_equal(out.out, "hello");
    assert_string_equal(out.err, "to-err\n");
    assert_int_equal(out.code, 7);
    proc_output_clear(&out);
    assert_int_equal(run("kill -9 $$", NULL, 5000, NULL, &out, &e), 0);
    assert_int_equal(out.code, 128 + 9);
    proc_output_clear(&out);
    assert_int_equal(run("env", NULL, 5000, NULL, &out, &e), 0);
    assert_null(strstr(out.out, "LODGE_SECRET"));
    proc_output_clear(&out);
    assert_int_equal(run("ls /proc/self/fd | wc -l", NULL, 5000, NULL, &out, &e), 0);
    assert_true(atoi(out.out) <= 4);
    proc_output_clear(&out);
    const char *const missing[] = {"/no/such/program", NULL};
    assert_true(
        proc_run(&(struct proc_spec){.argv = missing}, NULL, 0, 1000, NULL, &out, &e) < 0 || out.code != 0);
    proc_output_clear(&out);
}

static void a_program_that_takes_too_long_or_is_cancelled_is_killed(void **state)
{
    (void)state;
    struct proc_output out;
    struct err e;
    _Atomic bool cancel = true;
    uint64_t begun = clock_monotonic_ms(&clock_system);
    assert_true(run("sleep 30", NULL, 100, NULL, &out, &e) < 0);
    assert_int_equal(e.code, ERR_TIMEOUT);
    proc_output_clear(&out);
    assert_true(run("sleep 30", NULL, 20000, &cancel, &out, &e) < 0);
    assert_int_equal(e.code, ERR_CANCELLED);
    proc_output_clear(&out);
    assert_true(clock_monotonic_ms(&clock_system) - begun < 5000);
}

static void output_without_end_is_kept_up_to_its_limit(void **state)
{
    (void)state;
    struct proc_output out;
    struct err e;
    assert_int_equal(run("head -c 3000000 /dev/zero | tr '\\0' x", NULL, 10000, NULL, &out, &e), 0);
    assert_int_equal(out.out_len, 1 << 20);
    proc_output_clear(&out);
    /* Input that nobody reads does not block. */
    char *large = mem_alloc(2000001);
    memset(large, 'y', 2000000);
    large[2000000] = '\0';
    assert_int_equal(run("exit 3", large, 5000, NULL, &out, &e), 0);
    assert_int_equal(out.code, 3);
    proc_output_clear(&out);
    free(large);
}

/* ---- files ---- */

static void paths_from_outside_stay_beneath_their_root(void **state)
{
    (void)state;
    char dir[] = "/tmp/lodge-test-XXXXXX";
    struct err e;
    int root, fd = -1, parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(fs_open_dir(dir, 0700, &root, &e), 0);
    assert_int_equal(mkdirat(root, "sub", 0700), 0);
    assert_int_equal(fs_write_atomic(root, "file", "text", 4, 0600, &e), 0);
    assert_int_equal(symlinkat("/etc/passwd", root, "out"), 0);
    assert_int_equal(symlinkat("..", root, "up"), 0);
    assert_int_equal(symlinkat("file", root, "inside"), 0);
    static const char *const refused[] = {"../etc/passwd", "/etc/passwd", "out", "up/x", "inside",
        "sub/../../x", "..", "sub/../file/../../x", "none"};
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        if (fs_open_beneath(root, refused[i], O_RDONLY, 0, &fd, &e) == 0)
            fail_msg("%s was opened", refused[i]);
    assert_int_equal(fs_open_beneath(root, "sub/../file", O_RDONLY, 0, &fd, &e), 0);
    close(fd);
    char *text;
    size_t n;
    assert_int_equal(fs_read(root, "file", 4, &text, &n, &e), 0);
    assert_string_equal(text, "text");
    free(text);
    assert_true(fs_read(root, "file", 3, &text, &n, &e) < 0);
    assert_int_equal(e.code, ERR_TOO_LARGE);
    close(root);
    /* A tree is removed, what its links point to is not. */
    assert_int_equal(fs_remove_tree(parent, strrchr(dir, '/') + 1, &e), 0);
    assert_int_equal(access(dir, F_OK), -1);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    assert_int_equal(fs_remove_tree(parent, strrchr(dir, '/') + 1, &e), 0);
    close(parent);
}

/* ---- the service manager ---- */

static int manager_at(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t n = strlen(name);
    memcpy(at.sun_path, name, n);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
    return fd;
}

static void the_manager_is_told_and_its_address_handed_on_to_nobody(void **state)
{
    (void)state;
    char dir[] = "/tmp/lodge-notify-XXXXXX", told[32] = "";
    assert_non_null(mkdtemp(dir));
    _cleanup_free_ char *path = mem_printf("%s/manager", dir), *abstract = mem_printf("@%s", dir);
    const char *const names[] = {path, abstract};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_close_ int manager = manager_at(names[i]);
        setenv("NOTIFY_SOCKET", names[i], 1);
        _cleanup_close_ int fd = notify_open();
        assert_true(fd >= 0);
        assert_null(getenv("NOTIFY_SOCKET"));
        notify_send(fd, "READY=1");
        assert_int_equal(recv(manager, told, sizeof(told), MSG_DONTWAIT), strlen("READY=1"));
        assert_memory_equal(told, "READY=1", strlen("READY=1"));
    }
    assert_int_equal(notify_open(), -1);
    notify_send(-1, "READY=1");
    unlink(path);
    rmdir(dir);
}

static void a_mirror_that_lost_a_disk_is_noticed(void **state)
{
    (void)state;
    static const char whole[] =
        "Personalities : [raid1]\n"
        "md126 : active raid1 vda5[0] vdb5[1]\n      8376320 blocks super 1.2 [2/2] [UU]\n\n";
    static const char half[] = "md127 : active raid1 vda3[0]\n      2095104 blocks super 1.2 [2/1] [U_]\n\n";
    static const char filled[] =
        "md127 : active raid1 vdb3[2] vda3[0]\n      2095104 blocks super 1.2 [2/1] [U_]\n"
        "      [==>....]  recovery = 12.6% (264/2095) finish=0.1min speed=264K/sec\n\n";
    _cleanup_free_ char *worse = mem_printf("%s%sunused devices: <none>\n", whole, half);
    assert_int_equal(mirror_of(""), MIRROR_NONE);
    assert_int_equal(mirror_of("Personalities : [raid1]\nunused devices: <none>\n"), MIRROR_NONE);
    assert_int_equal(mirror_of(whole), MIRROR_WHOLE);
    assert_int_equal(mirror_of(worse), MIRROR_HALF);
    assert_int_equal(mirror_of(filled), MIRROR_REBUILDS);
}
static void a_manager_that_cannot_be_reached_holds_nothing_up(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/", "@", "/nowhere/at/all", "relative"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        assert_int_equal(notify_open(), -1);
        assert_null(getenv("NOTIFY_SOCKET"));
    }
}

int main(void)
{
    setenv("LODGE_SECRET", "x", 1);
    signal(SIGPIPE, SIG_IGN); /* as every program of ours does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_and_shown),
        cmocka_unit_test(numbers_are_read_strictly),
        cmocka_unit_test(times_make_the_round_trip),
        cmocka_unit_test(uuids_hex_and_utf8_are_told_from_what_only_looks_like_them),
        cmocka_unit_test(json_text_is_escaped_and_parsed_within_limits),
        cmocka_unit_test(a_merge_patch_does_what_its_standard_says),
        cmocka_unit_test(a_map_keeps_what_it_was_given),
        cmocka_unit_test(timers_fire_in_the_order_of_their_times_and_once),
        cmocka_unit_test(posts_run_in_order_and_can_be_taken_back),
        cmocka_unit_test(workers_run_every_job_and_never_more_at_once_than_allowed),
        cmocka_unit_test(the_manager_is_told_and_its_address_handed_on_to_nobody),
        cmocka_unit_test(a_manager_that_cannot_be_reached_holds_nothing_up),
        cmocka_unit_test(a_mirror_that_lost_a_disk_is_noticed),
        cmocka_unit_test(a_program_gets_its_input_and_gives_its_output_and_code),
        cmocka_unit_test(a_program_that_takes_too_long_or_is_cancelled_is_killed),
        cmocka_unit_test(output_without_end_is_kept_up_to_its_limit),
        cmocka_unit_test(paths_from_outside_stay_beneath_their_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
