/* SPDX-License-Identifier: Apache-2.0
 *
 * Checked arithmetic on sizes that come from files. Each returns false on overflow and leaves `*out` alone.
 */
#ifndef HOB_BASE_CHECKED_H
#define HOB_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a + b. */
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* *out = a * b. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* *out = a rounded up to a multiple of `align`, a power of two. */
static inline bool size_align(size_t a, size_t align, size_t *out)
{
    size_t sum;
    if (!size_add(a, align - 1, &sum))
        return false;
    *out = sum & ~(align - 1);
    return true;
}

#endif
