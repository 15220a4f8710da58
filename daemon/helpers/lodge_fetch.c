/* lodge-fetch: downloads one file, as a user that owns nothing. It is started as root, since the folder that
 * it lies in may be closed to others, and gives that up before it does anything else.
 *
 *     lodge-fetch        {"url", "max_bytes"} on standard input, 4 = the file to write
 *
 * Answers as report.h says: {"bytes", "sha256"}. The URL comes on standard input since it may hold a secret.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/crypto.h"
#include "base/fs.h"
#include "base/text.h"
#include "helpers/ids.h"
#include "helpers/image_hash.h"
#include "helpers/report.h"

#define TARGET_FD         4
#define REQUEST_MAX       65536
#define REDIRECTS_MAX     5
#define CONNECT_TIMEOUT_S 20
#define SLOW_BYTES_PER_S  1024 /* slower than this for so long is a dead server */
#define SLOW_SECONDS      60
#define TOTAL_TIMEOUT_S   (24 * 3600)

struct download {
    uint64_t bytes, max_bytes;
    struct image_hash *hash;
    struct err e; /* what stopped it from our side */
};

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct download *d = arg;
    char text[TEXT_SIZE_MAX];
    (void)size; /* is 1 */
    if (n > d->max_bytes - d->bytes) {
        err_set(&d->e, ERR_TOO_LARGE, "the file is larger than %s", text_size_str(d->max_bytes, text));
        return 0;
    }
    if (fs_write_all(TARGET_FD, data, n, &d->e) < 0)
        return 0;
    image_hash_add(d->hash, data, n);
    d->bytes += n;
    return n;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)arg, (void)up_total, (void)up_now;
    if (total > 0 && now >= 0)
        report_percent((unsigned)MIN_OF(now * 100 / total, (curl_off_t)99));
    return 0;
}

/* Not for whoever may only add images: link-local addresses, where clouds keep their machines' credentials,
 * and this host's own, where services trust who reaches them. */
static bool is_refused_v4(uint32_t address)
{
    return address >> 16 == 0xa9fe || address >> 24 == 127 || address >> 24 == 0;
}

static bool is_refused(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_refused_v4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family != AF_INET6)
        return true;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    uint32_t last;
    memcpy(&last, v6->s6_addr + 12, sizeof(last));
    return IN6_IS_ADDR_LINKLOCAL(v6) || IN6_IS_ADDR_LOOPBACK(v6) || IN6_IS_ADDR_UNSPECIFIED(v6) ||
           ((IN6_IS_ADDR_V4MAPPED(v6) || IN6_IS_ADDR_V4COMPAT(v6)) && is_refused_v4(ntohl(last)));
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct download *d = arg;
    (void)purpose;
    if (is_refused(&address->addr)) {
        err_set(
            &d->e, ERR_FORBIDDEN, "the server's address is a link-local or a loopback one, which is refused");
        err_hint(&d->e, "give a file of the host as source.file, or serve it at another address");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void configure(CURL *curl, struct download *d, const char *url)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "lodge/" LODGE_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TOTAL_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)MIN_OF(d->max_bytes, (uint64_t)INT64_MAX));
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, d);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
}

static const struct {
    CURLcode curl;
    enum err_code code;
    const char *hint;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAILABLE, "check the name in the URL and this host's DNS"},
    {CURLE_COULDNT_CONNECT, ERR_UNAVAILABLE, "check that the server runs and can be reached from this host"},
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "the server is too slow or the way to it is broken; try again"},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_UNAVAILABLE,
        "the server's certificate is not one that this host trusts"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID, "use http:// or https://"},
    {CURLE_URL_MALFORMAT, ERR_INVALID, "use http:// or https:// with a host and a path"},
    {CURLE_TOO_MANY_REDIRECTS, ERR_INVALID, "give the URL that the redirects end at"},
    {CURLE_FILESIZE_EXCEEDED, ERR_TOO_LARGE, ""},
};

static int explain(CURLcode result, CURL *curl, struct err *e)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_HTTP_RETURNED_ERROR) {
        err_set(e, status == 404 || status == 410 ? ERR_INVALID : ERR_UNAVAILABLE, "the server answered %ld",
            status);
        return err_hint(e, "check the URL");
    }
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
        if (failures[i].curl == result) {
            err_set(e, failures[i].code, "%s", curl_easy_strerror(result));
            return failures[i].hint[0] ? err_hint(e, "%s", failures[i].hint) : -1;
        }
    return err_set(e, ERR_UNAVAILABLE, "%s", curl_easy_strerror(result));
}

static int fetch(struct download *d, const char *url, struct err *e)
{
    CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? curl_easy_init() : NULL;
    if (!curl)
        return err_set(e, ERR_INTERNAL, "cannot open libcurl");
    configure(curl, d, url);
    CURLcode result = curl_easy_perform(curl);
    int r = result == CURLE_OK ? 0 : explain(result, curl, e);
    if (d->e.detail[0]) {
        *e = d->e;
        r = -1;
    }
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return r;
}

static int read_request(json_t **ret, struct err *e)
{
    _cleanup_free_ char *text = mem_alloc(REQUEST_MAX);
    size_t n = fread(text, 1, REQUEST_MAX, stdin);
    return json_parse(text, n, "request", ret, e);
}

static int drop_privileges(struct err *e)
{
    if (getuid() == 0 &&
        (setgroups(0, NULL) < 0 || setresgid(HELPER_UID_FETCH, HELPER_UID_FETCH, HELPER_UID_FETCH) < 0 ||
            setresuid(HELPER_UID_FETCH, HELPER_UID_FETCH, HELPER_UID_FETCH) < 0))
        return err_errno(e, errno, "cannot give up privileges");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) < 0)
        return err_errno(e, errno, "cannot give up privileges");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* cleared by the change of user, so only now */
    return 0;
}

int main(void)
{
    struct err e = {0};
    _cleanup_json_ json_t *request = NULL;
    char sha256[SHA256_HEX_LEN + 1];
    if (drop_privileges(&e) < 0)
        return report_error(&e);
    if (read_request(&request, &e) < 0)
        return report_error(&e);
    struct download d = {
        .max_bytes = (uint64_t)json_get_int(request, "max_bytes", 0), .hash = image_hash_new()};
    int r = fetch(&d, json_get_str(request, "url", ""), &e);
    image_hash_end(d.hash, sha256);
    if (r < 0)
        return report_error(&e);
    return report_result(json_pack("{s:I, s:s}", "bytes", (json_int_t)d.bytes, "sha256", sha256));
}
