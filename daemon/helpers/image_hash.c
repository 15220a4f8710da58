#include "helpers/image_hash.h"
#include "base/crypto.h"

#include <gnutls/crypto.h>

struct image_hash {
    gnutls_hash_hd_t handle;
};

struct image_hash *image_hash_new(void)
{
    struct image_hash *hash = mem_new(struct image_hash, 1);
    if (gnutls_hash_init(&hash->handle, GNUTLS_DIG_SHA256) < 0)
        abort();
    return hash;
}

void image_hash_add(struct image_hash *hash, const void *data, size_t n)
{
    gnutls_hash(hash->handle, data, n);
}

void image_hash_end(struct image_hash *hash, char ret[static SHA256_HEX_LEN + 1])
{
    unsigned char digest[32];
    gnutls_hash_deinit(hash->handle, digest);
    free(hash);
    hex_encode(digest, sizeof(digest), ret);
}
