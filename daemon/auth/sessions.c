/* Sessions in a map by the hash of their cookie, kept in the registry's local values under the same
 * hash: who reads the database cannot take over a session. */
#include "auth/sessions.h"

#include "auth/password.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/map.h"

#define TABLE         "sessions"
#define SECRET_LEN    43               /* 32 bytes in base64url */
#define PERSIST_MS    (5 * 60 * 1000)  /* how stale the stored time of last use may be */
#define SWEEP_MS      (10 * 60 * 1000) /* between looking for those that are over */
#define PASSWORD_MARK (SHA256_HEX_LEN / 4)

struct entry {
    struct session session; /* first: given out */
    char hash[SHA256_HEX_LEN + 1];
    /* Of the password hash it was made under: one that was changed while this node was down ends it. */
    char mark[PASSWORD_MARK + 1];
    uint64_t stored_ms;
};

struct sessions {
    struct registry *registry;
    const struct clock *clock;
    struct registry_watch *watch;
    struct map by_hash;
    uint64_t swept_ms;
};

/* ---- storing ---- */

static void password_mark(const struct doc *user, char out[static PASSWORD_MARK + 1])
{
    char hash[SHA256_HEX_LEN + 1];
    _cleanup_json_ json_t *private = NULL;
    const char *password = "";
    if (json_parse(user->private, strlen(user->private), "user", &private, NULL) == 0)
        password = json_get_str(private, USER_PASSWORD_KEY, "");
    sha256_hex(password, strlen(password), hash);
    memcpy(out, hash, PASSWORD_MARK);
    out[PASSWORD_MARK] = '\0';
}

static void store(struct sessions *s, struct entry *entry)
{
    const struct session *session = &entry->session;
    _cleanup_buf_ struct buf text = {0};
    buf_printf(&text,
        "{\"user\":\"%s\",\"csrf\":\"%s\",\"mark\":\"%s\",\"created\":%llu,\"used\":%llu,\"address\":",
        session->user, session->csrf, entry->mark, (unsigned long long)session->created_ms,
        (unsigned long long)session->last_use_ms);
    buf_json(&text, session->address);
    buf_str(&text, "}");
    registry_local_put(s->registry, TABLE, entry->hash, text.data);
    entry->stored_ms = session->last_use_ms;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

struct loading {
    struct sessions *sessions;
    struct snapshot *snapshot;
};

static void load_one(void *arg, const char *hash, const char *value)
{
    struct loading *l = arg;
    _cleanup_json_ json_t *json = NULL;
    char mark[PASSWORD_MARK + 1];
    if (strlen(hash) != SHA256_HEX_LEN || json_parse(value, strlen(value), "session", &json, NULL) < 0)
        return;
    const struct doc *user = snapshot_by_uuid(l->snapshot, KIND_USER, json_get_str(json, "user", ""));
    if (user)
        password_mark(user, mark);
    if (!user || !streq(mark, json_get_str(json, "mark", ""))) {
        registry_local_put(l->sessions->registry, TABLE, hash, NULL);
        return;
    }
    struct entry *entry = mem_new(struct entry, 1);
    memcpy(entry->hash, hash, SHA256_HEX_LEN + 1);
    memcpy(entry->mark, mark, sizeof(mark));
    memcpy(entry->session.user, user->uuid, UUID_LEN + 1);
    copy_text(entry->session.csrf, sizeof(entry->session.csrf), json_get_str(json, "csrf", ""));
    copy_text(entry->session.address, sizeof(entry->session.address), json_get_str(json, "address", ""));
    entry->session.created_ms = (uint64_t)json_get_int(json, "created", 0);
    entry->session.last_use_ms = (uint64_t)json_get_int(json, "used", 0);
    entry->stored_ms = entry->session.last_use_ms;
    free(map_set(&l->sessions->by_hash, hash, entry));
}

/* ---- ending ---- */

static void end(struct sessions *s, struct entry *entry)
{
    registry_local_put(s->registry, TABLE, entry->hash, NULL);
    map_remove(&s->by_hash, entry->hash);
    free(entry);
}

static bool is_over(const struct session *session, uint64_t now)
{
    return now >= session_expires_ms(session);
}

static void sweep(struct sessions *s, uint64_t now)
{
    if (now < s->swept_ms + SWEEP_MS)
        return;
    s->swept_ms = now;
    MAP_FOREACH (&s->by_hash, e) {
        struct entry *entry = e->value;
        if (is_over(&entry->session, now))
            end(s, entry);
    }
}

/* Room for one more of this user. */
static void limit_user(struct sessions *s, const char *user_uuid)
{
    struct entry *oldest = NULL;
    size_t n = 0;
    MAP_FOREACH (&s->by_hash, e) {
        struct entry *entry = e->value;
        if (!streq(entry->session.user, user_uuid))
            continue;
        n++;
        if (!oldest || entry->session.last_use_ms < oldest->session.last_use_ms)
            oldest = entry;
    }
    if (n >= SESSION_PER_USER)
        end(s, oldest);
}

void sessions_delete_user(struct sessions *s, const char *user_uuid)
{
    char uuid[UUID_LEN + 1]; /* what we were given may be part of a session that ends here */
    copy_text(uuid, sizeof(uuid), user_uuid);
    MAP_FOREACH (&s->by_hash, e) {
        struct entry *entry = e->value;
        if (streq(entry->session.user, uuid))
            end(s, entry);
    }
}

static bool is_disabled(const struct doc *user)
{
    _cleanup_json_ json_t *spec = NULL;
    return json_parse(user->spec, user->spec_len, "user", &spec, NULL) < 0 ||
           json_get_bool(spec, "disabled", 0);
}

static bool password_changed(const struct doc *before, const struct doc *after)
{
    char old[PASSWORD_MARK + 1], new[PASSWORD_MARK + 1];
    if (streq(before->private, after->private))
        return false;
    password_mark(before, old);
    password_mark(after, new);
    return !streq(old, new);
}

static void on_commit(void *arg, const struct commit *commit)
{
    for (size_t i = 0; i < commit->n_changes; i++) {
        const struct change *c = &commit->changes[i];
        if (!c->before || c->before->kind != KIND_USER)
            continue;
        if (!c->after || is_disabled(c->after) || password_changed(c->before, c->after))
            sessions_delete_user(arg, c->before->uuid);
    }
}

/* ---- the calls ---- */

int sessions_open(struct registry *registry, const struct clock *clock, struct sessions **ret, struct err *e)
{
    _cleanup_(sessions_close) struct sessions *s = mem_new(struct sessions, 1);
    s->registry = registry;
    s->clock = clock;
    _cleanup_snapshot_ struct snapshot *snapshot = registry_snapshot(registry);
    struct loading loading = {.sessions = s, .snapshot = snapshot};
    if (registry_local_each(registry, TABLE, load_one, &loading, e) < 0)
        return -1;
    sweep(s, clock_unix_ms(clock));
    s->watch = registry_watch(registry, on_commit, s);
    *ret = TAKE_PTR(s);
    return 0;
}

void sessions_close(struct sessions *s)
{
    if (!s)
        return;
    registry_watch_free(s->watch);
    MAP_FOREACH (&s->by_hash, e)
        free(e->value);
    map_clear(&s->by_hash);
    free(s);
}

const struct session *sessions_create(
    struct sessions *s, const char *user_uuid, const char *address, char **ret_secret)
{
    uint64_t now = clock_unix_ms(s->clock);
    _cleanup_snapshot_ struct snapshot *snapshot = registry_snapshot(s->registry);
    const struct doc *user = snapshot_by_uuid(snapshot, KIND_USER, user_uuid);
    struct entry *entry = mem_new(struct entry, 1);
    copy_text(entry->session.user, sizeof(entry->session.user), user_uuid);
    sweep(s, now);
    limit_user(s, entry->session.user);
    char *secret = random_token(32);
    _cleanup_free_ char *csrf = random_token(32);
    sha256_hex(secret, strlen(secret), entry->hash);
    if (user)
        password_mark(user, entry->mark);
    copy_text(entry->session.csrf, sizeof(entry->session.csrf), csrf);
    copy_text(entry->session.address, sizeof(entry->session.address), address ? address : "");
    entry->session.created_ms = entry->session.last_use_ms = now;
    map_set(&s->by_hash, entry->hash, entry);
    store(s, entry);
    *ret_secret = secret;
    return &entry->session;
}

static struct entry *find(struct sessions *s, const char *secret)
{
    char hash[SHA256_HEX_LEN + 1];
    if (strnlen(secret, SECRET_LEN + 1) != SECRET_LEN)
        return NULL;
    sha256_hex(secret, SECRET_LEN, hash);
    return map_get(&s->by_hash, hash);
}

/* NULL when there is none, or no more. */
static struct entry *find_valid(struct sessions *s, const char *secret, uint64_t now)
{
    struct entry *entry = find(s, secret);
    if (entry && is_over(&entry->session, now)) {
        end(s, entry);
        return NULL;
    }
    return entry;
}

const struct session *sessions_peek(struct sessions *s, const char *secret)
{
    struct entry *entry = find_valid(s, secret, clock_unix_ms(s->clock));
    return entry ? &entry->session : NULL;
}

const struct session *sessions_find(struct sessions *s, const char *secret)
{
    uint64_t now = clock_unix_ms(s->clock);
    struct entry *entry = find_valid(s, secret, now);
    if (!entry)
        return NULL;
    entry->session.last_use_ms = MAX_OF(now, entry->session.last_use_ms);
    if (entry->session.last_use_ms >= entry->stored_ms + PERSIST_MS)
        store(s, entry);
    return &entry->session;
}

uint64_t session_expires_ms(const struct session *session)
{
    return MIN_OF(session->last_use_ms + SESSION_IDLE_MS, session->created_ms + SESSION_ABSOLUTE_MS);
}

bool session_csrf_ok(const struct session *session, const char *csrf)
{
    size_t len = strlen(session->csrf);
    return csrf && len && strlen(csrf) == len && secret_equal(csrf, session->csrf, len);
}

void sessions_delete(struct sessions *s, const char *secret)
{
    struct entry *entry = find(s, secret);
    if (entry)
        end(s, entry);
}

size_t sessions_count(const struct sessions *s)
{
    return s->by_hash.count;
}
