/* Passwords through crypt_rn: the parameters of the hash travel in its text, so that a later release
 * can raise them. */
#include "auth/password.h"

#include <crypt.h>
#include <errno.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/text.h"

/* Any salt with the parameters that password_hash uses: work for accounts that do not exist. */
#define NO_ACCOUNT "$y$j9T$F5Jx5fExrKuPp53xLKQ..1"

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80; /* all but continuation bytes */
    return n;
}

int password_check(const char *password, const char *user, struct err *e)
{
    size_t len = strlen(password);
    if (!text_is_utf8(password, len))
        return err_set(e, ERR_INVALID, "the password is not valid UTF-8");
    if (characters(password) < PASSWORD_MIN)
        return err_set(e, ERR_INVALID, "the password must have at least %d characters", PASSWORD_MIN);
    if (len > PASSWORD_MAX)
        return err_set(e, ERR_INVALID, "the password must have at most %d bytes", PASSWORD_MAX);
    for (const char *c = password; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return err_set(e, ERR_INVALID, "the password must not contain control characters");
    if (user && strcasecmp(password, user) == 0)
        return err_set(e, ERR_INVALID, "the password must not be the user name");
    return 0;
}

static void crypt_data_free(struct crypt_data *data)
{
    explicit_bzero(data, sizeof(*data)); /* it holds the password */
    free(data);
}
DEFINE_CLEANUP(struct crypt_data *, crypt_data_free)

int password_hash(const char *password, char **ret_hash, struct err *e)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    _cleanup_(crypt_data_free) struct crypt_data *data = mem_new(struct crypt_data, 1);
    if (!crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)))
        return err_errno(e, errno, "cannot make a salt for the password");
    const char *hash = crypt_rn(password, salt, data, sizeof(*data));
    if (!hash)
        return err_errno(e, errno, "cannot hash the password");
    *ret_hash = mem_strdup(hash);
    return 0;
}

bool password_verify(const char *password, const char *hash)
{
    _cleanup_(crypt_data_free) struct crypt_data *data = mem_new(struct crypt_data, 1);
    const char *made = crypt_rn(password, hash ? hash : NO_ACCOUNT, data, sizeof(*data));
    if (!made || !hash || strlen(made) != strlen(hash))
        return false;
    return secret_equal(made, hash, strlen(hash));
}

bool password_hash_valid(const char *hash)
{
    _cleanup_(crypt_data_free) struct crypt_data *data = mem_new(struct crypt_data, 1);
    const char *made = strncmp(hash, "$y$", 3) == 0 ? crypt_rn("", hash, data, sizeof(*data)) : NULL;
    return made && strlen(made) == strlen(hash);
}
