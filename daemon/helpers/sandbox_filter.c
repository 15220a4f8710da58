#include "helpers/sandbox_filter.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Under the sanitizers shadow memory takes terabytes of address space. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SPACE RLIM_INFINITY
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SPACE RLIM_INFINITY
#endif
#endif
#ifndef ADDRESS_SPACE
#define ADDRESS_SPACE ((rlim_t)2 << 30) /* xz at its highest setting wants 65 MiB, zstd --long 2 GiB less */
#endif

static int set_limits(struct err *e)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, 256},
        {RLIMIT_CPU, 2 * 3600}, /* seconds; a bomb ends here at the latest */
        {RLIMIT_AS, ADDRESS_SPACE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
        if (setrlimit(limits[i].resource, &(struct rlimit){limits[i].value, limits[i].value}) < 0)
            return err_errno(e, errno, "cannot set a limit");
    return 0;
}

int sandbox_drop(bool keeps_owners, struct err *e)
{
    const uint32_t keep = keeps_owners ? 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER |
                                             1U << CAP_FSETID | 1U << CAP_SETFCAP
                                       : 0;
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return err_errno(e, errno, "cannot give up capabilities");
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {{.effective = keep, .permitted = keep}};
    if (syscall(SYS_capset, &header, sets) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(e, errno, "cannot give up privileges");
    return set_limits(e);
}

/* By its number, which is the same everywhere: libseccomp of Debian 12 does not know it. The C library of
 * Debian 13 uses it for each symbolic link. */
#define FCHMODAT2 452

static const int file_calls[] = {
    /* files */
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(chmod),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), FCHMODAT2, SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown),
    SCMP_SYS(fchownat), SCMP_SYS(utimensat), SCMP_SYS(utime), SCMP_SYS(utimes), SCMP_SYS(futimesat),
    SCMP_SYS(ftruncate), SCMP_SYS(truncate), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr),
    SCMP_SYS(getxattr), SCMP_SYS(lgetxattr), SCMP_SYS(fgetxattr), SCMP_SYS(getdents64), SCMP_SYS(fcntl),
    SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(umask), SCMP_SYS(chdir), SCMP_SYS(fchdir), SCMP_SYS(getcwd),
    SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(syncfs), SCMP_SYS(fallocate), SCMP_SYS(fadvise64),
    SCMP_SYS(poll), SCMP_SYS(ppoll),
    /* memory and the rest of being a process */
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
    SCMP_SYS(rseq), SCMP_SYS(restart_syscall), SCMP_SYS(tgkill)};

static const int never_calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(mount),
    SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(mount_setattr), SCMP_SYS(fsopen),
    SCMP_SYS(fsmount), SCMP_SYS(fsconfig), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
    SCMP_SYS(setns), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(io_uring_setup), SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at), SCMP_SYS(acct), SCMP_SYS(swapon), SCMP_SYS(reboot), SCMP_SYS(setuid),
    SCMP_SYS(setgid), SCMP_SYS(setgroups), SCMP_SYS(personality), SCMP_SYS(mknod), SCMP_SYS(mknodat)};

int sandbox_filter(bool programs, struct err *e)
{
    /* A list of what is allowed gets old: a C library that tries a newer call first then takes the older one.
     */
    uint32_t refused = SCMP_ACT_ERRNO(programs ? EPERM : ENOSYS);
    scmp_filter_ctx context = seccomp_init(programs ? SCMP_ACT_ALLOW : refused);
    const int *calls = programs ? never_calls : file_calls;
    size_t n = programs ? ARRAY_SIZE(never_calls) : ARRAY_SIZE(file_calls);
    int r = context ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = seccomp_rule_add(context, programs ? refused : SCMP_ACT_ALLOW, calls[i], 0);
    if (r == 0)
        r = seccomp_load(context);
    if (context)
        seccomp_release(context);
    return r < 0 ? err_errno(e, -r, "cannot filter system calls") : 0;
}
