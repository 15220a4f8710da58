#include "iso/installer/prepare.h"

#include "base/clock.h"
#include "iso/common/secret.h"
#include "iso/installer/apply.h"
#include "iso/installer/fetch.h"

/* A hash that was given is taken as it is. */
static int hash_of(const char *password, const char *hash, char **ret, struct err *e)
{
    *ret = mem_strdup(hash);
    return hash || !password ? 0 : secret_hash(password, ret, e);
}

static int take_script(const struct prepare *in, char **ret, struct err *e)
{
    const struct answer *a = in->answer;
    const char *source = a->first_boot.source;
    char why[WHY_MAX];
    if (!source)
        return 0;
    if (streq(source, "from-answer")) {
        *ret = mem_strdup(a->first_boot.script);
    } else if (streq(source, "from-iso")) {
        if (!in->first_boot_file) {
            err_set(e, ERR_NOT_FOUND,
                "[first-boot] source is \"from-iso\", but there is no file first-boot beside the answer");
            return err_hint(e, "put the script there, named first-boot, or remove [first-boot]");
        }
        *ret = mem_strdup(in->first_boot_file);
    } else if (fetch_text(a->first_boot.url, a->first_boot.cert_fingerprint, &patience_console, ret, e) < 0) {
        return err_prefix(e, "cannot fetch the first-boot script");
    }
    if (!format_script.check(*ret, why)) {
        err_set(e, ERR_INVALID, "the first-boot script %s", why);
        return err_hint(e, "%s", format_script.write);
    }
    return 0;
}

/* A random one of version 4, as systemd makes them. */
static void make_machine_id(char out[static 33])
{
    char uuid[UUID_LEN + 1];
    uuid_new(uuid);
    for (const char *p = uuid; *p; p++)
        if (*p != '-')
            *out++ = *p;
    *out = '\0';
}

static void make_installation_id(char out[static INSTALLATION_ID_LEN + 1])
{
    uint8_t bytes[INSTALLATION_ID_LEN / 2];
    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), out);
}

int prepare_plan(const struct prepare *in, struct prepared *ret, struct err *e)
{
    const struct answer *a = in->answer;
    *ret = (struct prepared){0};
    if (medium_open(in->medium_dir, &ret->medium, e) < 0 ||
        hash_of(a->global.root_password, a->global.root_password_hash, &ret->root_hash, e) < 0 ||
        hash_of(a->users.admin_password, a->users.admin_password_hash, &ret->admin_hash, e) < 0 ||
        take_script(in, &ret->first_boot, e) < 0)
        return -1;
    make_machine_id(ret->machine_id);
    make_installation_id(ret->installation_id);
    random_bytes(ret->seed, sizeof(ret->seed));
    time_format(clock_unix_ms(&clock_system), ret->now);
    ret->input = (struct plan_input){.answer = a,
        .inventory = in->inventory,
        .target = in->target,
        .medium = &ret->medium,
        .root_hash = ret->root_hash,
        .admin_hash = ret->admin_hash,
        .first_boot = ret->first_boot,
        .machine_id = ret->machine_id,
        .installation_id = ret->installation_id,
        .random_seed = ret->seed,
        .now = ret->now,
        .image_version = LODGE_VERSION,
        .log_path = APPLY_LOG,
        .work_dir = WORK_DIR};
    return plan_make(&ret->input, &ret->plan, e);
}

void prepared_free(struct prepared *p)
{
    plan_free(&p->plan);
    free(p->root_hash);
    free(p->admin_hash);
    free(p->first_boot);
    explicit_bzero(p, sizeof(*p));
}
