/* The small parsers: sizes, numbers, times, UUIDs, every format of the field tables. */
#include "base/text.h"
#include "schema/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_free_ char *text = mem_strndup((const char *)data, n);
    uint64_t value;
    char shown[TEXT_SIZE_MAX], when[TIME_LEN + 1];
    uint8_t bytes[16];
    if (text_size(text, &value))
        text_size_str(value, shown);
    text_u64(text, &value);
    if (time_parse(text, &value)) {
        uint64_t again;
        time_format(value, when);
        if (!time_parse(when, &again) || again != value)
            abort();
    }
    uuid_valid(text);
    hex_decode(text, bytes, sizeof(bytes));
    for (int i = 0; i < FORMAT_COUNT; i++)
        format_check(i, text);
    if (text_is_utf8(text, strlen(text))) {
        _cleanup_buf_ struct buf out = {0};
        buf_json(&out, text);
    }
    return 0;
}
