/* What the gate may still do once it reads what strangers send: no root, no capability, no file, no
 * program, no connection; only the system calls that serving needs. */
#include "gate/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/ids.h"

/* Serving: sockets that exist already, memory (also as files that no folder has, for parts of uploads), time,
 * threads that wait for each other. */
static const char *const serve_calls[] = {
    "accept",
    "accept4",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "dup",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "exit",
    "exit_group",
    "fcntl",
    "fstat",
    "ftruncate",
    "futex",
    "getpid",
    "getpeername",
    "getrandom",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "lseek",
    "madvise",
    "memfd_create",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "nanosleep",
    "newfstatat",
    "poll",
    "ppoll",
    "pread64",
    "pwrite64",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_yield",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "setsockopt",
    "shutdown",
    "sigaltstack",
    "socketpair", /* of Unix sockets: MHD makes one for each WebSocket, TLS on its far side */
    "sysinfo",
    "tgkill",
    "time",
    "uname",
    "write",
    "writev",
};

static const char *const broker_calls[] = {
    "brk",
    "close",
    "connect",
    "exit",
    "exit_group",
    "futex",
    "getrandom",
    "mmap",
    "munmap",
    "read",
    "recvmsg",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sendmsg",
    "socket",
    "write",
};

static int drop_root(struct err *e)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(LODGE_GATE_UID, LODGE_GATE_UID, LODGE_GATE_UID) < 0 ||
        setresuid(LODGE_GATE_UID, LODGE_GATE_UID, LODGE_GATE_UID) < 0)
        return err_errno(e, errno, "cannot give up root");
    return 0;
}

/* No file at all, where the kernel has Landlock; seccomp refuses open in any case. */
static void forbid_files(void)
{
    struct landlock_ruleset_attr rules = {.handled_access_fs = (1ULL << 13) - 1}; /* all rights of ABI 1 */
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    if (fd < 0)
        return;
    syscall(SYS_landlock_restrict_self, fd, 0);
    close(fd);
}

static int filter_calls(const char *const *names, size_t n, bool all_threads, struct err *e)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = ctx ? 0 : -ENOMEM;
    if (r == 0 && all_threads)
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; r == 0 && i < n; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call == __NR_SCMP_ERROR)
            continue; /* this architecture has it under another name that is listed too */
        if (streq(names[i], "mmap") || streq(names[i], "mprotect"))
            r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        else if (streq(names[i], "socket") || streq(names[i], "socketpair"))
            r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
        else
            r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
    }
    if (r == 0)
        r = seccomp_load(ctx);
    seccomp_release(ctx);
    return r < 0 ? err_errno(e, -r, "cannot install the system call filter") : 0;
}

static int confine_to(const char *const *names, size_t n, bool all_threads, bool files, struct err *e)
{
    if (drop_root(e) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(e, errno, "cannot give up new privileges");
    if (!files)
        forbid_files();
    return filter_calls(names, n, all_threads, e);
}

int confine(struct err *e)
{
    return confine_to(serve_calls, ARRAY_SIZE(serve_calls), true, false, e);
}

int confine_broker(struct err *e)
{
    return confine_to(broker_calls, ARRAY_SIZE(broker_calls), false, true, e);
}

/* ---- a check that a person and a test can run ---- */

static int try_open(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int try_write(void)
{
    return open("/tmp/lodge-gate-check", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_exec(void)
{
    char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
    return execve("/bin/true", argv, NULL);
}

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_pair(void)
{
    int ends[2];
    return socketpair(AF_TIPC, SOCK_STREAM, 0, ends);
}

static int try_connect(void)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    return connect(0, &address, sizeof(address));
}

static int try_fork(void)
{
    return (int)syscall(SYS_clone, 17, 0, 0, 0, 0);
}

static int try_ptrace(void)
{
    return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int try_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int try_root(void)
{
    return (int)syscall(SYS_setuid, 0);
}

int confine_check(void)
{
    static const struct {
        const char *what;
        int (*attempt)(void);
    } attempts[] = {
        {"open a file", try_open},
        {"create a file", try_write},
        {"run a program", try_exec},
        {"make an internet socket", try_socket},
        {"pair other sockets", try_pair},
        {"connect", try_connect},
        {"fork", try_fork},
        {"trace", try_ptrace},
        {"map executable memory", try_exec_memory},
        {"become root", try_root},
    };
    struct err e;
    int bad = 0;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (confine(&e) < 0) {
        fprintf(stderr, "%s\n", e.detail);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
        bool refused = attempts[i].attempt() < 0 && errno == EPERM;
        printf("%-26s %s\n", attempts[i].what, refused ? "refused" : "POSSIBLE");
        bad += !refused;
    }
    return bad ? 1 : 0;
}
