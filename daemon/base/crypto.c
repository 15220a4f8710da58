#include "base/crypto.h"

#include <gnutls/crypto.h>

#include "base/text.h"

void sha256_hex(const void *data, size_t n, char out[static SHA256_HEX_LEN + 1])
{
    uint8_t digest[32];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, n, digest) < 0)
        abort(); /* SHA-256 is always there; going on with a wrong digest would be worse */
    hex_encode(digest, sizeof(digest), out);
}

char *random_token(size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t b[64];
    n = MIN_OF(n, sizeof(b));
    random_bytes(b, n);
    struct buf text = {0};
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | b[i];
        for (have += 8; have >= 6; have -= 6)
            buf_add(&text, &alphabet[bits >> (have - 6) & 63], 1);
    }
    if (have)
        buf_add(&text, &alphabet[bits << (6 - have) & 63], 1);
    explicit_bzero(b, sizeof(b));
    return buf_take(&text);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    return gnutls_memcmp(a, b, n) == 0;
}
