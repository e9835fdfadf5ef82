/* SPDX-License-Identifier: Apache-2.0
 *
 * What comparing kernels needs: a seeded generator, nasty inputs, buffers that end at a page that may not be touched,
 * and equality of bits.
 */
#ifndef HOB_TESTS_KERNELS_CHECK_H
#define HOB_TESTS_KERNELS_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernels/cache.h"
#include "kernels/kernels.h"
#include "quant/half.h"

static uint64_t random_state;

/* Seeds from HOB_TEST_SEED, else from the clock, and says so. */
static inline void random_start(void)
{
    const char *seed = getenv("HOB_TEST_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("# HOB_TEST_SEED=%llu\n", (unsigned long long)random_state);
}

/* 64 random bits (SplitMix64). */
static inline uint64_t random_bits(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* An integer of 0 .. n - 1. */
static inline size_t random_below(size_t n)
{
    return (size_t)(random_bits() % n);
}

static inline float random_unit(void)
{
    return (float)((double)(int64_t)random_bits() * 0x1p-63);
}

enum inputs { INPUT_PLAIN, INPUT_WIDE, INPUT_TINY, INPUT_HUGE, INPUT_ZEROS, INPUT_EQUAL, INPUT_SPECIAL, INPUT_KINDS };

/* One number of a kind; INPUT_EQUAL makes every magnitude the same, which saturates the 8-bit integers. */
static inline float random_input(enum inputs kind)
{
    float u = random_unit();
    switch (kind) {
    case INPUT_WIDE:
        return ldexpf(u, (int)random_below(80) - 40);
    case INPUT_TINY:
        return float_of_bits((uint32_t)random_bits() & (random_below(2) ? 0x80ffffff : 0x8000ffff));
    case INPUT_HUGE:
        return u * 3.4e38f;
    case INPUT_ZEROS:
        return random_below(3) ? (u < 0 ? -0.0f : 0.0f) : u;
    case INPUT_EQUAL:
        return u < 0 ? -3.0f : 3.0f;
    case INPUT_SPECIAL:
        return random_below(50) ? u : random_below(2) ? NAN : u < 0 ? -INFINITY : INFINITY;
    default:
        return u * 4;
    }
}

/* How many rows a kernel is given: mostly few, and just past what is taken together. */
static inline size_t random_rows(void)
{
    static const size_t usual[] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 24, 31, 33, 64, 65};
    return usual[random_below(sizeof usual / sizeof *usual)];
}

/* Windows of a block that queries see: all of it, as in a prefill chunk, anything, or one part, as heads of one row. */
static inline void random_windows(size_t n_q, uint8_t *lo, uint8_t *hi)
{
    size_t shape = random_below(4), start = random_below(CACHE_BLOCK);
    for (size_t i = 0; i < n_q; i++) {
        lo[i] = 0;
        hi[i] = CACHE_BLOCK;
        if (shape == 1)
            hi[i] = (uint8_t)(start + 1 + i < CACHE_BLOCK ? start + 1 + i : CACHE_BLOCK);
        if (shape >= 2) {
            lo[i] = (uint8_t)random_below(CACHE_BLOCK);
            hi[i] = (uint8_t)(lo[i] + 1 + random_below((size_t)(CACHE_BLOCK - lo[i])));
        }
        if (shape == 3)
            lo[i] = lo[0], hi[i] = hi[0];
    }
}

/* `bytes` of memory whose last byte is the last before a guard page. */
struct guarded {
    uint8_t *data, *map;
    size_t bytes, map_bytes;
};

static inline struct guarded guarded_new(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page;
    struct guarded g = {.bytes = bytes, .map_bytes = body + page};
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect(g.map + body, page, PROT_NONE) != 0)
        abort();
    g.data = g.map + body - bytes;
    return g;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_bytes);
}

/* n random floats. */
static inline struct guarded guarded_floats(size_t n, enum inputs kind)
{
    struct guarded g = guarded_new(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        ((float *)g.data)[i] = random_input(kind);
    return g;
}

static inline struct guarded guarded_copy(const struct guarded *from)
{
    struct guarded g = guarded_new(from->bytes);
    memcpy(g.data, from->data, from->bytes);
    return g;
}

/* Whether n floats have the same bits, any NaN being like any other; says where they first differ. */
static inline bool same_floats(const char *what, const void *want, const void *got, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t a, b;
        memcpy(&a, (const char *)want + 4 * i, 4);
        memcpy(&b, (const char *)got + 4 * i, 4);
        if (a != b && !((a & 0x7fffffff) > 0x7f800000 && (b & 0x7fffffff) > 0x7f800000)) {
            printf("# %s: element %zu of %zu: want %08x (%.9g), found %08x (%.9g)\n", what, i, n, a,
                   (double)float_of_bits(a), b, (double)float_of_bits(b));
            return false;
        }
    }
    return true;
}

static inline bool same_bytes(const char *what, const void *want, const void *got, size_t n)
{
    if (memcmp(want, got, n) == 0)
        return true;
    size_t i = 0;
    while (((const uint8_t *)want)[i] == ((const uint8_t *)got)[i])
        i++;
    printf("# %s: byte %zu of %zu: want %02x, found %02x\n", what, i, n, ((const uint8_t *)want)[i],
           ((const uint8_t *)got)[i]);
    return false;
}

#endif
