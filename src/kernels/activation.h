/* SPDX-License-Identifier: Apache-2.0
 *
 * The 8-bit activation row, "q8 row": K elements, K a multiple of 32.
 *
 *   offset 0                     K int8         the integers q, |q| <= 127
 *   K rounded up to 64           K/32 float32   the scale d of each 32
 *   then                         K/16 int16     the exact sum of q over each 16
 *   the whole rounded up to 64 bytes
 */
#ifndef HOB_KERNELS_ACTIVATION_H
#define HOB_KERNELS_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the integers, up to the scales. */
static inline size_t q8_scale_offset(size_t k)
{
    return (k + 63) & ~(size_t)63;
}

/* Bytes of a row. */
static inline size_t q8_row_bytes(size_t k)
{
    return (q8_scale_offset(k) + k / 32 * 4 + k / 16 * 2 + 63) & ~(size_t)63;
}

/* The integers of a row. */
static inline int8_t *q8_integers(void *row)
{
    return row;
}

/* The scales of a row of k elements. */
static inline float *q8_scales(void *row, size_t k)
{
    return (float *)((char *)row + q8_scale_offset(k));
}

/* The sums over each 16 of a row of k elements. */
static inline int16_t *q8_sums(void *row, size_t k)
{
    return (int16_t *)((char *)row + q8_scale_offset(k) + k / 32 * 4);
}

#endif
