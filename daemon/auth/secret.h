/* Values that must be readable again later (a cloud-init password) but must not lie about in plain
 * text: AES-256-GCM under a key of this installation, in a file of its own. */
#pragma once

#include "base/err.h"

struct secret_key;
/* Reads `secret.key` (0600) in that directory, makes it when there is none. */
int secret_key_open(const char *state_dir, struct secret_key **ret, struct err *e);
void secret_key_free(struct secret_key *key);
DEFINE_CLEANUP(struct secret_key *, secret_key_free)

/* Text without quotes or blanks, owned: "v1.…". `purpose` must be the same for decrypting: a value
 * cannot be moved to another place ("guest/UUID/cloud-init"). Thread-safe. */
char *secret_encrypt(const struct secret_key *key, const char *purpose, const char *value);
/* Owned; free it with secret_clear. ERR_DAMAGED when it was not made with this key and purpose. */
int secret_decrypt(
    const struct secret_key *key, const char *purpose, const char *text, char **ret, struct err *e);
/* Wipes and frees; NULL is fine. */
void secret_clear(char *value);
