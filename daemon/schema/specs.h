/* Typed values of the API: what users set (specs), what they send (inputs), and what the server keeps
 * with a document (records). The members stand in schema/fields.def with their types, bounds, defaults and
 * help, where the decoder, the OpenAPI document and the command line take them from. Everything lives in the
 * arena of the decoded document. A pointer is NULL, a string NULL and a list empty when the user left it out
 * and there is no default. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct string_pair {
    const char *key;
    const char *value;
};

enum guest_run { RUN_LAST, RUN_ALWAYS, RUN_MANUAL };

struct guest_cpu {
    int64_t cores;
};

struct guest_disk_spec {
    const char *name;
    const char *pool;
    uint64_t size; /* bytes; 0: the image's size */
    const char *image;
    const char *volume; /* an existing volume by name instead of a new one */
    bool read_only;
};

struct guest_nic_spec {
    const char *name;
    const char *network;
    const char *mac;
    const char **addresses; /* IPv4 and IPv6 that it uses besides its lease */
    size_t n_addresses;
    bool spoofing; /* may send under any address */
};

struct guest_boot {
    int64_t order;
    const char **init; /* container: what to run as its first process */
    size_t n_init;
};

struct guest_spec {
    int type; /* enum guest_type */
    int run;  /* enum guest_run */
    struct guest_cpu *cpu;
    uint64_t memory; /* bytes */
    struct guest_disk_spec *disks;
    size_t n_disks;
    struct guest_nic_spec *nics;
    size_t n_nics;
    struct guest_boot *boot;
    bool protection;
};

enum { POOL_DIR };

struct pool_spec {
    int kind;
    const char *path;
    int64_t trash_hours;
};

struct volume_spec {
    const char *pool;
    uint64_t size; /* bytes */
    int content;   /* enum volume_content */
    int format;    /* enum volume_format */
    const char *image;
};

enum { NETWORK_NAT, NETWORK_ISOLATED, NETWORK_BRIDGE };

struct network_dhcp {
    const char *from;
    const char *to;
};

struct network_spec {
    int kind;
    const char *bridge;
    const char *cidr;
    struct network_dhcp *dhcp;
    const char *domain;
    int64_t mtu;
};

enum image_kind { IMAGE_KIND_QCOW2, IMAGE_KIND_RAW, IMAGE_KIND_TAR };

struct image_source {
    const char *file;
    const char *url;
    const char *upload;
};

struct image_spec {
    int format; /* enum image_kind */
    struct image_source *source;
    const char *sha256;
};

struct user_spec {
    const char *full_name;
    const char **groups;
    size_t n_groups;
    bool disabled;
    const char *password; /* never stored in the spec */
};

struct role_spec {
    const char **permissions;
    size_t n_permissions;
};

struct binding_spec {
    const char *subject;
    const char *role;
    const char *path;
    struct string_pair *selector;
    size_t n_selector;
};

struct token_spec {
    const char *user;
    const char *expires;
    const char *role;
    const char **permissions;
    size_t n_permissions;
};

struct node_spec {
    bool maintenance;
};

struct setting_spec {
    uint64_t memory_reserve;   /* bytes that guests never get */
    int64_t memory_overcommit; /* percent of the memory beyond the reserve */
};

/* ---- inputs that are no documents ---- */

struct metadata_input {
    const char *name;
    struct string_pair *labels;
    size_t n_labels;
    const char *description;
    const char *uuid;
    int64_t revision;
    const char *created;
    const char *modified;
};

struct login_input {
    const char *user;
    const char *password;
    const char *otp;
};

struct upload_input {
    uint64_t size;
};

struct password_input {
    const char *old;
    const char *password;
};

struct console_input {
    int kind; /* enum console_kind */
    int64_t columns, rows;
    bool read_only;
    const char **command;
    size_t n_command;
};

struct power_input {
    int64_t timeout_s;
    bool force;
};

/* ---- records: what the server keeps with a document and nobody sets (its private part) ---- */

enum phase { PHASE_READY, PHASE_CREATING, PHASE_DELETING, PHASE_TRASHED, PHASE_FAILED };
enum power { POWER_STOPPED, POWER_RUNNING };
enum power_cause { POWER_USER, POWER_GUEST, POWER_POLICY, POWER_HOST, POWER_HA };

struct disk_record {
    const char *name;
    const char *volume; /* uuid */
    int64_t slot;       /* stays with the disk, so that nothing in the guest moves */
};

struct nic_record {
    const char *name;
    const char *mac;
    int64_t slot;
};

/* The hardware record of a guest, its owner and the power state that is wanted. */
struct guest_record {
    int phase;        /* enum phase */
    const char *node; /* uuid of the owner */
    int64_t epoch;    /* grows with every change of owner */
    int wanted;       /* enum power */
    int cause;        /* enum power_cause */
    const char *machine;
    int64_t id_base; /* container: uid 0 inside is this outside; 0: the range of before each had its own */
    struct disk_record *disks;
    size_t n_disks;
    struct nic_record *nics;
    size_t n_nics;
    /* What the running guest was started with, while the spec is another (guest_pending.c). */
    struct guest_spec *launched;
};

struct volume_record {
    int phase;
    const char *pool;   /* uuid */
    const char *guest;  /* uuid of the owner; NULL: nobody's */
    int64_t trashed_ms; /* unix time; 0: not in the trash */
};

struct network_record {
    const char *bridge;
    const char *address; /* of the host with its prefix: "10.77.0.1/24" */
    const char *dhcp_from;
    const char *dhcp_to;
};

struct image_record {
    int phase;
    int64_t size;         /* bytes of the file */
    int64_t virtual_size; /* bytes of a disk made from it; of the unpacked files for tar */
    const char *sha256;
    const char *login; /* user and password of its URL, encrypted; NULL once it is there */
};

struct node_record {
    const char *boot_id; /* of the last start, to tell a host boot from a restart of the daemon */
};

enum task_state { TASK_QUEUED, TASK_RUNNING, TASK_UNDOING, TASK_SUCCEEDED, TASK_FAILED, TASK_CANCELLED };

struct step_record {
    const char *step;   /* a row of the step table */
    const char *object; /* uuid of what it works on */
    const char *arg;
    const char *text; /* for people: "create volume web1-root in pool local" */
};

struct task_error {
    const char *code;
    const char *detail;
    const char *hint;
};

/* The journal of a task: all its steps, written with the change that starts it. Every step can be
 * done and undone again, so that a crash at any point leaves only what this record can continue. */
struct task_record {
    int state; /* enum task_state */
    int64_t started_ms;
    int64_t ended_ms;
    struct task_error *error;
    struct step_record *steps;
    size_t n_steps;
};

struct task_object {
    const char *kind;
    const char *name;
    const char *uuid;
};

struct task_spec {
    const char *action; /* "guest.start" */
    struct task_object *object;
    const char *user;
};
