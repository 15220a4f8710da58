#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/random.h>
#include <time.h>

void buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->len > more)
        return;
    size_t cap = MAX_OF(b->cap * 2, b->len + more + 1);
    b->data = mem_resize(b->data, MAX_OF(cap, (size_t)64), 1);
    b->cap = MAX_OF(cap, (size_t)64);
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        buf_reserve(b, (size_t)n + 1);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t n = sizeof(digits);
    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    buf_add(b, digits + n, sizeof(digits) - n);
}

void buf_i64(struct buf *b, int64_t value)
{
    if (value < 0)
        buf_add(b, "-", 1);
    buf_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* 0: as it is; otherwise the letter after the backslash, 'u' for \u00XX. */
static char json_escape_of(unsigned char c)
{
    switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return c < 0x20 || c == 0x7f ? 'u' : 0;
    }
}

void buf_json(struct buf *b, const char *s)
{
    if (!s) {
        buf_str(b, "null");
        return;
    }
    buf_add(b, "\"", 1);
    const char *run = s;
    for (; *s; s++) {
        char escape = json_escape_of((unsigned char)*s);
        if (!escape)
            continue;
        buf_add(b, run, (size_t)(s - run));
        run = s + 1;
        if (escape == 'u')
            buf_printf(b, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            buf_add(b, (char[]){'\\', escape}, 2);
    }
    buf_add(b, run, (size_t)(s - run));
    buf_add(b, "\"", 1);
}

char *buf_take(struct buf *b)
{
    char *s = b->data ? b->data : mem_strdup("");
    *b = (struct buf){0};
    return s;
}

bool text_u64(const char *s, uint64_t *ret)
{
    uint64_t value = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
            return false;
    }
    *ret = value;
    return true;
}

static const struct {
    const char *unit;
    unsigned shift;
} size_units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"PiB", 50}};

/* digits[.digits] as an exact binary fraction: whole part and up to six decimals in millionths. */
static const char *size_number(const char *s, uint64_t *ret_whole, uint64_t *ret_millionths)
{
    uint64_t whole = 0, millionths = 0, weight = 100000;
    const char *start = s;
    for (; isdigit((unsigned char)*s); s++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
            return NULL;
    if (s == start)
        return NULL;
    if (*s == '.') {
        start = ++s;
        for (; isdigit((unsigned char)*s); s++, weight /= 10)
            millionths += (uint64_t)(*s - '0') * weight;
        if (s == start || s - start > 6)
            return NULL;
    }
    *ret_whole = whole;
    *ret_millionths = millionths;
    return s;
}

bool text_size(const char *s, uint64_t *ret)
{
    uint64_t whole, millionths;
    s = size_number(s, &whole, &millionths);
    if (!s)
        return false;
    if (*s == ' ')
        s++;
    for (size_t i = 0; i < ARRAY_SIZE(size_units); i++) {
        if (!streq(s, size_units[i].unit))
            continue;
        unsigned shift = size_units[i].shift;
        if ((shift == 0 && millionths) || whole > ((uint64_t)INT64_MAX >> shift))
            return false;
        __uint128_t fraction = ((__uint128_t)millionths << shift) / 1000000;
        *ret = (whole << shift) + (uint64_t)fraction;
        return *ret <= (uint64_t)INT64_MAX;
    }
    return false;
}

const char *text_size_str(uint64_t bytes, char out[static TEXT_SIZE_MAX])
{
    size_t unit = 1;
    while (unit + 1 < ARRAY_SIZE(size_units) && bytes >> size_units[unit + 1].shift)
        unit++;
    double value = (double)bytes / (double)(UINT64_C(1) << size_units[unit].shift);
    int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
    if (bytes % (UINT64_C(1) << size_units[unit].shift) == 0)
        decimals = 0;
    snprintf(out, TEXT_SIZE_MAX, "%.*f %s", decimals, value, size_units[unit].unit);
    return out;
}

/* Bytes of the sequence that starts at s, 0 when it is not UTF-8 (RFC 3629: no surrogates, no overlong). */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

bool text_is_utf8(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = utf8_sequence((const unsigned char *)s + i, n - i);
        if (!len)
            return false;
        i += len;
    }
    return true;
}

bool text_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

void random_bytes(void *out, size_t n)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = getrandom((char *)out + have, n - have, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* no kernel that Lodge runs on lacks getrandom */
        have += got > 0 ? (size_t)got : 0;
    }
}

/* Version and the variant of RFC 9562, then text. */
static void uuid_text(uint8_t b[static 16], unsigned version, char *out)
{
    b[6] = (uint8_t)((b[6] & 0x0f) | version << 4);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        hex_encode(&b[i], 1, out);
        out += 2;
    }
}

void uuid_new(char out[static UUID_LEN + 1])
{
    uint8_t b[16];
    random_bytes(b, sizeof(b));
    uuid_text(b, 4, out);
}

void uuid_new_at(uint64_t unix_ms, char out[static UUID_LEN + 1])
{
    uint8_t b[16];
    random_bytes(b, sizeof(b));
    for (unsigned i = 0; i < 6; i++)
        b[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    uuid_text(b, 7, out);
}

bool uuid_valid(const char *s)
{
    for (size_t i = 0; i < UUID_LEN; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? s[i] != '-' : !((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
            return false;
    }
    return s[UUID_LEN] == '\0';
}

void time_format(uint64_t unix_ms, char out[static TIME_LEN + 1])
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char text[64]; /* a year that does not fit four digits is cut rather than overflows */
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
        tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(unix_ms % 1000));
    memcpy(out, text, TIME_LEN);
    out[TIME_LEN] = '\0';
}

bool time_parse(const char *s, uint64_t *ret_unix_ms)
{
    struct tm tm = {0};
    const char *rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return false;
    uint64_t ms = 0;
    if (*rest == '.') {
        uint64_t weight = 100;
        for (rest++; isdigit((unsigned char)*rest); rest++, weight /= 10)
            ms += (uint64_t)(*rest - '0') * weight;
    }
    int day = tm.tm_mday;
    time_t seconds = timegm(&tm);
    if (!streq(rest, "Z") || seconds < 0 || tm.tm_mday != day) /* timegm turns 30 February into 2 March */
        return false;
    *ret_unix_ms = (uint64_t)seconds * 1000 + ms;
    return true;
}

void hex_encode(const void *data, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = data;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(const char *s, uint8_t *out, size_t n)
{
    if (strlen(s) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(s[2 * i]), low = hex_value(s[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

char *text_printable(const char *text)
{
    char *copy = mem_strdup(text);
    for (unsigned char *p = (unsigned char *)copy; p && *p; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0; /* U+0080 to U+009F */
        if (c1)
            p[1] = '?';
        if (c1 || *p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    return copy;
}
