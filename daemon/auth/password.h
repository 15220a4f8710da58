/* Passwords: yescrypt through libxcrypt. Hashing and verifying take about 15 ms and 16 MiB on purpose:
 * call them in workers, and few at once. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define PASSWORD_MIN 8   /* characters */
#define PASSWORD_MAX 256 /* bytes */

/* The member of a user's private part that holds the hash. */
#define USER_PASSWORD_KEY "password"

/* Whether it may become the password of that user; ERR_INVALID says the rule. */
int password_check(const char *password, const char *user, struct err *e);
/* "$y$…", owned. */
int password_hash(const char *password, char **ret_hash, struct err *e);
/* Without a hash (no such user, no password set) it is false after the same time. */
bool password_verify(const char *password, const char *hash);
/* Whether it is a hash as password_hash makes them, whole: one that was cut off would lock its user out. */
bool password_hash_valid(const char *hash);
