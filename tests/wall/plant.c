/* SPDX-License-Identifier: Apache-2.0
 *
 * Code planted in a process, by LD_PRELOAD: what HOB_PLANT names.
 *
 *   early   sends packets before main(), where there are no walls: whoever counts packets must see them
 *   late    sends packets from a thread of the server, behind the walls; says what it found on standard error
 *   clock   the time of day jumps by a year, back and forth
 *
 * or a system that lacks something:
 *
 *   landlock-N  Landlock of version N, which refuses what it does not know
 *   no-tsync    filters of system calls reach no other thread
 *   no-proc     /proc is not there
 *   disk-E-K    from the Kth call on, what makes files and writes to them fails with error E
 *   no-six      no address of IPv6 can be bound
 *   no-locks    files cannot be locked
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define YEAR_S 31557600

enum { LANDLOCK_CREATE = 444, FILTER_THREADS = 1 };

/* A call of the C library, which these functions stand before. */
#define NEXT(function, name) (*(void **)&(function) = (function) ? *(void **)&(function) : dlsym(RTLD_NEXT, name))

static int is_planted(const char *what)
{
    const char *plant = getenv("HOB_PLANT");
    return plant && strcmp(plant, what) == 0;
}

/* Sends a datagram, and begins a connection, to 10.99.0.9. */
static void send_packets(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(0x0a630009);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0), error = datagram < 0 ? errno : 0;
    if (datagram >= 0)
        sendto(datagram, "planted", 7, 0, (struct sockaddr *)&to, sizeof to);
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (stream >= 0)
        connect(stream, (struct sockaddr *)&to, sizeof to);
    fprintf(stderr, "planted: %s\n", error ? strerror(error) : "sent");
}

__attribute__((constructor)) static void begin(void)
{
    if (is_planted("early"))
        send_packets();
}

__attribute__((visibility("default"))) int epoll_create1(int flags)
{
    if (is_planted("late"))
        send_packets();
    return (int)syscall(SYS_epoll_create1, flags);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time)
{
    static unsigned calls;
    int code = (int)syscall(SYS_clock_gettime, clock, time);
    if (code == 0 && clock == CLOCK_REALTIME && is_planted("clock"))
        time->tv_sec += ++calls % 2 ? YEAR_S : -YEAR_S;
    return code;
}

/* The system call itself, which the C library would make through the function below. */
static long call(long number, const long *a)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, result __asm__("x0") = a[0], x1 __asm__("x1") = a[1],
                     x2 __asm__("x2") = a[2], x3 __asm__("x3") = a[3], x4 __asm__("x4") = a[4], x5 __asm__("x5") = a[5];
    __asm__ volatile("svc 0" : "+r"(result) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
#else
#error "system calls of this processor"
#endif
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}

/* What Landlock of version `version` says to a ruleset, or 0: the kernel is asked. */
static int landlock_error(int version, const uint64_t *rights, size_t size)
{
    static const unsigned char n_files[] = {0, 13, 14, 15, 15, 16};
    unsigned n = n_files[version < 5 ? version : 5];
    if (version == 0)
        return ENOSYS;
    if (!rights || rights == (const uint64_t *)-1)
        return 0;
    if (rights[0] >> n || (size > 8 && version < 4 && rights[1]) || (size > 16 && version < 6 && rights[2]))
        return size > 8 && !(rights[0] >> n) ? E2BIG : EINVAL;
    return 0;
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
    const char *plant = getenv("HOB_PLANT");
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == LANDLOCK_CREATE && plant && strncmp(plant, "landlock-", 9) == 0) {
        int version = plant[9] - '0', error = landlock_error(version, (const uint64_t *)a[0], (size_t)a[1]);
        if (error) {
            errno = error;
            return -1;
        }
        if (!a[0]) /* asks for the version; no more than the kernel has */
            return call(number, a) < version ? call(number, a) : version;
    }
    if (number == SYS_seccomp && is_planted("no-tsync") && a[2] && a[1] & FILTER_THREADS) {
        errno = ESRCH; /* a thread that could not be reached */
        return -1;
    }
    return call(number, a);
}

__attribute__((visibility("default"))) DIR *opendir(const char *path)
{
    static DIR *(*next)(const char *path);
    NEXT(next, "opendir");
    if (is_planted("no-proc") && strncmp(path, "/proc", 5) == 0) {
        errno = ENOENT;
        return NULL;
    }
    return next(path);
}

/* Whether a call that writes fails, and with which error. */
static int disk_error(int fd)
{
    static int calls;
    const char *plant = getenv("HOB_PLANT");
    struct stat st;
    int error, first;
    if (!plant || sscanf(plant, "disk-%d-%d", &error, &first) != 2 ||
        (fd >= 0 && call(SYS_fstat, (long[6]){fd, (long)&st}) == 0 && !S_ISREG(st.st_mode)))
        return 0;
    if (++calls < first)
        return 0;
    errno = error;
    return error;
}

#define FAILING(result, name, parameters, arguments, fd)                                                               \
    __attribute__((visibility("default"))) result name parameters;                                                     \
    result name parameters                                                                                             \
    {                                                                                                                  \
        static result(*next) parameters;                                                                               \
        NEXT(next, #name);                                                                                             \
        return disk_error(fd) ? -1 : next arguments;                                                                   \
    }

FAILING(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), fd)
FAILING(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at), fd)
FAILING(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at), fd)
FAILING(int, ftruncate, (int fd, off_t size), (fd, size), fd)
FAILING(int, ftruncate64, (int fd, off64_t size), (fd, size), fd)
FAILING(int, fsync, (int fd), (fd), fd)
FAILING(int, fdatasync, (int fd), (fd), fd)
FAILING(int, rename, (const char *from, const char *to), (from, to), -1)
FAILING(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)

/* Files are made by both, which are one function on some systems. */
#define OPENING(name)                                                                                                  \
    __attribute__((visibility("default"))) int name(const char *path, int flags, ...);                                 \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        static int (*next)(const char *path, int flags, ...);                                                          \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        unsigned mode = va_arg(args, unsigned);                                                                        \
        va_end(args);                                                                                                  \
        NEXT(next, #name);                                                                                             \
        return flags & O_CREAT && flags & O_EXCL && disk_error(-1) ? -1 : next(path, flags, mode);                     \
    }

OPENING(open)
OPENING(open64)

/* The addresses of IPv6 are on no interface. */
__attribute__((visibility("default"))) int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    static int (*next)(int fd, const struct sockaddr *address, socklen_t size);
    NEXT(next, "bind");
    if (is_planted("no-six") && address.__sockaddr__->sa_family == AF_INET6) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return next(fd, address.__sockaddr__, size);
}

/* A server of files that has no locks. */
#define LOCKING(name)                                                                                                  \
    __attribute__((visibility("default"))) int name(int fd, int what, ...);                                            \
    int name(int fd, int what, ...)                                                                                    \
    {                                                                                                                  \
        static int (*next)(int fd, int what, ...);                                                                     \
        va_list args;                                                                                                  \
        va_start(args, what);                                                                                          \
        void *value = va_arg(args, void *);                                                                            \
        va_end(args);                                                                                                  \
        NEXT(next, #name);                                                                                             \
        if (is_planted("no-locks") && (what == F_SETLK || what == F_SETLKW || what == F_GETLK)) {                      \
            errno = ENOLCK;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return next(fd, what, value);                                                                                  \
    }

LOCKING(fcntl)
LOCKING(fcntl64)
