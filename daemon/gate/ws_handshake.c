#include "gate/ws_handshake.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <strings.h>

#include "base/mem.h"

#define GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LEN 24 /* base64 of 16 bytes */

bool ws_list_has(const char *list, const char *token)
{
    size_t len = strlen(token);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, ","), bare = n;
        while (bare && (list[bare - 1] == ' ' || list[bare - 1] == '\t'))
            bare--;
        if (bare == len && strncasecmp(list, token, len) == 0)
            return true;
        list += n;
    }
    return false;
}

static bool is_key(const char *key)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key && strlen(key) == KEY_LEN && strspn(key, alphabet) == KEY_LEN - 2 &&
           streq(key + KEY_LEN - 2, "==");
}

static bool is_own_origin(const char *origin, const char *host)
{
    static const char scheme[] = "https://";
    size_t n = strlen(scheme);
    return host && *host && strncasecmp(origin, scheme, n) == 0 && strcasecmp(origin + n, host) == 0;
}

int ws_check(const struct ws_request *r, struct err *e)
{
    if (!ws_list_has(r->upgrade, "websocket") || !ws_list_has(r->connection, "upgrade")) {
        err_set(e, ERR_UPGRADE, "a console is a WebSocket, and this request does not ask for one");
        return err_hint(e, "open it with a WebSocket client: wss, the same path");
    }
    if (!r->version || !streq(r->version, "13")) {
        err_set(e, ERR_UPGRADE, "only version 13 of the WebSocket protocol is spoken here");
        return err_hint(e, "send Sec-WebSocket-Version: 13");
    }
    if (!is_key(r->key))
        return err_set(e, ERR_MALFORMED, "Sec-WebSocket-Key is not 16 bytes in base64");
    if (r->origin ? is_own_origin(r->origin, r->host) : r->bearer)
        return 0;
    err_set(e, ERR_FORBIDDEN,
        r->origin ? "the page at %.200s may not open consoles of this host"
                  : "a console without an Origin needs an API token%s",
        r->origin ? r->origin : "");
    return err_hint(e, "open it from this host's own console, or with an API token");
}

void ws_accept(const char *key, char out[static WS_ACCEPT_LEN + 1])
{
    char text[KEY_LEN + sizeof(GUID)];
    unsigned char digest[20];
    size_t size = WS_ACCEPT_LEN + 1;
    int n = snprintf(text, sizeof(text), "%.*s" GUID, KEY_LEN, key);
    gnutls_hash_fast(GNUTLS_DIG_SHA1, text, (size_t)n, digest);
    gnutls_datum_t in = {digest, sizeof(digest)}, encoded = {0};
    out[0] = '\0';
    if (gnutls_base64_encode2(&in, &encoded) < 0)
        return;
    if (encoded.size < size)
        memcpy(out, encoded.data, encoded.size);
    out[MIN_OF((size_t)encoded.size, size - 1)] = '\0';
    gnutls_free(encoded.data);
}
