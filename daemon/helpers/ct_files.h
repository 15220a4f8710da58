/* What lodge-ct leaves in a container's folder (LODGE_STATE/run/lxc/<uuid>) for the daemon, which may have
 * been started again in between. A pid counts only together with its start time. */
#pragma once

#include <sys/types.h>

#include "base/json.h"

#define CT_MONITOR_FILE "monitor.json" /* {"pid", "start"}: before the container starts */
#define CT_INIT_FILE    "init.json"    /* {"pid", "start"}: of the container's init */
#define CT_ENDED_FILE   "ended.json" /* {"code", "signal"} of init when it ended for good; {"failed": why} */
#define CT_LOG_FILE     "lxc.log"

#define CT_CONSOLE_FD 3 /* where lodge-ct finds the socket that descriptors of consoles leave by */

struct ct_process {
    pid_t pid;
    unsigned long long start; /* clock ticks after boot, field 22 of /proc/<pid>/stat */
};

/* 0 when there is no such process (any more). */
unsigned long long ct_start_time(pid_t pid);
/* Replaces a file whole, but does not wait for the disk: after a crash of the host no container runs. */
int ct_file_write(int dirfd, const char *name, const char *text, struct err *e);
int ct_process_write(int dirfd, const char *name, struct ct_process process, struct err *e);
/* False when the file is missing or its process is gone. */
int ct_process_read(int dirfd, const char *name, struct ct_process *ret);
