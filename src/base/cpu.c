/* SPDX-License-Identifier: Apache-2.0
 *
 * Processor features (Intel SDM volume 1, chapter 14.3 for the detection) and how much of the machine is ours.
 */
#include "base/cpu.h"

#include <hwloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/str.h"

#if defined(__x86_64__)
/* XCR0: which registers the operating system saves. Only when CPUID says OSXSAVE. */
static uint64_t saved_registers(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static struct cpu detect(void)
{
    enum { XCR0_YMM = 0x06, XCR0_ZMM = 0xe6 };
    struct cpu cpu = {0};
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return cpu;
    uint64_t saved = c & bit_OSXSAVE ? saved_registers() : 0;
    bool ymm = (saved & XCR0_YMM) == XCR0_YMM && (c & bit_AVX);
    bool zmm = ymm && (saved & XCR0_ZMM) == XCR0_ZMM;
    bool f16c = c & bit_F16C;
    cpu.fma = ymm && (c & bit_FMA);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return cpu;
    unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    cpu.avx2 = cpu.fma && f16c && (b & bit_AVX2);
    cpu.avx512 = cpu.avx2 && zmm && (b & avx512) == avx512;
    cpu.avx512_vnni = cpu.avx512 && (c & bit_AVX512VNNI);
    return cpu;
}
#elif defined(__aarch64__)
static struct cpu detect(void)
{
    unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    struct cpu cpu = {.fma = true};
    cpu.neon = first & HWCAP_ASIMD;
    cpu.dotprod = cpu.neon && (first & HWCAP_ASIMDDP);
#ifdef HWCAP2_I8MM
    cpu.i8mm = cpu.neon && (second & HWCAP2_I8MM);
#else
    (void)second;
#endif
    return cpu;
}
#else
static struct cpu detect(void)
{
    return (struct cpu){0};
}
#endif

static struct cpu found;
static unsigned n_cores, n_threads;
static pthread_once_t found_once = PTHREAD_ONCE_INIT, counted_once = PTHREAD_ONCE_INIT;

static void find_features(void)
{
    found = detect();
}

const struct cpu *cpu_features(void)
{
    pthread_once(&found_once, find_features);
    return &found;
}

/* Reads a short file (of /proc or /sys) as text. False when it is not there. */
static bool read_short(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    fclose(file);
    return true;
}

/* The quota in the folder of one control group, 0 for none. v2 has "max 100000" or "150000 100000" in one file, v1
 * a file each, with -1 for none. What is not a number reads as 0. */
static unsigned group_quota(const char *folder)
{
    char path[4200], text[64];
    long long quota, period;
    snprintf(path, sizeof(path), "%s/cpu.max", folder);
    if (read_short(path, text, sizeof(text))) {
        char *rest;
        quota = strtoll(text, &rest, 10);
        period = strtoll(rest, NULL, 10);
    } else {
        snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder);
        quota = read_short(path, text, sizeof(text)) ? strtoll(text, NULL, 10) : 0;
        snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
        period = read_short(path, text, sizeof(text)) ? strtoll(text, NULL, 10) : 0;
    }
    if (quota <= 0 || period <= 0)
        return 0;
    long long whole = quota / period + (quota % period != 0);
    return whole > 65536 ? 0 : (unsigned)whole;
}

/* Whether a v1 controller list ("cpu,cpuacct") has "cpu"; v2 has an empty list. */
static bool governs_cpu(const char *controllers)
{
    if (*controllers == '\0')
        return true;
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
            return true;
    }
    return false;
}

unsigned cpu_quota(const char *membership, const char *mount)
{
    char text[8192];
    if (!read_short(membership, text, sizeof(text)))
        return 0;
    unsigned least = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        /* hierarchy:controllers:/path */
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        if (!governs_cpu(controllers))
            continue;
        char folder[4096];
        int base = snprintf(folder, sizeof(folder), "%s%s%s", mount, *controllers ? "/" : "", controllers);
        if (base < 0 || (size_t)base + strlen(path) >= sizeof(folder))
            continue;
        memcpy(folder + base, path, strlen(path) + 1);
        /* A group is bound by its parents too. In a container the path may not exist, but the mount does. */
        for (char *slash = folder + strlen(folder); slash; slash = strrchr(folder + base, '/')) {
            *slash = '\0';
            unsigned quota = group_quota(folder);
            if (quota && (!least || quota < least))
                least = quota;
        }
    }
    return least;
}

/* Counts the objects of a kind (cores, hardware threads) that have a processor in `allowed`. */
static unsigned count_objects(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_const_cpuset_t allowed)
{
    unsigned n = 0;
    for (hwloc_obj_t obj = NULL; (obj = hwloc_get_next_obj_by_type(topology, type, obj));)
        n += (unsigned)hwloc_bitmap_intersects(obj->cpuset, allowed);
    return n;
}

static void count_processors(void)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) == 0) {
        hwloc_cpuset_t allowed = hwloc_bitmap_alloc();
        hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
        hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
        if (allowed && hwloc_topology_load(topology) == 0 && hwloc_get_cpubind(topology, allowed, 0) == 0) {
            n_cores = count_objects(topology, HWLOC_OBJ_CORE, allowed);
            n_threads = count_objects(topology, HWLOC_OBJ_PU, allowed);
        }
        hwloc_bitmap_free(allowed);
        hwloc_topology_destroy(topology);
    }
    unsigned quota = cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (n_threads == 0)
        n_threads = 1;
    if (n_cores == 0)
        n_cores = n_threads;
    if (quota && quota < n_threads)
        n_threads = quota;
    if (n_cores > n_threads)
        n_cores = n_threads;
}

unsigned cpu_cores_allowed(void)
{
    pthread_once(&counted_once, count_processors);
    return n_cores;
}

unsigned cpu_threads_allowed(void)
{
    pthread_once(&counted_once, count_processors);
    return n_threads;
}
