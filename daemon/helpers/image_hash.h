/* SHA-256 over what streams by. */
#pragma once

#include <stddef.h>

#include "base/crypto.h"
#include "base/text.h"

struct image_hash;

struct image_hash *image_hash_new(void);
void image_hash_add(struct image_hash *hash, const void *data, size_t n);
/* Frees it. */
void image_hash_end(struct image_hash *hash, char ret[static SHA256_HEX_LEN + 1]);
