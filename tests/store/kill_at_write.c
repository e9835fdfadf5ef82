/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded before hob (LD_PRELOAD), it ends the process with SIGKILL at the HOB_KILL_AT-th call that changes a file.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void count(void)
{
    static long n, at = -1;
    if (at < 0) {
        const char *text = getenv("HOB_KILL_AT");
        at = text ? strtol(text, NULL, 10) : 0;
    }
    if (++n == at) {
        kill(getpid(), SIGKILL);
        _exit(128 + SIGKILL); /* a sealed process may send no signal; this ends all its threads as well */
    }
}

/* The next function of that name. */
static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    return function;
}

#define WRAP(result, name, parameters, arguments)                                                                      \
    __attribute__((visibility("default"))) result name parameters;                                                     \
    result name parameters                                                                                             \
    {                                                                                                                  \
        static result(*real) parameters;                                                                               \
        if (!real)                                                                                                     \
            *(void **)&real = next(#name);                                                                             \
        count();                                                                                                       \
        return real arguments;                                                                                         \
    }

WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, ftruncate64, (int fd, off_t n), (fd, n))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, unlink, (const char *path), (path))
