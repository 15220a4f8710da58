/* Hashes and secrets. What uses these links GnuTLS, which takes 3 ms of every program's start: helpers that
 * start for each action do without. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SHA256_HEX_LEN 64
void sha256_hex(const void *data, size_t n, char out[static SHA256_HEX_LEN + 1]);
/* n random bytes from the kernel as base64url without padding; n at most 64. Owned. */
char *random_token(size_t n);
/* Compares secrets of equal length in constant time. */
bool secret_equal(const void *a, const void *b, size_t n);
