#include "network/nft.h"

#include <nftables/libnftables.h>
#include <pthread.h>

#include "base/text.h"
#include "network/nft_rules.h"

struct nft {
    struct nft_ctx *context;
    char *table;
    pthread_mutex_t lock; /* guards the context */
};

/* The kernel's names for tables are shorter than 256 bytes and libnftables reads them as identifiers. */
char *nft_table_name(const char *instance)
{
    char *name = mem_printf("lodge_%s", instance);
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *c))
            *c = '_';
    return name;
}

int nft_open(const char *instance, struct nft **ret, struct err *e)
{
    struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!context)
        return err_set(e, ERR_INTERNAL, "cannot open libnftables");
    nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE);
    nft_ctx_buffer_output(context);
    nft_ctx_buffer_error(context);
    struct nft *nft = mem_new(struct nft, 1);
    nft->context = context;
    nft->table = nft_table_name(instance);
    pthread_mutex_init(&nft->lock, NULL);
    *ret = nft;
    return 0;
}

void nft_close(struct nft *nft)
{
    if (!nft)
        return;
    nft_ctx_free(nft->context);
    pthread_mutex_destroy(&nft->lock);
    free(nft->table);
    free(nft);
}

/* All that is in our table; *ret is NULL while there is none. */
static int list_table(struct nft *nft, json_t **ret, struct err *e)
{
    _cleanup_free_ char *command = mem_printf("list table inet %s", nft->table);
    *ret = NULL;
    if (nft_run_cmd_from_buffer(nft->context, command) != 0) {
        const char *why = nft_ctx_get_error_buffer(nft->context);
        if (strstr(why, "No such file"))
            return 0;
        return err_set(e, ERR_INTERNAL, "cannot list the packet rules: %.300s", why);
    }
    const char *text = nft_ctx_get_output_buffer(nft->context);
    json_t *all;
    if (json_parse(text, strlen(text), "list of packet rules", &all, e) < 0)
        return -1;
    *ret = json_incref(json_get_arr(all, "nftables"));
    json_decref(all);
    return 0;
}

static int run(struct nft *nft, json_t *commands, struct err *e)
{
    _cleanup_json_ json_t *all = json_pack("{s:O}", "nftables", commands);
    _cleanup_free_ char *text = json_text(all);
    if (nft_run_cmd_from_buffer(nft->context, text) == 0)
        return 0;
    return err_set(
        e, ERR_INTERNAL, "cannot change the packet rules: %.300s", nft_ctx_get_error_buffer(nft->context));
}

static void append_command(json_t *commands, const char *verb, json_t *object)
{
    json_array_append_new(commands, json_pack("{s:o}", verb, object));
}

/* Deletes of all rules of this network in `existing`; returns how many rules of others there are. */
static size_t append_deletes(json_t *commands, const json_t *existing, const char *table, const char *uuid)
{
    size_t i, others = 0;
    json_t *entry;
    json_array_foreach (existing, i, entry) {
        json_t *rule = json_get_obj(entry, "rule");
        if (!rule)
            continue;
        if (!nft_rules_is_of(json_get_str(rule, "comment", NULL), uuid)) {
            others++;
            continue;
        }
        append_command(commands, "delete",
            json_pack("{s:{s:s, s:s, s:s, s:I}}", "rule", "family", "inet", "table", table, "chain",
                json_get_str(rule, "chain", ""), "handle", (json_int_t)json_get_int(rule, "handle", 0)));
    }
    return others;
}

/* The fingerprint covers all that makes the rules, so counting those that carry it is comparing them. */
static bool rules_are_there(const json_t *existing, const json_t *wanted, const char *uuid)
{
    const json_t *first = json_array_get(wanted, 0);
    const char *comment = first ? json_get_str(json_get_obj(first, "rule"), "comment", "") : "";
    size_t i, same = 0, all = 0;
    json_t *entry;
    json_array_foreach (existing, i, entry) {
        const char *has = json_get_str(json_get_obj(entry, "rule"), "comment", "");
        all += nft_rules_is_of(has, uuid);
        same += nft_rules_is_of(has, uuid) && streq(has, comment);
    }
    return same == json_array_size(wanted) && all == same;
}

static int ensure_locked(struct nft *nft, const struct nft_network *network, struct err *e)
{
    _cleanup_json_ json_t *existing = NULL;
    if (list_table(nft, &existing, e) < 0)
        return -1;
    _cleanup_json_ json_t *wanted = nft_rules_network(nft->table, network);
    if (rules_are_there(existing, wanted, network->uuid))
        return 0;
    _cleanup_json_ json_t *commands = json_array();
    append_command(
        commands, "add", json_pack("{s:{s:s, s:s}}", "table", "family", "inet", "name", nft->table));
    _cleanup_json_ json_t *chains = nft_rules_chains(nft->table);
    size_t i;
    json_t *object;
    json_array_foreach (chains, i, object)
        append_command(commands, "add", json_incref(object));
    append_deletes(commands, existing, nft->table, network->uuid);
    json_array_foreach (wanted, i, object)
        append_command(commands, "add", json_incref(object));
    return run(nft, commands, e);
}

int nft_ensure(struct nft *nft, const struct nft_network *network, struct err *e)
{
    pthread_mutex_lock(&nft->lock);
    int r = ensure_locked(nft, network, e);
    pthread_mutex_unlock(&nft->lock);
    return r;
}

static int remove_locked(struct nft *nft, const char *uuid, struct err *e)
{
    _cleanup_json_ json_t *existing = NULL;
    if (list_table(nft, &existing, e) < 0)
        return -1;
    if (!existing)
        return 0;
    _cleanup_json_ json_t *commands = json_array();
    size_t others = append_deletes(commands, existing, nft->table, uuid);
    if (others == 0) {
        json_array_clear(commands);
        append_command(
            commands, "delete", json_pack("{s:{s:s, s:s}}", "table", "family", "inet", "name", nft->table));
    }
    return json_array_size(commands) ? run(nft, commands, e) : 0;
}

int nft_remove(struct nft *nft, const char *uuid, struct err *e)
{
    pthread_mutex_lock(&nft->lock);
    int r = remove_locked(nft, uuid, e);
    pthread_mutex_unlock(&nft->lock);
    return r;
}
