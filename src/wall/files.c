/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, by Landlock, and descriptors. The numbers stand here because the headers of older systems lack some.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "wall/internal.h"

enum { CALL_CREATE = 444, CALL_RESTRICT = 446 }; /* on every architecture */
enum { CREATE_VERSION = 1, MEMORY_DEVICES = 1 };

/* Landlock's rights to files, in the order of their bits: how many each version of it knows (0 is none). */
static const unsigned char n_rights[] = {0, 13, 14, 15, 15, 16};
enum { LAST_VERSION = sizeof n_rights - 1 };
enum { NETWORK_VERSION = 4, SCOPE_VERSION = 6 };

struct ruleset {
    uint64_t files, network, scopes;
};

/* How many threads there are; 0 when that cannot be known. */
static unsigned count_threads(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

bool files_raise(const struct wall_options *options, struct hob_error *err)
{
    unsigned n_threads = count_threads();
    if (wall_is_without(options, "landlock"))
        return true;
    if (n_threads == 0)
        return error_system(err, "/proc/self/task", "cannot be read");
    if (n_threads != (options->n_threads ? options->n_threads : 1))
        return error_set(err, HOB_REFUSED, "it cannot be drawn around %u threads that are there already", n_threads);
    long version = syscall(CALL_CREATE, NULL, 0, CREATE_VERSION);
    if (version < 1)
        return error_set(err, HOB_REFUSED, "this kernel has no Landlock (%s)",
                         errno == EOPNOTSUPP ? "it is turned off" : "it lacks the system call");
    struct ruleset rules = {.files = ((uint64_t)1 << n_rights[version < LAST_VERSION ? version : LAST_VERSION]) - 1};
    if (version >= NETWORK_VERSION)
        rules.network = 3; /* to bind and to connect, TCP: a second wall behind that of system calls */
    if (version >= SCOPE_VERSION)
        rules.scopes = 3; /* abstract UNIX sockets and signals of processes outside */
    int ruleset = (int)syscall(CALL_CREATE, &rules, sizeof rules, 0);
    if (ruleset < 0)
        return error_system(err, "Landlock", "makes no rules");
    bool good = syscall(CALL_RESTRICT, ruleset, 0) == 0 || error_system(err, "Landlock", "does not restrict");
    close(ruleset);
    return good;
}

/* Whether standard input or output can reach nothing but a file, a pipe or a terminal. */
static bool is_harmless(int fd, const struct stat *st)
{
    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISFIFO(st->st_mode) ||
           (S_ISCHR(st->st_mode) && (major(st->st_rdev) == MEMORY_DEVICES || isatty(fd)));
}

/* Whether a socket is a stream that somebody has connected: it cannot be aimed anew. */
static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer, type_size = sizeof(int);
    int type = 0;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
           getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

bool descriptors_raise(const struct wall_options *options, struct hob_error *err)
{
    DIR *dir = opendir("/proc/self/fd");
    bool good = dir || error_system(err, "/proc/self/fd", "cannot be read");
    for (struct dirent *entry; good && (entry = readdir(dir));) {
        struct stat st;
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] == '.' || fd == dirfd(dir) || fd == options->listener || fd == options->keeper ||
            fd == options->keep)
            continue;
        if (fd > STDERR_FILENO)
            close(fd);
        else if (fstat(fd, &st) == 0 && !is_harmless(fd, &st) && (!S_ISSOCK(st.st_mode) || !is_connected(fd)))
            good = error_set(err, HOB_REFUSED, "descriptor %d is a device or a socket that is not connected", fd);
    }
    if (dir)
        closedir(dir);
    return good;
}
