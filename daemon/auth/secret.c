/* "v1." and the hex of nonce, ciphertext and tag. The purpose is authenticated with it. */
#include "auth/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"

#define FILE_NAME "secret.key"
#define KEY_BYTES 32
#define IV_BYTES  12
#define TAG_BYTES 16
#define PREFIX    "v1."
#define CIPHER    GNUTLS_CIPHER_AES_256_GCM

struct secret_key {
    uint8_t bytes[KEY_BYTES];
};

/* ---- the key file ---- */

static int make_key_file(int dirfd, struct err *e)
{
    uint8_t key[KEY_BYTES];
    char hex[2 * KEY_BYTES + 2];
    random_bytes(key, sizeof(key));
    hex_encode(key, sizeof(key), hex);
    hex[sizeof(hex) - 2] = '\n';
    int r = fs_write_atomic(dirfd, FILE_NAME, hex, sizeof(hex) - 1, 0600, e);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(hex, sizeof(hex));
    return r;
}

static int parse_key(char *text, struct secret_key *key, struct err *e)
{
    text[strcspn(text, "\n")] = '\0';
    if (hex_decode(text, key->bytes, KEY_BYTES))
        return 0;
    err_set(e, ERR_DAMAGED, "%s is not a key of Lodge", FILE_NAME);
    return err_hint(e, "Restore it from a backup. Without it, stored secrets (such as cloud-init passwords) "
                       "cannot be read: move it away to start with a new one and set them again.");
}

int secret_key_open(const char *state_dir, struct secret_key **ret, struct err *e)
{
    _cleanup_close_ int dirfd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (dirfd < 0)
        return err_errno(e, errno, "cannot open the state directory %s", state_dir);
    if (fstatat(dirfd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return err_errno(e, errno, "cannot read %s", FILE_NAME);
        if (make_key_file(dirfd, e) < 0)
            return -1;
    } else if (st.st_mode & 077) {
        err_set(
            e, ERR_STATE, "%s can be read by others (mode %04o)", FILE_NAME, (unsigned)st.st_mode & 07777);
        return err_hint(e, "Set its mode to 0600, and change the secrets that it protects.");
    }
    char *text;
    if (fs_read(dirfd, FILE_NAME, 1024, &text, NULL, e) < 0)
        return -1;
    _cleanup_(secret_key_free) struct secret_key *key = mem_new(struct secret_key, 1);
    int r = parse_key(text, key, e);
    secret_clear(text);
    if (r < 0)
        return -1;
    *ret = TAKE_PTR(key);
    return 0;
}

void secret_key_free(struct secret_key *key)
{
    if (!key)
        return;
    explicit_bzero(key, sizeof(*key));
    free(key);
}

void secret_clear(char *value)
{
    if (!value)
        return;
    explicit_bzero(value, strlen(value));
    free(value);
}

/* ---- values ---- */

static gnutls_aead_cipher_hd_t cipher_of(const struct secret_key *key)
{
    gnutls_aead_cipher_hd_t cipher;
    gnutls_datum_t datum = {.data = (unsigned char *)(uintptr_t)key->bytes, .size = KEY_BYTES};
    if (gnutls_aead_cipher_init(&cipher, CIPHER, &datum) < 0)
        abort(); /* AES-GCM is always there; going on in plain text would be worse */
    return cipher;
}

char *secret_encrypt(const struct secret_key *key, const char *purpose, const char *value)
{
    size_t len = strlen(value), size = len + TAG_BYTES;
    uint8_t *box = mem_alloc(IV_BYTES + size);
    random_bytes(box, IV_BYTES);
    gnutls_aead_cipher_hd_t cipher = cipher_of(key);
    if (gnutls_aead_cipher_encrypt(cipher, box, IV_BYTES, purpose, strlen(purpose), TAG_BYTES, value, len,
            box + IV_BYTES, &size) < 0)
        abort();
    gnutls_aead_cipher_deinit(cipher);
    char *hex = mem_alloc(2 * (IV_BYTES + size) + 1);
    hex_encode(box, IV_BYTES + size, hex);
    char *text = mem_printf(PREFIX "%s", hex);
    free(hex);
    free(box);
    return text;
}

static int not_ours(struct err *e)
{
    err_set(
        e, ERR_DAMAGED, "a stored secret cannot be decrypted: it is damaged, or secret.key is another one");
    return err_hint(e, "Restore secret.key from the backup that belongs to this configuration, or set the "
                       "secret again.");
}

int secret_decrypt(
    const struct secret_key *key, const char *purpose, const char *text, char **ret, struct err *e)
{
    if (!text_starts(text, PREFIX))
        return not_ours(e);
    const char *hex = text + sizeof(PREFIX) - 1;
    size_t n = strlen(hex) / 2, size;
    if (n < IV_BYTES + TAG_BYTES)
        return not_ours(e);
    _cleanup_free_ uint8_t *box = mem_alloc(n);
    if (!hex_decode(hex, box, n))
        return not_ours(e);
    size = n - IV_BYTES - TAG_BYTES;
    char *value = mem_zero(size + 1, 1);
    gnutls_aead_cipher_hd_t cipher = cipher_of(key);
    int r = gnutls_aead_cipher_decrypt(cipher, box, IV_BYTES, purpose, strlen(purpose), TAG_BYTES,
        box + IV_BYTES, n - IV_BYTES, value, &size);
    gnutls_aead_cipher_deinit(cipher);
    if (r < 0) {
        secret_clear(value);
        return not_ours(e);
    }
    *ret = value;
    return 0;
}
