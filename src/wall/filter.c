/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls, by seccomp: those of a table pass, all others are refused with EPERM. What is not in the table needs no
 * row: socket, connect, bind, listen, sendmsg, sendmmsg, recvmmsg, execve, ptrace, io_uring, message queues, keys,
 * mounts, and whatever a later kernel brings.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "wall/internal.h"

/* How arguments narrow a call. */
enum narrow {
    ANY,
    NOT_KEEPER_0, /* argument 0 is not the keeper's descriptor, which stays what it is */
    NOT_KEEPER_1, /* argument 1 */
    ONLY_KEEPER,  /* argument 0 is it: descriptors are passed there and nowhere else */
    PLAIN_SEND,   /* no address, nothing with the first packet, nothing urgent */
    PLAIN_RECEIVE,
    THREAD,       /* a thread, not a process, in no new namespace */
    OWN_PROCESS,  /* signals to itself */
    PATH,         /* not the engine's */
    FLAGS,        /* flags and copies of a descriptor, the keeper's also locks; nobody is signalled */
    TERMINAL,     /* asks and sets modes; types nothing into it */
    TUNING,       /* when TCP sends what there is */
    SOCKET_STATE, /* what a socket is, not who is at its other end */
    READ_LIMIT,   /* limits are read, not set */
    STATES,       /* whether the other walls stand; a thread's name would be read by others */
    NOT_THERE     /* ENOSYS, so that the C library takes the older call that can be narrowed */
};

enum { BOTH = WALL_ENGINE | WALL_KEEPER };

static const struct allowed {
    const char *name;
    enum narrow narrow;
    unsigned roles;
} calls[] = {
    /* bytes and descriptors that are open */
    {"read", ANY, BOTH},
    {"write", ANY, BOTH},
    {"readv", ANY, BOTH},
    {"writev", ANY, BOTH},
    {"pread64", ANY, BOTH},
    {"pwrite64", ANY, BOTH},
    {"lseek", ANY, BOTH},
    {"close", NOT_KEEPER_0, BOTH},
    {"dup", ANY, BOTH},
    {"dup2", NOT_KEEPER_1, BOTH},
    {"dup3", NOT_KEEPER_1, BOTH},
    {"fcntl", FLAGS, BOTH},
    {"fcntl64", FLAGS, BOTH},
    {"flock", ANY, WALL_KEEPER}, /* locks are seen by whoever has the file, on other machines too */
    {"fsync", ANY, BOTH},
    {"fdatasync", ANY, BOTH},
    {"ftruncate", ANY, BOTH},
    {"fallocate", ANY, BOTH},
    {"fadvise64", ANY, BOTH},
    {"fstat", ANY, BOTH},
    {"getdents64", ANY, BOTH},
    {"ioctl", TERMINAL, BOTH},
    {"pipe", ANY, BOTH},
    {"pipe2", ANY, BOTH},
    {"poll", ANY, BOTH},
    {"ppoll", ANY, BOTH},
    {"select", ANY, BOTH},
    {"pselect6", ANY, BOTH},
    {"epoll_create1", ANY, BOTH},
    {"epoll_ctl", ANY, BOTH},
    {"epoll_wait", ANY, BOTH},
    {"epoll_pwait", ANY, BOTH},
    {"eventfd2", ANY, BOTH},
    /* paths, of the keeper. The engine looks up none: a name can travel to a server of files, whatever comes of it. */
    {"open", PATH, BOTH},
    {"openat", PATH, BOTH},
    {"stat", PATH, BOTH},
    {"lstat", PATH, BOTH},
    {"newfstatat", PATH, BOTH},
    {"statx", PATH, BOTH},
    {"statfs", PATH, BOTH},
    {"fstatfs", ANY, BOTH},
    {"access", PATH, BOTH},
    {"faccessat", PATH, BOTH},
    {"faccessat2", PATH, BOTH},
    {"readlink", PATH, BOTH},
    {"readlinkat", PATH, BOTH},
    {"getcwd", ANY, WALL_KEEPER},
    {"umask", ANY, WALL_KEEPER},
    /* files are made, named and removed by the keeper */
    {"unlink", ANY, WALL_KEEPER},
    {"unlinkat", ANY, WALL_KEEPER},
    {"mkdir", ANY, WALL_KEEPER},
    {"mkdirat", ANY, WALL_KEEPER},
    {"rmdir", ANY, WALL_KEEPER},
    {"rename", ANY, WALL_KEEPER},
    {"renameat", ANY, WALL_KEEPER},
    {"renameat2", ANY, WALL_KEEPER},
    {"fchmod", ANY, WALL_KEEPER},
    {"fchown", ANY, WALL_KEEPER},
    {"utimensat", ANY, WALL_KEEPER},
    /* streams that are connected, and the listener */
    {"accept", ANY, WALL_ENGINE},
    {"accept4", ANY, WALL_ENGINE},
    {"recvfrom", PLAIN_RECEIVE, BOTH},
    {"recvmsg", ONLY_KEEPER, BOTH},
    {"sendto", PLAIN_SEND, BOTH},
    {"sendmsg", ONLY_KEEPER, WALL_KEEPER},
    {"shutdown", ANY, WALL_ENGINE},
    {"getsockname", ANY, WALL_ENGINE},
    {"getpeername", ANY, WALL_ENGINE},
    {"getsockopt", SOCKET_STATE, WALL_ENGINE},
    {"setsockopt", TUNING, WALL_ENGINE},
    /* memory, also that of regular expressions, which are compiled */
    {"brk", ANY, BOTH},
    {"mmap", ANY, BOTH},
    {"munmap", ANY, BOTH},
    {"mprotect", ANY, BOTH},
    {"mremap", ANY, BOTH},
    {"madvise", ANY, BOTH},
    {"membarrier", ANY, BOTH},
    /* threads and signals */
    {"clone", THREAD, BOTH},
    {"clone3", NOT_THERE, BOTH},
    {"futex", ANY, BOTH},
    {"rseq", ANY, BOTH},
    {"set_robust_list", ANY, BOTH},
    {"set_tid_address", ANY, BOTH},
    {"sched_yield", ANY, BOTH},
    {"sched_getaffinity", ANY, BOTH},
    {"gettid", ANY, BOTH},
    {"getpid", ANY, BOTH},
    {"getppid", ANY, BOTH},
    {"exit", ANY, BOTH},
    {"exit_group", ANY, BOTH},
    {"wait4", ANY, WALL_ENGINE},
    {"waitid", ANY, WALL_ENGINE},
    {"tgkill", OWN_PROCESS, BOTH},
    {"rt_sigaction", ANY, BOTH},
    {"rt_sigprocmask", ANY, BOTH},
    {"rt_sigreturn", ANY, BOTH},
    {"sigaltstack", ANY, BOTH},
    {"restart_syscall", ANY, BOTH},
    {"prctl", STATES, BOTH},
    /* what time it is, and who asks */
    {"clock_gettime", ANY, BOTH},
    {"clock_getres", ANY, BOTH},
    {"clock_nanosleep", ANY, BOTH},
    {"nanosleep", ANY, BOTH},
    {"gettimeofday", ANY, BOTH},
    {"time", ANY, BOTH},
    {"getrandom", ANY, BOTH},
    {"getrusage", ANY, BOTH},
    {"sysinfo", ANY, BOTH},
    {"uname", ANY, BOTH},
    {"getuid", ANY, BOTH},
    {"geteuid", ANY, BOTH},
    {"getgid", ANY, BOTH},
    {"getegid", ANY, BOTH},
    {"getrlimit", ANY, BOTH},
    {"prlimit64", READ_LIMIT, BOTH},
};

bool filter_lists(int call, enum wall_role role)
{
    bool listed = false;
    for (size_t i = 0; !listed && i < sizeof calls / sizeof *calls; i++)
        listed = (calls[i].roles & (unsigned)role) && seccomp_syscall_resolve_name(calls[i].name) == call;
    return listed;
}

/* Arguments that the kernel takes as 32 bits are compared as such: what stands above them it does not look at. */
#define LOW 0xffffffffu

/* One more way for a call to pass. */
static int pass(scmp_filter_ctx filter, int call, struct scmp_arg_cmp a)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &a);
}

/* Passes when argument `at` is one of `values` [n]. */
static int pass_values(scmp_filter_ctx filter, int call, unsigned at, const unsigned *values, size_t n)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < n; i++)
        code = pass(filter, call, SCMP_CMP(at, SCMP_CMP_MASKED_EQ, LOW, values[i]));
    return code;
}

/* Passes when argument `at` has no bits but these. */
static int pass_bits(scmp_filter_ctx filter, int call, unsigned at, unsigned bits)
{
    return pass(filter, call, SCMP_CMP(at, SCMP_CMP_MASKED_EQ, LOW & ~bits, 0));
}

/* Passes when argument `at` is a descriptor other than `fd`: one that differs in some bit. */
static int pass_others(scmp_filter_ctx filter, int call, unsigned at, int fd)
{
    int code = 0;
    if (fd < 0)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    for (unsigned bit = 1; code == 0 && bit < 1u << 20; bit <<= 1)
        code = pass(filter, call, SCMP_CMP(at, SCMP_CMP_MASKED_EQ, bit, ~(unsigned)fd & bit));
    return code;
}

static int add_call(scmp_filter_ctx filter, const struct allowed *row, const struct wall_options *options)
{
    /* TCGETS2 and its kin, which <asm/termbits.h> has, but not beside <sys/ioctl.h>, stand as numbers. */
    static const unsigned terminal[] = {TCGETS,  TCSETS,    TCSETSW,    TCSETSF,    TIOCGWINSZ, FIONREAD,
                                        FIONBIO, TIOCGPGRP, 0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d};
    static const unsigned flags[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL},
                          locks[] = {F_GETLK, F_SETLK, F_SETLKW}, tuning[] = {TCP_NODELAY, TCP_CORK},
                          sockets[] = {SO_TYPE, SO_ERROR}, states[] = {PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS};
    const unsigned namespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    const unsigned keeper = (unsigned)options->keeper, self = (unsigned)getpid();
    int code = 0, call = seccomp_syscall_resolve_name(row->name);
    if (call < 0) /* not on this architecture */
        return 0;
    if (wall_is_without(options, row->name))
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    switch (row->narrow) {
    case ANY:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    case NOT_KEEPER_0:
        return pass_others(filter, call, 0, options->keeper);
    case NOT_KEEPER_1:
        return pass_others(filter, call, 1, options->keeper);
    case ONLY_KEEPER:
        return options->keeper < 0 ? 0 : pass_values(filter, call, 0, &keeper, 1);
    case PLAIN_SEND:
        return seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, call, 2,
            SCMP_A3(SCMP_CMP_MASKED_EQ, LOW & ~(unsigned)(MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE), 0),
            SCMP_A4(SCMP_CMP_EQ, 0));
    case PLAIN_RECEIVE:
        return pass_bits(filter, call, 3, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL);
    case THREAD:
        return pass(filter, call, SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD | namespaces, CLONE_THREAD));
    case OWN_PROCESS:
        return pass_values(filter, call, 0, &self, 1);
    case TERMINAL:
        return pass_values(filter, call, 1, terminal, sizeof terminal / sizeof *terminal);
    case PATH:
        return options->role == WALL_KEEPER || wall_is_without(options, "paths") || wall_is_without(options, "files")
                   ? seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)
                   : 0;
    case FLAGS:
        code = pass_values(filter, call, 1, flags, sizeof flags / sizeof *flags);
        if (code == 0 && options->role == WALL_KEEPER)
            code = pass_values(filter, call, 1, locks, sizeof locks / sizeof *locks);
        return code ? code
                    : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 2, SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, F_SETFL),
                                       SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0));
    case TUNING:
        for (size_t i = 0; code == 0 && i < sizeof tuning / sizeof *tuning; i++)
            code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 2, SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, IPPROTO_TCP),
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, LOW, tuning[i]));
        return code;
    case SOCKET_STATE:
        for (size_t i = 0; code == 0 && i < sizeof sockets / sizeof *sockets; i++)
            code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 2, SCMP_A1(SCMP_CMP_MASKED_EQ, LOW, SOL_SOCKET),
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, LOW, sockets[i]));
        return code;
    case READ_LIMIT:
        return pass(filter, call, SCMP_CMP(2, SCMP_CMP_EQ, 0));
    case STATES:
        return pass_values(filter, call, 0, states, sizeof states / sizeof *states);
    case NOT_THERE:
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
    }
    return -EINVAL;
}

bool filter_raise(const struct wall_options *options, struct hob_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool listed = false;
    int code = filter ? 0 : -ENOMEM;
    for (size_t i = 0; code == 0 && i < sizeof calls / sizeof *calls; i++) {
        if (!(calls[i].roles & (unsigned)options->role))
            continue;
        listed = listed || wall_is_without(options, calls[i].name);
        code = add_call(filter, &calls[i], options);
    }
    int without = options->without && !listed ? seccomp_syscall_resolve_name(options->without) : __NR_SCMP_ERROR;
    if (code == 0 && without >= 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, without, 0);
    bool foreign = wall_is_without(options, "foreign-calls"), alone = wall_is_without(options, "all-threads");
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, foreign ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, !alone);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    if (code == 0)
        code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (code == 0)
        code = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    return code == 0 ||
           error_set(err, HOB_REFUSED, "this kernel takes no filter of system calls (%s)", strerror(-code));
}
