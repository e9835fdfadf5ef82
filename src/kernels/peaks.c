/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops of peaks.h in plain C, and which there are.
 */
#include "kernels/peaks.h"

#include <string.h>

static float fp32(size_t steps)
{
    volatile float a = 0.5f;
    float sum[PEAK_CHAINS] = {0};
    for (size_t i = 0; i < steps; i++)
        for (unsigned j = 0; j < PEAK_CHAINS; j++)
            sum[j] = sum[j] + a * 0.25f;
    return sum[0];
}

static int32_t int8(size_t steps)
{
    volatile int8_t a = 3;
    int32_t sum[PEAK_CHAINS] = {0};
    for (size_t i = 0; i < steps; i++)
        for (unsigned j = 0; j < PEAK_CHAINS; j++)
            sum[j] = (int32_t)((uint32_t)sum[j] + (uint32_t)(a * 5));
    return sum[0];
}

static uint32_t read_bytes(const void *bytes, size_t n)
{
    uint64_t sum = 0, word;
    for (size_t i = 0; i < n; i += sizeof word) {
        memcpy(&word, (const char *)bytes + i, sizeof word);
        sum ^= word;
    }
    return (uint32_t)sum ^ (uint32_t)(sum >> 32);
}

const struct peaks plain_peaks = {fp32, int8, 2, 2, "plain C", read_bytes};

const struct peaks *peaks_of(const struct kernels *kernels)
{
#if defined(__x86_64__)
    if (strcmp(kernels->name, "avx512") == 0)
        return &avx512_peaks;
    if (strcmp(kernels->name, "avx2") == 0)
        return &avx2_peaks;
#elif defined(__aarch64__)
    if (strncmp(kernels->name, "neon", 4) == 0)
        return &neon_peaks;
#endif
    (void)kernels;
    return &plain_peaks;
}
