#include "iso/installer/fetch.h"

#include <curl/curl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <ctype.h>
#include "base/clock.h"
#include "base/text.h"

/* A switch that looks for loops passes nothing for 30 to 50 seconds, and DHCP then asks again at its own
 * pace. */
#define WAIT_MS   180000
#define PAUSE_MS  5000
#define TIMEOUT_S 30L

struct body {
    struct buf text;
    bool too_large;
};

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct body *b = arg;
    b->too_large = b->text.len + size * n > FETCH_MAX;
    if (b->too_large)
        return 0;
    buf_add(&b->text, data, size * n);
    return size * n;
}

int fingerprint_matches(const char *pem, const char *fingerprint, struct err *e)
{
    gnutls_datum_t text = {.data = (unsigned char *)(uintptr_t)pem, .size = (unsigned)strlen(pem)}, der = {0};
    uint8_t digest[32];
    char found[65], wanted[65];
    size_t n = 0;
    if (gnutls_pem_base64_decode2("CERTIFICATE", &text, &der) < 0)
        return err_set(e, ERR_INTERNAL, "the server's certificate cannot be read");
    gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, digest);
    gnutls_free(der.data);
    hex_encode(digest, sizeof(digest), found);
    for (const char *p = fingerprint; *p && n < 64; p++)
        if (*p != ':')
            wanted[n++] = (char)tolower((unsigned char)*p);
    wanted[n] = '\0';
    if (streq(found, wanted))
        return 0;
    err_set(e, ERR_FORBIDDEN, "the server shows another certificate, with the SHA-256 fingerprint %s", found);
    return err_hint(e, "if that is the right server, name this fingerprint; if not, somebody stands between");
}

struct pin {
    CURL *curl;
    const char *fingerprint;
    bool believed;
    struct err why; /* not */
};

/* The server's own certificate, from what curl kept of the handshake. */
static int check_certificate(CURL *curl, const char *fingerprint, struct err *e)
{
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) == CURLE_OK && info && info->num_of_certs > 0)
        for (struct curl_slist *field = info->certinfo[0]; field; field = field->next)
            if (text_starts(field->data, "Cert:"))
                return fingerprint_matches(field->data + strlen("Cert:"), fingerprint, e);
    return err_set(e, ERR_INTERNAL, "the server's certificate is not known");
}

/* After the handshake and before the request: the URL may hold a password. */
static int before_request(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    (void)remote, (void)local, (void)remote_port, (void)local_port;
    struct pin *pin = arg;
    pin->believed = check_certificate(pin->curl, pin->fingerprint, &pin->why) == 0;
    return pin->believed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static void set_options(CURL *curl, const char *url, struct pin *pin, struct body *body, char *reason)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (pin->fingerprint) { /* who signed it says nothing then */
        curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, before_request);
        curl_easy_setopt(curl, CURLOPT_PREREQDATA, pin);
        curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L); /* a second attempt has a handshake of its own */
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static bool may_pass(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
           code == CURLE_OPERATION_TIMEDOUT;
}

static int failure(CURLcode code, const char *url, const char *reason, bool too_large, struct err *e)
{
    if (too_large)
        return err_set(e, ERR_TOO_LARGE, "%s is larger than 1 MiB", url);
    err_set(e, ERR_UNAVAILABLE, "%s: %s", url, *reason ? reason : curl_easy_strerror(code));
    if (code == CURLE_PEER_FAILED_VERIFICATION) { /* a machine without its battery knows no date */
        char now[TIME_LEN + 1];
        time_format(clock_unix_ms(&clock_system), now);
        return err_hint(e,
            "this machine's clock says %.10s: if that is wrong, set it in the firmware; else name the "
            "fingerprint of the server's certificate (lodge.answer-fingerprint=, cert-fingerprint)",
            now);
    }
    return err_hint(
        e, may_pass(code) ? "check cable, DHCP and the server's name" : "check the address and the server");
}

/* Until it was fetched, or refused, or time is up. What it waits for is said when it changes. */
static CURLcode attempts(CURL *curl, const struct patience *p, struct body *body)
{
    uint64_t until = clock_monotonic_ms(p->clock) + WAIT_MS;
    CURLcode code, said = CURLE_OK;
    char text[256];
    for (;; said = code) {
        buf_free(&body->text);
        code = curl_easy_perform(curl);
        if (!may_pass(code) || clock_monotonic_ms(p->clock) >= until)
            return code;
        snprintf(text, sizeof(text), "Waiting for the network, up to %d minutes: %s", WAIT_MS / 60000,
            curl_easy_strerror(code));
        if (code != said)
            p->say(p->arg, text);
        p->pause(p->arg, PAUSE_MS);
    }
}

/* A redirection is not followed: the fingerprint is that of one server. */
static bool is_elsewhere(CURL *curl, const char **ret)
{
    return curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, ret) == CURLE_OK && *ret;
}

int fetch_text(const char *url, const char *fingerprint, const struct patience *p, char **ret, struct err *e)
{
    char reason[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    if (!curl)
        return err_set(e, ERR_INTERNAL, "libcurl does not start");
    struct body body = {0};
    struct pin pin = {.curl = curl, .fingerprint = fingerprint};
    set_options(curl, url, &pin, &body, reason);
    CURLcode code = attempts(curl, p, &body);
    const char *elsewhere = NULL;
    int r = 0;
    if (*pin.why.detail) {
        *e = pin.why;
        r = err_prefix(e, "%s", url);
    } else if (code == CURLE_OK && is_elsewhere(curl, &elsewhere)) {
        err_set(e, ERR_UNAVAILABLE, "%s: the server says that it is at another address now", url);
        r = err_hint(e, "name that address: %s", elsewhere);
    } else if (code != CURLE_OK || (fingerprint && !pin.believed)) {
        r = failure(code, url, reason, body.too_large, e);
    }
    curl_easy_cleanup(curl);
    if (r == 0)
        *ret = buf_take(&body.text);
    buf_free(&body.text);
    return r;
}
