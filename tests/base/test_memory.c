/* SPDX-License-Identifier: Apache-2.0
 *
 * What bounds memory: control groups of both versions in a planted root, and the limits of this process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static char root[] = "/tmp/hob-memory-XXXXXX";

/* Writes a file below the root, and the folders that it lies in. */
static void plant(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    assert_true(file_make_folder(full, NULL));
    *slash = '/';
    assert_true(file_save(full, str_of(text), NULL));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    plant("/proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:  8000 kB\n");
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command); /* NOLINT(cert-env33-c): the name is mkdtemp()'s */
}

static void check(const char *groups, size_t bytes, const char *bound)
{
    struct memory_files memory;
    plant("/proc/self/cgroup", groups);
    memory_find(&memory, root);
    struct memory_left left = memory_left_of(&memory);
    memory_clear(&memory);
    assert_int_equal(left.bytes, bytes);
    assert_string_equal(left.bound ? left.bound : "", bound);
}

#define GROUP "the control group"

static void test_machine(void **state)
{
    (void)state;
    check("", 8000 * 1024, "");
    check("nonsense\n\n1\n2:memory\n0:\n:::\n4:memory:\n0::/a\n", 8000 * 1024, "");
}

static void test_second(void **state)
{
    (void)state;
    plant("/sys/fs/cgroup/s/memory.max", "1000000\n");
    plant("/sys/fs/cgroup/s/memory.current", "300000\n");
    plant("/sys/fs/cgroup/s/a/memory.max", "max\n");
    plant("/sys/fs/cgroup/s/a/memory.current", "200000\n");
    plant("/sys/fs/cgroup/s/a/b/memory.max", "500000\n");
    plant("/sys/fs/cgroup/s/a/b/memory.current", "100000\n");
    check("0::/s\n", 700000, GROUP);
    check("0::/s/a\n", 700000, GROUP); /* what is around it bounds it */
    check("0::/s/a/b\n", 400000, GROUP);
    plant("/sys/fs/cgroup/s/a/b/memory.stat", "anon 1\ninactive_file 60000\nactive_file 9\n");
    check("0::/s/a/b\n", 460000, GROUP); /* what was read once is given back */
    plant("/sys/fs/cgroup/s/memory.current", "1000001\n");
    check("0::/s/a/b\n", 0, GROUP);
    check("0::/other\n", 8000 * 1024, "");
    plant("/sys/fs/cgroup/memory.max", "50000\n"); /* a container sees its own group as the root */
    plant("/sys/fs/cgroup/memory.current", "20000\n");
    check("0::/../other\n", 30000, GROUP);
    check("0::/\n", 30000, GROUP);
}

static void test_first(void **state)
{
    (void)state;
    plant("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    plant("/sys/fs/cgroup/memory/memory.usage_in_bytes", "123\n");
    check("3:cpu:/c\n4:memory:/c/d\n", 8000 * 1024, "");
    plant("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "2000000\n");
    plant("/sys/fs/cgroup/memory/c/memory.usage_in_bytes", "500000\n");
    check("4:memory:/c/d\n", 1500000, GROUP);
    plant("/sys/fs/cgroup/memory/c/memory.stat", "cache 1\ninactive_file 5\ntotal_inactive_file 100000\n");
    check("4:hugetlb,memory:/c\n", 1600000, GROUP);
    check("4:memoryless:/c\n", 8000 * 1024, "");
}

/* In a process of its own, since a limit stays. */
static void check_ulimit(int which, const char *bound)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct hob_error err;
        struct rlimit limit = {(rlim_t)1 << 40, RLIM_INFINITY}; /* far above what a sanitizer reserves, but for -v */
        size_t bytes;
        bool good = setrlimit(which, &limit) == 0 && strcmp(memory_ulimit(&bytes), bound) == 0 && bytes == 1ull << 40;
        error_memory(&err, 5);
        good = good && strstr(err.text, bound) && strstr(err.text, "is 1073741824 KB");
        limit.rlim_cur = 4096;
        good = good && setrlimit(which, &limit) == 0;
        struct memory_left left = memory_left();
        _exit(good && left.bytes == 0 && left.bound && strcmp(left.bound, bound) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_ulimit(void **state)
{
    (void)state;
    size_t bytes;
    assert_null(memory_ulimit(&bytes));
    assert_true(memory_left().bytes > 0);
    check_ulimit(RLIMIT_AS, "ulimit -v");
    check_ulimit(RLIMIT_DATA, "ulimit -d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_second),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_ulimit),
    };
    return cmocka_run_group_tests_name("memory", tests, set_up, tear_down);
}
