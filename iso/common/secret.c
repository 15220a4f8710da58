#include "iso/common/secret.h"

#include <crypt.h>
#include <errno.h>

static void crypt_data_free(struct crypt_data *data)
{
    explicit_bzero(data, sizeof(*data)); /* it holds the password */
    free(data);
}
DEFINE_CLEANUP(struct crypt_data *, crypt_data_free)

int secret_hash(const char *password, char **ret, struct err *e)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    _cleanup_(crypt_data_free) struct crypt_data *data = mem_new(struct crypt_data, 1);
    const char *made = crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt))
                           ? crypt_rn(password, salt, data, sizeof(*data))
                           : NULL;
    if (!made)
        return err_errno(e, errno, "cannot hash a password");
    *ret = mem_strdup(made);
    return 0;
}

bool secret_hash_is_whole(const char *hash)
{
    _cleanup_(crypt_data_free) struct crypt_data *data = mem_new(struct crypt_data, 1);
    const char *made = crypt_rn("", hash, data, sizeof(*data));
    return made && strlen(made) == strlen(hash);
}

bool secret_matches(const char *password, const char *hash)
{
    if (!hash || *hash != '$')
        return false;
    _cleanup_(crypt_data_free) struct crypt_data *data = mem_new(struct crypt_data, 1);
    const char *made = crypt_rn(password, hash, data, sizeof(*data));
    size_t n = strlen(hash);
    unsigned char difference = !made || strlen(made) != n;
    for (size_t i = 0; !difference && i < n; i++)
        difference |= (unsigned char)(made[i] ^ hash[i]);
    return !difference;
}

void secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
