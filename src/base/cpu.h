/* SPDX-License-Identifier: Apache-2.0
 *
 * What this processor and this process may use.
 */
#ifndef HOB_BASE_CPU_H
#define HOB_BASE_CPU_H

#include <stdbool.h>

/* Features the processor has AND the operating system saves the registers of. */
struct cpu {
    bool fma;         /* FMA3 (x86) or always (ARM) */
    bool avx2;        /* AVX2, FMA and F16C */
    bool avx512;      /* AVX-512 F, BW, DQ, VL */
    bool avx512_vnni; /* and VNNI */
    bool neon, dotprod, i8mm;
};

/* The features, found once. Thread-safe. */
const struct cpu *cpu_features(void);

/* How many physical cores this process may run on (affinity and cgroup quota counted), at least 1. Found once, so
 * later changes of the affinity are not seen. Thread-safe. */
unsigned cpu_cores_allowed(void);

/* The same for hardware threads: where cores have two, up to twice as many. Thread-safe. */
unsigned cpu_threads_allowed(void);

/* The processor quota of a process in whole processors, rounded up, or 0 for none: the smallest of its control
 * groups (v1 or v2). `membership` is /proc/self/cgroup, `mount` is /sys/fs/cgroup, or what stands for them. */
unsigned cpu_quota(const char *membership, const char *mount);

#endif
