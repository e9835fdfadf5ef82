/* SPDX-License-Identifier: Apache-2.0
 *
 * Every exit, tried from inside. A row passes only when the wall itself refuses: what fails because the kernel lacks it
 * proves nothing. Descriptors and processes that are named here do not exist, so that what gets through does no harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "wall/exits.h"
#include "wall/internal.h"
#include "wall/keeper.h"

enum {
    SO_PEER_HANDLE = 77,
    PROTOCOL_MPTCP = 262,
    FAMILY_ALG = 38,
    FAMILY_VSOCK = 40,
    NOBODY = 0x3fffffff /* a process that is not */
};

/* The error of a call's result. */
static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

static int try_socket(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol), error = error_of(fd);
    if (fd >= 0)
        close(fd);
    return error;
}

/* clang-format off */
static int tcp4(void) { return try_socket(AF_INET, SOCK_STREAM, 0); }
static int tcp6(void) { return try_socket(AF_INET6, SOCK_STREAM, 0); }
static int udp4(void) { return try_socket(AF_INET, SOCK_DGRAM, 0); }
static int udp6(void) { return try_socket(AF_INET6, SOCK_DGRAM, 0); }
static int raw4(void) { return try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static int mptcp(void) { return try_socket(AF_INET, SOCK_STREAM, PROTOCOL_MPTCP); }
static int unix_stream(void) { return try_socket(AF_UNIX, SOCK_STREAM, 0); }
static int netlink(void) { return try_socket(AF_NETLINK, SOCK_RAW, 0); }
static int vsock(void) { return try_socket(FAMILY_VSOCK, SOCK_STREAM, 0); }
static int packet(void) { return try_socket(AF_PACKET, SOCK_RAW, 0); }
static int crypto(void) { return try_socket(FAMILY_ALG, SOCK_SEQPACKET, 0); }
/* clang-format on */

static struct sockaddr_in discard = {.sin_family = AF_INET, .sin_port = 0x0900, .sin_addr = {0x0100007f}};
#define DISCARD ((struct sockaddr *)&discard), sizeof discard

static int pair(void)
{
    int fds[2], error = error_of(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    if (error == 0) {
        close(fds[0]);
        close(fds[1]);
    }
    return error;
}

static int reach(void)
{
    return error_of(connect(-1, DISCARD));
}

static int take_port(void)
{
    return error_of(bind(-1, DISCARD));
}

static int wait_for_callers(void)
{
    return error_of(listen(-1, 1));
}

static int send_to(void)
{
    return error_of(sendto(-1, "", 1, 0, DISCARD));
}

static int fast_open(void)
{
    return error_of(sendto(-1, "", 1, MSG_FASTOPEN, NULL, 0));
}

static int urgent(void)
{
    return error_of(sendto(-1, "", 1, MSG_OOB, NULL, 0));
}

static int receive_urgent(void)
{
    char byte;
    return error_of(recvfrom(-1, &byte, 1, MSG_OOB | MSG_DONTWAIT, NULL, NULL));
}

/* A message of many parts: it could have an address, or descriptors with it. */
static int send_parts(void)
{
    struct msghdr message = {0};
    return error_of(syscall(SYS_sendmsg, -1, &message, 0));
}

/* Who is at the other end, as a descriptor of that process. */
static int other_end(void)
{
    int option = SO_PEER_HANDLE, handle;
    socklen_t size = sizeof handle;
    return error_of(getsockopt(-1, SOL_SOCKET, option, &handle, &size));
}

static int send_many(void)
{
    struct mmsghdr messages[1] = {0};
    return error_of(sendmmsg(-1, messages, 1, 0));
}

static int receive_many(void)
{
    struct mmsghdr messages[1] = {0};
    return error_of(recvmmsg(-1, messages, 1, MSG_DONTWAIT, NULL));
}

/* A descriptor that somebody passes over another socket than the keeper's. */
static int receive_descriptor(void)
{
    struct msghdr message = {0};
    return error_of(recvmsg(-1, &message, MSG_DONTWAIT));
}

static int close_keeper(void)
{
    return error_of(syscall(SYS_close, keeper_channel()));
}

static int replace_keeper(void)
{
    return error_of(dup3(keeper_channel(), keeper_channel(), O_CLOEXEC));
}

static int uring(void)
{
    struct io_uring_params params = {0};
    int fd = (int)syscall(SYS_io_uring_setup, 1, &params), error = error_of(fd);
    if (fd >= 0)
        close(fd);
    return error;
}

static int child(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return error_of(pid);
}

static int program(void)
{
    char *words[] = {NULL};
    return error_of(execve("/nowhere", words, words));
}

static int program_of_descriptor(void)
{
    char *words[] = {NULL};
    return error_of(syscall(SYS_execveat, -1, "nowhere", words, words, 0));
}

static int trace(void)
{
    return error_of(ptrace(PTRACE_ATTACH, NOBODY, NULL, NULL));
}

static int read_memory(void)
{
    struct iovec part = {0};
    return error_of(process_vm_readv(NOBODY, &part, 1, &part, 1, 0));
}

static int write_memory(void)
{
    struct iovec part = {0};
    return error_of(process_vm_writev(NOBODY, &part, 1, &part, 1, 0));
}

static int take_descriptor(void)
{
    return error_of(syscall(SYS_pidfd_getfd, -1, 0, 0));
}

static int new_namespace(void)
{
    return error_of(unshare(0));
}

static int other_namespace(void)
{
    return error_of(setns(-1, 0));
}

static int kernel_program(void)
{
    return error_of(syscall(SYS_bpf, -1, NULL, 0));
}

static int type_keys(void)
{
    return error_of(ioctl(-1, TIOCSTI, ""));
}

static int other_signal(void)
{
    return error_of(kill(NOBODY, 0));
}

static int message_queue(void)
{
    return error_of(syscall(SYS_mq_open, "hob-selftest", O_RDONLY, 0, NULL));
}

static int shared_messages(void)
{
    return error_of(syscall(SYS_msgget, NOBODY, 0));
}

static int shared_memory(void)
{
    return error_of(syscall(SYS_shmget, NOBODY, 1, 0));
}

static int keys(void)
{
    return error_of(syscall(SYS_request_key, "user", "hob-selftest", NULL, 0));
}

static int file_by_handle(void)
{
    return error_of(syscall(SYS_open_by_handle_at, -1, NULL, 0));
}

static int mode_of_file(void)
{
    return error_of(syscall(SYS_fchmodat, AT_FDCWD, "/nowhere", 0600));
}

static int mark_of_file(void)
{
    return error_of(syscall(SYS_setxattr, "/nowhere", "user.x", "", 0, 0));
}

static int time_of_file(void)
{
    return error_of(syscall(SYS_utimensat, AT_FDCWD, "/nowhere", NULL, 0));
}

static int lookup(void)
{
    struct stat st;
    return error_of(stat("/", &st));
}

static int link_target(void)
{
    char target[8];
    return error_of(readlink("/proc/self", target, sizeof target));
}

/* Somebody else is signalled when a descriptor can be read. */
static int owner_of_signals(void)
{
    return error_of(fcntl(-1, F_SETOWN, NOBODY));
}

static int kind_of_signals(void)
{
    return error_of(fcntl(-1, F_SETSIG, SIGKILL));
}

static int signals_of_descriptor(void)
{
    return error_of(fcntl(-1, F_SETFL, O_ASYNC));
}

/* Others see who has locked a file that they can open. */
static int lock_of_part(void)
{
    struct flock part = {.l_type = F_RDLCK};
    return error_of(fcntl(-1, F_SETLK, &part));
}

static int lock_of_file(void)
{
    return error_of(flock(-1, LOCK_SH));
}

static int name_of_thread(void)
{
    return error_of(prctl(PR_SET_NAME, "hob", 0, 0, 0));
}

static int other_processors(void)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    return error_of(sched_setaffinity(NOBODY, sizeof all, &all));
}

static int repaired_stream(void)
{
    return error_of(setsockopt(-1, IPPROTO_TCP, TCP_REPAIR, "", 0));
}

static int bound_stream(void)
{
    return error_of(setsockopt(-1, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
}

static int try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600), error = error_of(fd);
    if (fd >= 0)
        close(fd);
    return error;
}

/* clang-format off */
static int read_file(void) { return try_open("/etc/passwd", O_RDONLY); }
static int read_others(void) { return try_open("/proc/1/cmdline", O_RDONLY); }
static int write_file(void) { return try_open("/tmp", O_TMPFILE | O_WRONLY); }
static int list_folder(void) { return try_open("/", O_RDONLY | O_DIRECTORY); }
static int core_on(void) { struct rlimit none = {0}; return error_of(setrlimit(RLIMIT_CORE, &none)); }
static int dump_on(void) { return error_of(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }
/* clang-format on */

static int other_calls(void);

/* States: EPERM where the wall stands, like a call that is refused. */
static int privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM : 0;
}

static int dumpable(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? EPERM : 0;
}

static int core_files(void)
{
    struct rlimit limit = {1, 1};
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 ? EPERM : 0;
}

static const struct exit_row rows[] = {
    {"TCP, IPv4", "socket", tcp4},
    {"TCP, IPv6", "socket", tcp6},
    {"UDP, IPv4", "socket", udp4},
    {"UDP, IPv6", "socket", udp6},
    {"raw IP", "socket", raw4},
    {"MPTCP", "socket", mptcp},
    {"UNIX socket", "socket", unix_stream},
    {"netlink", "socket", netlink},
    {"vsock", "socket", vsock},
    {"packets of an interface", "socket", packet},
    {"the kernel's cryptography", "socket", crypto},
    {"socket pair", "socketpair", pair},
    {"connecting a socket", "connect", reach},
    {"binding a socket", "bind", take_port},
    {"listening", "listen", wait_for_callers},
    {"a packet to an address", "sendto", send_to},
    {"TCP fast open", "sendto", fast_open},
    {"urgent data", "sendto", urgent},
    {"urgent data taken in", "recvfrom", receive_urgent},
    {"a descriptor passed out", "sendmsg", send_parts},
    {"many messages at once", "sendmmsg", send_many},
    {"receiving many at once", "recvmmsg", receive_many},
    {"a descriptor passed in", "recvmsg", receive_descriptor},
    {"who is at the other end", "getsockopt", other_end},
    {"the keeper's socket closed", "close", close_keeper},
    {"the keeper's socket replaced", "dup3", replace_keeper},
    {"io_uring", "io_uring_setup", uring},
    {"a child", "clone", child},
    {"another program", "execve", program},
    {"a program of a descriptor", "execveat", program_of_descriptor},
    {"tracing another process", "ptrace", trace},
    {"reading another's memory", "process_vm_readv", read_memory},
    {"writing another's memory", "process_vm_writev", write_memory},
    {"another's descriptors", "pidfd_getfd", take_descriptor},
    {"a new namespace", "unshare", new_namespace},
    {"another namespace", "setns", other_namespace},
    {"a program in the kernel", "bpf", kernel_program},
    {"keys typed into the terminal", "ioctl", type_keys},
    {"a signal to another process", "kill", other_signal},
    {"a message queue", "mq_open", message_queue},
    {"shared message queue", "msgget", shared_messages},
    {"shared memory", "shmget", shared_memory},
    {"the kernel's keys", "request_key", keys},
    {"a file by its handle", "open_by_handle_at", file_by_handle},
    {"the mode of a file", "fchmodat", mode_of_file},
    {"an attribute of a file", "setxattr", mark_of_file},
    {"the time of a file", "utimensat", time_of_file},
    {"looking up a name", "newfstatat", lookup},
    {"reading a link", "readlink", link_target},
    {"signals sent by a descriptor", "fcntl", owner_of_signals},
    {"which signals it sends", "fcntl", kind_of_signals},
    {"signals asked for", "fcntl", signals_of_descriptor},
    {"a lock of a part of a file", "fcntl", lock_of_part},
    {"a lock of a file", "flock", lock_of_file},
    {"a name that others can read", "prctl", name_of_thread},
    {"processors of another process", "sched_setaffinity", other_processors},
    {"a stream aimed anew", "setsockopt", repaired_stream},
    {"a stream bound to an interface", "setsockopt", bound_stream},
    {"reading a file outside", "files", read_file},
    {"reading of another process", "files", read_others},
    {"writing a file outside", "files", write_file},
    {"listing a folder outside", "files", list_folder},
    {"every other system call", "sync", other_calls},
    {"core files turned on", "prlimit64", core_on},
    {"memory made readable", "prctl", dump_on},
    {"new privileges", "no-new-privileges", privileges},
    {"memory readable by the user", "not-dumpable", dumpable},
    {"core files", "no-core", core_files},
};

/* Whether a call is the kernel's own way back from a probe: no filter sees it, and elsewhere it ends the process. */
static bool is_probe(int call)
{
#ifdef __x86_64__
    return call == 335 || call == 336;
#else
    return call < 0;
#endif
}

/* Every number that is not the engine's and in no row above, with arguments that no call takes. */
static int other_calls(void)
{
    enum { MANY = 600 };
    for (int call = 0; call < MANY; call++) {
        bool tried = filter_lists(call, WALL_ENGINE) || is_probe(call);
        for (size_t i = 0; !tried && i < sizeof rows / sizeof *rows; i++)
            tried = rows[i].try != other_calls && seccomp_syscall_resolve_name(rows[i].wall) == call;
        if (tried)
            continue;
        int error = error_of(syscall(call, -1L, -1L, -1L, -1L, -1L, -1L));
        if (error != EPERM)
            return error;
    }
    return EPERM;
}

const struct exit_row *exits_all(size_t *n)
{
    *n = sizeof rows / sizeof *rows;
    return rows;
}

json_t *exit_json(const struct exit_row *row, int error, unsigned *n_leaks)
{
    bool held = error == EPERM || (error == EACCES && strcmp(row->wall, "files") == 0);
    const char *name = error ? strerrorname_np(error) : "open";
    *n_leaks += !held;
    return json_pack("{s:s, s:s, s:s, s:b}", "exit", row->name, "wall", row->wall, "found", name ? name : "unknown",
                     "held", (int)held);
}

json_t *wall_try_exits(unsigned *n_leaks)
{
    json_t *list = json_array();
    *n_leaks = 0;
    json_t *status = wall_status();
    bool stands = keeper_channel() >= 0 && json_is_true(json_object_get(status, "sandboxed"));
    json_decref(status);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool harms = rows[i].try == close_keeper || rows[i].try == replace_keeper || rows[i].try == other_calls;
        if (!harms || stands) /* what got through would cut the keeper off, or fork, or wait for ever */
            json_array_append_new(list, exit_json(&rows[i], rows[i].try(), n_leaks));
    }
    return list;
}
