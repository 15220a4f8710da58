/* The host's own certificate: ECDSA P-256, signed by itself, made at the first start. */
#include "gate/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include <gnutls/x509.h>

#include "base/fs.h"

#define MADE_KEY      "key.pem.made" /* not yet beside its certificate */
#define VALID_SECONDS (10L * 365 * 24 * 3600)

static int export_pem(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, char **ret_cert, char **ret_key)
{
    gnutls_datum_t cert_text = {0}, key_text = {0};
    if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &cert_text) < 0 ||
        gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_text) < 0)
        return -1;
    *ret_cert = mem_strndup((const char *)cert_text.data, cert_text.size);
    *ret_key = mem_strndup((const char *)key_text.data, key_text.size);
    gnutls_free(cert_text.data);
    gnutls_free(key_text.data);
    return 0;
}

static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    char host[65] = "localhost";
    unsigned char serial[16], loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1}, id[64];
    size_t id_size = sizeof(id);
    time_t now = time(NULL);
    gethostname(host, sizeof(host) - 1);
    random_bytes(serial, sizeof(serial));
    serial[0] &= 0x7f; /* a positive number: RFC 5280 */
    int r = gnutls_x509_crt_set_version(crt, 3);
    r |= gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    /* Many a clock runs ahead by its time zone until the time servers have been asked. */
    r |= gnutls_x509_crt_set_activation_time(crt, now - 2 * 86400);
    r |= gnutls_x509_crt_set_expiration_time(crt, now + VALID_SECONDS);
    r |= gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, host, (unsigned)strlen(host));
    r |= gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, "Lodge", 5);
    r |= gnutls_x509_crt_set_key(crt, key);
    r |= gnutls_x509_crt_set_subject_alt_name(
        crt, GNUTLS_SAN_DNSNAME, host, (unsigned)strlen(host), GNUTLS_FSAN_APPEND);
    r |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_APPEND);
    r |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback4, 4, GNUTLS_FSAN_APPEND);
    r |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback6, 16, GNUTLS_FSAN_APPEND);
    r |= gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
    r |= gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    r |= gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    r |= gnutls_x509_crt_get_key_id(crt, 0, id, &id_size);
    r |= gnutls_x509_crt_set_subject_key_id(crt, id, id_size);
    r |= gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    return r;
}

static int make_pair(char **ret_cert, char **ret_key, struct err *e)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t key = NULL;
    int r = gnutls_x509_crt_init(&crt) | gnutls_x509_privkey_init(&key);
    if (r == 0)
        r = gnutls_x509_privkey_generate(
            key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (r == 0)
        r = fill(crt, key);
    if (r == 0)
        r = export_pem(crt, key, ret_cert, ret_key);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return r ? err_set(e, ERR_INTERNAL, "cannot make a certificate: %s", gnutls_strerror(r)) : 0;
}

int certificate_load(const char *state_dir, char **ret_cert, char **ret_key, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/tls", state_dir);
    _cleanup_close_ int dir = -1;
    if (fs_open_dir(path, 0700, &dir, e) < 0)
        return -1;
    bool have_cert = faccessat(dir, "cert.pem", F_OK, 0) == 0,
         have_key = faccessat(dir, "key.pem", F_OK, 0) == 0;
    if (have_cert && !have_key) /* the power went between the last two steps below */
        have_key = renameat(dir, MADE_KEY, dir, "key.pem") == 0;
    if (have_cert != have_key) {
        err_set(e, ERR_DAMAGED, "%s has a %s but no %s", path, have_cert ? "cert.pem" : "key.pem",
            have_cert ? "key.pem" : "cert.pem");
        return err_hint(e, "put the missing file there, or remove the other one: a new pair is made then");
    }
    if (have_cert)
        return fs_read(dir, "cert.pem", 1 << 20, ret_cert, NULL, e) < 0
                   ? -1
                   : fs_read(dir, "key.pem", 1 << 20, ret_key, NULL, e);
    if (make_pair(ret_cert, ret_key, e) < 0 ||
        fs_write_atomic(dir, MADE_KEY, *ret_key, strlen(*ret_key), 0600, e) < 0 ||
        fs_write_atomic(dir, "cert.pem", *ret_cert, strlen(*ret_cert), 0644, e) < 0)
        return -1;
    return renameat(dir, MADE_KEY, dir, "key.pem") < 0 ? err_errno(e, errno, "cannot write %s/key.pem", path)
                                                       : 0;
}
