/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"

/* Of an ulimit, which counts what is never touched: stacks of threads, arenas of malloc(), what nobody planned. */
#define RESERVE ((size_t)96 << 20)

enum { MEMINFO, STATM, GROUPS };        /* of files */
enum { LIMIT, USE, STATISTICS, FILES }; /* of a group's */

/* Reads a small file of the kernel's; empty where it is not there. */
static void read_small(const char *path, char *text, size_t size)
{
    int fd = path ? file_descriptor(path, FILE_STREAM, NULL) : -1;
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
}

/* The number behind `key`, or SIZE_MAX. */
static size_t number_in(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    if (!found || !*found)
        return SIZE_MAX;
    char *end;
    unsigned long long value = strtoull(found + strlen(key), &end, 10);
    return end > found + strlen(key) ? (size_t)value : SIZE_MAX; /* "max" is no number */
}

static size_t number_of(const char *path, const char *key)
{
    char text[8192];
    read_small(path, text, sizeof text);
    return number_in(text, key);
}

static size_t less(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* -------------------------------------------------------------------------------------------------------- finding */

/* Adds a control group, if it has a limit's file. */
static void add_group(struct memory_files *memory, const char *folder, const char *const names[FILES])
{
    char *files[FILES] = {0};
    bool good = memory->n + FILES <= MEMORY_MAX_FILES;
    for (size_t i = 0; i < FILES && good; i++)
        good = asprintf(&files[i], "%s/%s", folder, names[i]) > 0 || (files[i] = NULL);
    if (good && file_exists(files[LIMIT])) {
        memcpy(memory->files + memory->n, files, sizeof files);
        memory->n += FILES;
        return;
    }
    for (size_t i = 0; i < FILES; i++)
        free(files[i]);
}

/* Adds the group `path` of a hierarchy and all around it. Where the hierarchy is seen from inside a container, its root
 * is the container's own group, and the path may lead nowhere below it. */
static void add_groups(struct memory_files *memory, const char *mount, const char *path, const char *const names[FILES])
{
    char *folder;
    size_t n = strlen(mount);
    bool outside = strstr(path, "/..") != NULL; /* seen from a group beside it */
    if (asprintf(&folder, "%s%s", mount, outside ? "" : path) < 0)
        return;
    while (strlen(folder) > n) {
        char *slash = strrchr(folder, '/');
        if (slash[1])
            add_group(memory, folder, names);
        *slash = '\0';
    }
    add_group(memory, folder, names);
    free(folder);
}

/* Whether "memory" is one of the controllers, which commas part. */
static bool has_memory(const char *controllers)
{
    for (const char *at = controllers; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (n == 6 && strncmp(at, "memory", 6) == 0)
            return true;
        at += n;
    }
    return false;
}

void memory_find(struct memory_files *memory, const char *root)
{
    static const char *const first[FILES] = {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"};
    static const char *const second[FILES] = {"memory.max", "memory.current", "memory.stat"};
    char path[4096], mount[4096], text[8192], *rest = text;
    *memory = (struct memory_files){.n = GROUPS};
    if (asprintf(&memory->files[MEMINFO], "%s/proc/meminfo", root) < 0)
        memory->files[MEMINFO] = NULL;
    if (asprintf(&memory->files[STATM], "%s/proc/%d/statm", root, (int)getpid()) < 0)
        memory->files[STATM] = NULL;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    read_small(path, text, sizeof text);
    for (char *line; (line = strsep(&rest, "\n"));) { /* number:controllers:path, of version 2 "0::path" */
        char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
        if (!line)
            continue;
        if (has_memory(controllers)) {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/memory", root);
            add_groups(memory, mount, line, first);
        } else if (strcmp(number, "0") == 0 && !*controllers) {
            snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
            add_groups(memory, mount, line, second);
        }
    }
}

void memory_clear(struct memory_files *memory)
{
    for (size_t i = 0; i < memory->n; i++)
        free(memory->files[i]);
    *memory = (struct memory_files){0};
}

/* -------------------------------------------------------------------------------------------------------- reading */

static void bound_by(struct memory_left *left, const char *bound, size_t bytes)
{
    if (bytes < left->bytes)
        *left = (struct memory_left){bytes, bound};
}

/* What a control group has left: files that it has read and nobody uses now are given back when memory is wanted. */
static size_t group_left(char *const files[FILES])
{
    char text[8192];
    size_t limit = number_of(files[LIMIT], ""), used = number_of(files[USE], "");
    if (limit == SIZE_MAX || used == SIZE_MAX)
        return SIZE_MAX;
    read_small(files[STATISTICS], text, sizeof text);
    size_t read = number_in(text, "\ntotal_inactive_file "); /* with the groups inside, in version 1 */
    read = read == SIZE_MAX ? number_in(text, "\ninactive_file ") : read;
    return less(limit, less(used, read == SIZE_MAX ? 0 : read));
}

static size_t ulimit(int which)
{
    struct rlimit limit;
    return getrlimit(which, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? (size_t)limit.rlim_cur : SIZE_MAX;
}

/* The number at place `n` of a line of numbers, 0 where there is none. */
static size_t number_at(const char *line, unsigned n)
{
    char *end;
    for (; n > 0; n--, line = end)
        strtoull(line, &end, 10);
    return strtoull(line, &end, 10);
}

struct memory_left memory_left_of(const struct memory_files *memory)
{
    struct memory_left left = {number_of(memory->files[MEMINFO], "MemAvailable:"), NULL};
    left.bytes = left.bytes == SIZE_MAX ? SIZE_MAX : left.bytes * 1024;
    size_t space = ulimit(RLIMIT_AS), data = ulimit(RLIMIT_DATA);
    if (space != SIZE_MAX || data != SIZE_MAX) {
        char text[256];
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        read_small(memory->files[STATM], text, sizeof text); /* pages: all, resident, shared, text, 0, data */
        if (space != SIZE_MAX)
            bound_by(&left, "ulimit -v", less(space, number_at(text, 0) * page + RESERVE));
        if (data != SIZE_MAX)
            bound_by(&left, "ulimit -d", less(data, number_at(text, 5) * page + RESERVE));
    }
    for (size_t i = GROUPS; i + FILES <= memory->n; i += FILES)
        bound_by(&left, "the control group", group_left(memory->files + i));
    return left;
}

static struct memory_files found;

static void find(void)
{
    memory_find(&found, "");
}

const struct memory_files *memory_files(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find);
    return &found;
}

struct memory_left memory_left(void)
{
    return memory_left_of(memory_files());
}

const char *memory_ulimit(size_t *bytes)
{
    size_t space = ulimit(RLIMIT_AS), data = ulimit(RLIMIT_DATA);
    *bytes = space < data ? space : data;
    return *bytes == SIZE_MAX ? NULL : space < data ? "ulimit -v" : "ulimit -d";
}
