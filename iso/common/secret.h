/* Passwords as hashes of yescrypt, as Lodge's own users have them. Each call takes about 15 ms and 16 MiB. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* "$y$…", owned. */
int secret_hash(const char *password, char **ret, struct err *e);
/* Whether crypt knows its method and settings, and nothing is missing at its end. */
bool secret_hash_is_whole(const char *hash);
/* `hash` of any method that crypt knows; false for one that locks ("*", "!…"), an empty one, and NULL. */
bool secret_matches(const char *password, const char *hash);
/* Overwrites and frees; NULL is allowed. */
void secret_free(char *secret);
DEFINE_CLEANUP(char *, secret_free)
#define _cleanup_secret_ _cleanup_(secret_free)
