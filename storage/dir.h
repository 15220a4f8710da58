/* Inside of the dir driver: what its files share. */
#pragma once

#include "storage/storage_ops.h"

struct dir_pool {
    char *name;
    char *path;   /* of the pool; absolute */
    char *mounts; /* LODGE_STATE/run/rootfs */
    char *helper_dir;
    unsigned id_base, id_count;
    int volumes; /* the directory that holds the files */
};

/* What a file holds stands in its name: "<uuid>.qcow2", "<uuid>.raw", "<uuid>.root". */
enum dir_file { DIR_QCOW2, DIR_RAW, DIR_ROOT, DIR_FILE_KINDS };

#define DIR_NAME_MAX  64
#define DIR_TEMPORARY ".new-" /* in front of the name while a volume is made */

void dir_file_name(enum dir_file kind, const char *uuid, char out[static DIR_NAME_MAX]);
/* "<uuid>.raw" → the uuid and its kind; false for what is none of ours. */
bool dir_file_parse(const char *name, enum dir_file *ret_kind, char ret_uuid[static UUID_LEN + 1]);
/* Opens the volume's file whatever kind it has; ERR_NOT_FOUND. */
int dir_file_open(
    struct dir_pool *pool, const char *uuid, int flags, enum dir_file *ret_kind, int *ret_fd, struct err *e);
/* Virtual size and what it takes. */
int dir_file_sizes(int fd, enum dir_file kind, uint64_t *ret_size, uint64_t *ret_allocated, struct err *e);
/* Where a root file system is mounted; owned. */
char *dir_mount_path(const struct dir_pool *pool, const char *uuid);

/* dir_create.c */
int dir_volume_create(void *pool, const struct volume_request *request, struct err *e);
