#include "core/bootstrap.h"

#include <fcntl.h>

#include "auth/password.h"
#include "base/crypto.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/network.h"
#include "core/plan.h"

#define FIRST_HASH_FILE "first-password-hash"

static void put_doc(struct txn *t, enum kind kind, const char *uuid, const char *name,
    const char *description, const char *spec, const char *private, uint64_t now_ms)
{
    txn_put(t, &(struct put){.kind = kind,
                   .uuid = uuid,
                   .name = name,
                   .expected = REVISION_NONE,
                   .created_ms = now_ms,
                   .modified_ms = now_ms,
                   .description = description,
                   .spec = spec,
                   .private = private});
}

static void put_new(struct txn *t, enum kind kind, const char *name, const char *description,
    const char *spec, const char *private, uint64_t now_ms)
{
    char uuid[UUID_LEN + 1];
    uuid_new(uuid);
    put_doc(t, kind, uuid, name, description, spec, private, now_ms);
}

/* The node's identity is its own file: the registry is shared by a cluster later, this is not. */
static int node_identity(struct core *core, struct err *e)
{
    _cleanup_close_ int dir = -1;
    _cleanup_free_ char *text = NULL;
    if (fs_open_dir(core->state_dir, 0755, &dir, e) < 0)
        return -1;
    if (fs_read(dir, "node-id", 64, &text, NULL, NULL) == 0) {
        text[strcspn(text, "\n")] = '\0';
        if (!uuid_valid(text)) {
            err_set(e, ERR_DAMAGED, "the file node-id in %s holds no UUID", core->state_dir);
            return err_hint(e, "restore it from a backup; the uuid is that of this node in the registry");
        }
        memcpy(core->node_uuid, text, sizeof(core->node_uuid));
        return 0;
    }
    uuid_new(core->node_uuid);
    return fs_write_atomic(dir, "node-id", core->node_uuid, UUID_LEN, 0644, e);
}

/* The installer knows the first password only as its hash. Without that file *ret_hash stays NULL. */
static int given_hash(struct core *core, char **ret_hash, struct err *e)
{
    _cleanup_free_ char *path = mem_printf("%s/" FIRST_HASH_FILE, core->state_dir), *text = NULL;
    if (access(path, F_OK) < 0)
        return 0;
    if (fs_read(AT_FDCWD, path, 512, &text, NULL, e) < 0)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    if (!password_hash_valid(text)) {
        err_set(e, ERR_INVALID, "%s holds no yescrypt hash", path);
        return err_hint(e, "mkpasswd makes one; without the file a password is made up");
    }
    *ret_hash = TAKE_PTR(text);
    return 0;
}

/* LODGE_ADMIN_PASSWORD counts at the first start only; without it a password is made up, and stands in
 * run/first-password until somebody has read it. */
static int first_hash(struct core *core, char **ret_hash, struct err *e)
{
    const char *given = getenv("LODGE_ADMIN_PASSWORD");
    _cleanup_free_ char *made = given && *given ? NULL : random_token(12);
    const char *password = made ? made : given;
    if (password_check(password, "admin", e) < 0)
        return err_prefix(e, "LODGE_ADMIN_PASSWORD");
    if (password_hash(password, ret_hash, e) < 0)
        return -1;
    if (made) {
        _cleanup_close_ int run = -1;
        _cleanup_free_ char *path = mem_printf("%s/run", core->state_dir);
        if (fs_open_dir(path, 0755, &run, e) < 0 ||
            fs_write_atomic(run, "first-password", made, strlen(made), 0600, e) < 0)
            return err_prefix(e, "the first password");
    }
    return 0;
}

static int put_admin(struct core *core, struct txn *t, uint64_t now_ms, struct err *e)
{
    _cleanup_free_ char *hash = NULL;
    if (given_hash(core, &hash, e) < 0 || (!hash && first_hash(core, &hash, e) < 0))
        return -1;
    _cleanup_json_ json_t *private = json_pack("{s:s}", USER_PASSWORD_KEY, hash);
    _cleanup_free_ char *text = json_text(private);
    put_new(t, KIND_USER, "admin", NULL, "{\"full_name\":\"Administrator\"}", text, now_ms);
    put_new(t, KIND_BINDING, "admin", "The first administrator",
        "{\"subject\":\"user:admin\",\"role\":\"admin\"}", NULL, now_ms);
    return 0;
}

static int put_default_network(
    struct core *core, struct txn *t, struct snapshot *s, uint64_t now_ms, struct err *e)
{
    _cleanup_arena_ struct arena a = {0};
    struct violations *v = mem_new(struct violations, 1);
    struct network_spec spec = {.kind = NETWORK_NAT, .mtu = 1500};
    struct intent c = {
        .snapshot = s, .kind = KIND_NETWORK, .name = "default", .spec = &spec, .now_ms = now_ms};
    struct network_record record;
    uuid_new(c.uuid);
    int r = network_record_make(core, &c, &record, &a, v, e);
    free(v);
    if (r < 0)
        return -1;
    _cleanup_free_ char *private = record_text(OBJECT_network_record, &record);
    put_doc(t, KIND_NETWORK, c.uuid, "default", "Guests reach out under the host's address",
        "{\"kind\":\"nat\"}", private, now_ms);
    return 0;
}

/* A starter image becomes an ordinary image whose source is the file that `make run` or the installer
 * has put into the state folder; its import is an ordinary task. */
static void put_starter_image(struct core *core, struct txn *t, struct snapshot *s, const char *name,
    const char *file, const char *format, uint64_t now_ms)
{
    const char *dir = getenv("LODGE_STARTER_IMAGES");
    _cleanup_free_ char *path = mem_printf("%s/%s", dir ? dir : "/usr/share/lodge/images", file);
    if (snapshot_by_name(s, KIND_IMAGE, name) || access(path, R_OK) < 0)
        return;
    struct plan plan;
    struct intent c = {.snapshot = s,
        .kind = KIND_IMAGE,
        .name = name,
        .description = "Small system to try things out with",
        .now_ms = now_ms};
    struct image_source source = {.file = path};
    struct image_spec spec = {.source = &source};
    struct violations *v = mem_new(struct violations, 1);
    struct err e;
    uuid_new(c.uuid);
    c.spec = &spec;
    c.spec_json = json_pack("{s:s, s:{s:s}}", "format", format, "source", "file", path);
    plan_init(&plan);
    txn_free(plan.txn);
    plan.txn = t;
    image_kind.put(core, &c, &plan, v, &e);
    plan.txn = NULL;
    plan_clear(&plan);
    json_decref(c.spec_json);
    free(v);
}

static void forget_given_hash(struct core *core)
{
    _cleanup_free_ char *path = mem_printf("%s/" FIRST_HASH_FILE, core->state_dir);
    unlink(path);
}

int bootstrap(struct core *core, struct err *e)
{
    _cleanup_snapshot_ struct snapshot *s = registry_snapshot(core->registry);
    uint64_t now = clock_unix_ms(core->clock);
    if (node_identity(core, e) < 0)
        return -1;
    struct txn *t = txn_new();
    if (!snapshot_by_uuid(s, KIND_NODE, core->node_uuid))
        put_doc(t, KIND_NODE, core->node_uuid, core->node_name, NULL, "{}", "{}", now);
    if (!snapshot_count(s, KIND_SETTING))
        put_new(t, KIND_SETTING, "general", NULL, "{}", NULL, now);
    bool first = !snapshot_count(s, KIND_USER);
    if (first && (put_admin(core, t, now, e) < 0 || put_default_network(core, t, s, now, e) < 0)) {
        txn_free(t);
        return -1;
    }
    if (first)
        put_new(t, KIND_POOL, "local", "On the host's own disk", "{\"kind\":\"dir\"}", "{}", now);
    put_starter_image(core, t, s, "tiny-vm", "tiny-vm.qcow2", "qcow2", now);
    put_starter_image(core, t, s, "tiny-container", "tiny-container.tar.zst", "tar", now);
    int r = 0;
    if (txn_is_empty(t))
        txn_free(t);
    else
        r = registry_commit(core->registry, t, NULL, e);
    if (r == 0)
        forget_given_hash(core);
    return r;
}
