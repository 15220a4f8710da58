/* What stands between a guest's console and those who look: the newest output, and who may type. And the
 * beginning of a WebSocket, as the gate decides about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/text.h"
#include "core/console_ring.h"
#include "core/rfb_filter.h"
#include "gate/ws_handshake.h"
#include "wire/console.h"

/* ---- the ring ---- */

static char *content(const struct console_ring *r, uint64_t from)
{
    struct buf all = {0};
    const uint8_t *data;
    for (size_t n; (n = console_ring_peek(r, from, 1000, &data)); from += n) {
        assert_true(n <= 1000);
        buf_add(&all, data, n);
    }
    return buf_take(&all);
}

static void add(struct console_ring *r, const char *text)
{
    console_ring_add(r, text, strlen(text));
}

static void a_new_ring_has_nothing(void **state)
{
    (void)state;
    static struct console_ring r;
    _cleanup_free_ char *all = content(&r, console_ring_replay(&r));
    assert_string_equal(all, "");
    assert_int_equal(console_ring_start(&r), 0);
}

static void what_was_added_is_there_in_order(void **state)
{
    (void)state;
    static struct console_ring r;
    add(&r, "one\n");
    add(&r, "two");
    _cleanup_free_ char *all = content(&r, console_ring_replay(&r)), *later = content(&r, 2);
    assert_string_equal(all, "one\ntwo");
    assert_string_equal(later, "e\ntwo");
}

static void the_oldest_goes_and_positions_never_wrap(void **state)
{
    (void)state;
    static struct console_ring r;
    char line[65];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "%063u\n", i);
        add(&r, line);
    }
    assert_int_equal(r.end, 5000 * 64);
    assert_int_equal(console_ring_start(&r), 5000 * 64 - CONSOLE_RING_SIZE);
    _cleanup_free_ char *all = content(&r, console_ring_start(&r));
    assert_int_equal(strlen(all), CONSOLE_RING_SIZE);
    for (unsigned i = 0; i < CONSOLE_RING_SIZE / 64; i++) {
        snprintf(line, sizeof(line), "%063u\n", 5000 - CONSOLE_RING_SIZE / 64 + i);
        assert_memory_equal(all + 64 * (size_t)i, line, 64);
    }
}

static void more_than_fits_leaves_its_end(void **state)
{
    (void)state;
    static struct console_ring r;
    _cleanup_free_ char *big = mem_alloc(3 * CONSOLE_RING_SIZE);
    memset(big, 'a', 2 * CONSOLE_RING_SIZE + 100);
    memset(big + 2 * CONSOLE_RING_SIZE + 100, 'b', CONSOLE_RING_SIZE - 100);
    add(&r, "before");
    console_ring_add(&r, big, 3 * CONSOLE_RING_SIZE);
    _cleanup_free_ char *all = content(&r, console_ring_start(&r));
    assert_int_equal(r.end, 6 + 3 * CONSOLE_RING_SIZE);
    assert_int_equal(strspn(all, "a"), 100);
    assert_int_equal(strspn(all + 100, "b"), CONSOLE_RING_SIZE - 100);
}

static void a_replay_begins_with_a_line_or_at_least_a_character(void **state)
{
    (void)state;
    static struct console_ring lines, one_line;
    for (unsigned i = 0; i < 1000; i++)
        add(&lines, "0123456789012345678901234567890123456789 line\n");
    _cleanup_free_ char *replay = content(&lines, console_ring_replay(&lines));
    assert_true(strlen(replay) <= CONSOLE_REPLAY && strlen(replay) > CONSOLE_REPLAY - 64);
    assert_true(text_starts(replay, "0123"));
    for (unsigned i = 0; i < 20001; i++)
        add(&one_line, "\xe2\x82\xac");
    _cleanup_free_ char *euros = content(&one_line, console_ring_replay(&one_line));
    assert_true(text_is_utf8(euros, strlen(euros)));
    assert_true(strlen(euros) > CONSOLE_REPLAY - 4);
}

static void a_line_that_ends_with_the_ring_is_shown_whole_or_not_skipped(void **state)
{
    (void)state;
    static struct console_ring r;
    for (unsigned i = 0; i < 2 * CONSOLE_REPLAY; i++)
        add(&r, "x");
    add(&r, "\n");
    _cleanup_free_ char *replay = content(&r, console_ring_replay(&r));
    assert_int_equal(strlen(replay), CONSOLE_REPLAY);
}

static void what_is_skipped_counts_as_gone(void **state)
{
    (void)state;
    static struct console_ring r;
    _cleanup_free_ char *block = mem_alloc(CONSOLE_RING_SIZE);
    memset(block, 'n', CONSOLE_RING_SIZE);
    add(&r, "old");
    console_ring_skip(&r, 1000000);
    console_ring_add(&r, block, CONSOLE_RING_SIZE);
    assert_int_equal(console_ring_start(&r), 3 + 1000000);
    _cleanup_free_ char *all = content(&r, console_ring_start(&r));
    assert_int_equal(strspn(all, "n"), CONSOLE_RING_SIZE);
}

/* ---- seats ---- */

static void the_first_that_may_writes_and_the_next_follows(void **state)
{
    (void)state;
    struct console_seats s = {0};
    struct console_seat looker = {.may_write = false}, a = {.may_write = true}, b = {.may_write = true};
    assert_false(console_seats_add(&s, &looker));
    assert_true(console_seats_add(&s, &a));
    assert_false(console_seats_add(&s, &b));
    assert_null(console_seats_remove(&s, &looker));
    assert_ptr_equal(console_seats_remove(&s, &a), &b);
    assert_ptr_equal(s.writer, &b);
    assert_true(!console_seats_add(&s, &looker) && !console_seats_add(&s, &a));
    assert_ptr_equal(console_seats_remove(&s, &b), &a);
    assert_null(console_seats_remove(&s, &a));
    assert_null(s.writer);
    assert_null(console_seats_remove(&s, &looker));
    assert_null(s.first);
}

static void who_may_write_may_take_over(void **state)
{
    (void)state;
    struct console_seats s = {0};
    struct console_seat looker = {.may_write = false}, a = {.may_write = true}, b = {.may_write = true};
    struct console_seat *before = &looker;
    console_seats_add(&s, &a);
    console_seats_add(&s, &b);
    console_seats_add(&s, &looker);
    assert_false(console_seats_take(&s, &looker, &before));
    assert_null(before);
    assert_true(console_seats_take(&s, &b, &before));
    assert_ptr_equal(before, &a);
    assert_true(console_seats_take(&s, &b, &before));
    assert_null(before);
    assert_ptr_equal(console_seats_remove(&s, &b), &a);
}

/* ---- what may reach a screen from one who only looks ---- */

/* All at once, and byte by byte: the same. */
static void passes(const void *in, size_t n, const void *wanted, size_t n_wanted)
{
    for (size_t step = 1; step <= n; step = step == 1 ? n : n + 1) {
        struct rfb_filter f = {.state = RFB_MESSAGE};
        _cleanup_buf_ struct buf out = {0};
        for (size_t at = 0; at < n; at += step)
            assert_true(rfb_filter(&f, (const uint8_t *)in + at, MIN_OF(step, n - at), &out));
        assert_int_equal(out.len, n_wanted);
        if (n_wanted)
            assert_memory_equal(out.data, wanted, n_wanted);
        assert_int_equal(f.state, RFB_MESSAGE);
        assert_int_equal(f.n_head, 0);
    }
}

static void looking_passes_and_touching_does_not(void **state)
{
    (void)state;
    static const uint8_t format[20] = {0}, set[] = {2, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7}, update[10] = {3},
                         fenced[] = {248, 0, 0, 0, 0, 0, 0, 1, 2, 9, 9};
    static const uint8_t key[8] = {4}, pointer[6] = {5}, paste[] = {6, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'},
                         clip[] = {6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfd, 1, 2, 3},
                         resize[] = {251, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                             1},
                         qemu_key[12] = {255}, sound[] = {255, 1, 0, 0},
                         sound_format[] = {255, 1, 0, 2, 0, 0, 0, 0, 0, 0};
    passes(format, sizeof(format), format, sizeof(format));
    passes(set, sizeof(set), set, sizeof(set));
    passes(update, sizeof(update), update, sizeof(update));
    passes(fenced, sizeof(fenced), fenced, sizeof(fenced));
    passes(key, sizeof(key), NULL, 0);
    passes(pointer, sizeof(pointer), NULL, 0);
    passes(paste, sizeof(paste), NULL, 0);
    passes(clip, sizeof(clip), NULL, 0);
    passes(resize, sizeof(resize), NULL, 0);
    passes(qemu_key, sizeof(qemu_key), NULL, 0);
    passes(sound, sizeof(sound), NULL, 0);
    passes(sound_format, sizeof(sound_format), NULL, 0);
}

static void a_screen_is_greeted_as_it_wants_and_always_shared(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        bool known;
    } rows[] = {
        {"RFB 003.008\n\1\2", "RFB 003.008\n\1\1", true},
        {"RFB 003.003\n\2", "RFB 003.003\n\1", true},
        {"RFB 003.008\n\2", "RFB 003.008\n", false}, /* a password: bytes that are not known here */
        {"RFB 003.008\n\1\1\x63", "RFB 003.008\n\1\1", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rfb_filter f = {0};
        _cleanup_buf_ struct buf out = {0};
        assert_int_equal(
            rfb_filter(&f, (const uint8_t *)rows[i].in, strlen(rows[i].in), &out), rows[i].known);
        assert_string_equal(out.data, rows[i].out);
    }
}

/* ---- the beginning of a WebSocket ---- */

static const struct ws_request good = {.upgrade = "websocket",
    .connection = "keep-alive, Upgrade",
    .version = "13",
    .key = "dGhlIHNhbXBsZSBub25jZQ==",
    .origin = "https://lodge.example:8443",
    .host = "lodge.example:8443"};

static void the_answer_to_a_key_is_that_of_the_standard(void **state)
{
    (void)state;
    char accept[WS_ACCEPT_LEN + 1];
    ws_accept(good.key, accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_request_is_judged_by_its_headers(void **state)
{
    (void)state;
    const struct {
        const char *what;
        int result; /* 0, or the code */
        struct ws_request r;
    } rows[] = {
        {"as it should be", 0, good},
        {"in other cases", 0,
            {"WebSocket", "UPGRADE", "13", "dGhlIHNhbXBsZSBub25jZQ==", "HTTPS://Lodge.Example:8443",
                "lodge.example:8443", false}},
        {"no upgrade", ERR_UPGRADE,
            {NULL, "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://a", "a", false}},
        {"another upgrade", ERR_UPGRADE,
            {"h2c", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://a", "a", false}},
        {"not on this hop", ERR_UPGRADE,
            {"websocket", "keep-alive", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://a", "a", false}},
        {"an old version", ERR_UPGRADE,
            {"websocket", "Upgrade", "8", "dGhlIHNhbXBsZSBub25jZQ==", "https://a", "a", false}},
        {"no version", ERR_UPGRADE,
            {"websocket", "Upgrade", NULL, "dGhlIHNhbXBsZSBub25jZQ==", "https://a", "a", false}},
        {"no key", ERR_MALFORMED, {"websocket", "Upgrade", "13", NULL, "https://a", "a", false}},
        {"a short key", ERR_MALFORMED, {"websocket", "Upgrade", "13", "dGhl", "https://a", "a", false}},
        {"a key of other bytes", ERR_MALFORMED,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZ\r==", "https://a", "a", false}},
        {"another site", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://evil", "a", false}},
        {"another site with a token", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://evil", "a", true}},
        {"without TLS", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "http://a", "a", false}},
        {"a longer name", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://a.evil", "a", false}},
        {"no host", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://", NULL, false}},
        {"an empty host", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", "https://", "", false}},
        {"a cookie without an origin", ERR_FORBIDDEN,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", NULL, "a", false}},
        {"a token without an origin", 0,
            {"websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==", NULL, "a", true}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = {0};
        int r = ws_check(&rows[i].r, &e);
        if ((r < 0) != (rows[i].result != 0) || (r < 0 && (int)e.code != rows[i].result))
            fail_msg("%s: %d %s %s", rows[i].what, r, err_code_name(e.code), e.detail);
    }
}

static void a_list_of_tokens_is_searched_whole(void **state)
{
    (void)state;
    assert_true(ws_list_has("binary", "binary"));
    assert_true(ws_list_has(" base64 ,\tBINARY ", "binary"));
    assert_false(ws_list_has("binary2, xbinary", "binary"));
    assert_false(ws_list_has("", "binary"));
    assert_false(ws_list_has(NULL, "binary"));
    assert_false(ws_list_has(",,  ,", "binary"));
}

static void every_end_has_a_word_and_a_code_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *word, *help;
        int code;
    } ends[] = {
#define X(symbol, word, code, help) {word, help, code},
        CONSOLE_ENDS(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        assert_true(ends[i].code == 1000 || (ends[i].code >= 4000 && ends[i].code < 5000));
        assert_true(strlen(ends[i].help) <= 123); /* what a close frame holds */
        for (size_t k = 0; k < i; k++)
            assert_true(ends[i].code != ends[k].code && !streq(ends[i].word, ends[k].word));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_ring_has_nothing),
        cmocka_unit_test(what_was_added_is_there_in_order),
        cmocka_unit_test(the_oldest_goes_and_positions_never_wrap),
        cmocka_unit_test(more_than_fits_leaves_its_end),
        cmocka_unit_test(a_replay_begins_with_a_line_or_at_least_a_character),
        cmocka_unit_test(a_line_that_ends_with_the_ring_is_shown_whole_or_not_skipped),
        cmocka_unit_test(what_is_skipped_counts_as_gone),
        cmocka_unit_test(the_first_that_may_writes_and_the_next_follows),
        cmocka_unit_test(who_may_write_may_take_over),
        cmocka_unit_test(looking_passes_and_touching_does_not),
        cmocka_unit_test(a_screen_is_greeted_as_it_wants_and_always_shared),
        cmocka_unit_test(the_answer_to_a_key_is_that_of_the_standard),
        cmocka_unit_test(a_request_is_judged_by_its_headers),
        cmocka_unit_test(a_list_of_tokens_is_searched_whole),
        cmocka_unit_test(every_end_has_a_word_and_a_code_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
