/* SPDX-License-Identifier: Apache-2.0
 *
 * Q8_0 with q8 activations for many columns. Two products of signed bytes do not fit into int16, and one at a time
 * wants four instructions for each register of weights; so both sides are widened to int16 here, the weights once for
 * all columns and the activations once for all panels, and products are added as int32.
 */
#include "kernels/x86/avx2_dot.h"
#include "kernels/x86/avx2_linear.h"

/* A group of 16 rows: of each granule, elements 0 and 2, then elements 1 and 3. */
struct wide_group {
    int16_t integers[8][2][PANEL_ROWS][2];
    float scale[PANEL_ROWS];
};

/* A group of one column in the same order. */
struct wide_column {
    int32_t pairs[2][8];
};

_Static_assert(sizeof(struct wide_group) * BYTES_TILE_GROUPS <= sizeof(struct unpacked_group) * TILE_GROUPS,
               "the tile of the scratch holds widened groups");

/* Bytes 0 and 2, and bytes 1 and 3, of each four, as int16. */
static ALWAYS_INLINE __m256i even_bytes(__m256i x)
{
    return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
}

static ALWAYS_INLINE __m256i odd_bytes(__m256i x)
{
    return _mm256_srai_epi16(x, 8);
}

void avx2_bytes_unpack(const uint8_t *w, unsigned n_groups, void *tile)
{
    struct wide_group *out = tile;
    for (unsigned g = 0; g < n_groups; g++, out++, w += form_block_bytes(form_q8_0))
        for (unsigned row = 0; row < PANEL_ROWS; row += 8) {
            for (unsigned i = 0; i < 8; i++) {
                __m256i integers = form_integers(form_q8_0, w, 0, i, row);
                _mm256_storeu_si256((__m256i *)out->integers[i][0][row], even_bytes(integers));
                _mm256_storeu_si256((__m256i *)out->integers[i][1][row], odd_bytes(integers));
            }
            _mm256_storeu_ps(out->scale + row, load_halves(w + 2 * row));
        }
}

void avx2_bytes_widen(const int8_t *q, unsigned n_groups, void *out)
{
    struct wide_column *wide = out;
    for (unsigned g = 0; g < n_groups; g++, wide++, q += 32) {
        __m256i integers = load_bytes(q);
        _mm256_storeu_si256((__m256i *)wide->pairs[0], even_bytes(integers));
        _mm256_storeu_si256((__m256i *)wide->pairs[1], odd_bytes(integers));
    }
}

/* q[c] points to a struct wide_column for each group. */
static ALWAYS_INLINE void wide_columns(unsigned n_columns, const struct wide_group *w, unsigned first,
                                       unsigned n_groups, const int8_t *const *q, const struct column *columns,
                                       float *sums, size_t stride)
{
    __m256 acc[2][MAX_COLUMNS];
#pragma GCC unroll 8
    for (unsigned h = 0; h < 2; h++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
            acc[h][c] = _mm256_loadu_ps(sums + c * stride + 8 * h);
    for (unsigned g = 0; g < n_groups; g++, w++) {
        __m256i sum[2][MAX_COLUMNS];
#pragma GCC unroll 16
        for (unsigned i = 0; i < 16; i++) {
            __m256i first_rows = load_bytes(w->integers[i / 2][i % 2][0]);
            __m256i last_rows = load_bytes(w->integers[i / 2][i % 2][8]);
#pragma GCC unroll 8
            for (unsigned c = 0; c < n_columns; c++) {
                __m256i pair = granule(q[c] + g * sizeof(struct wide_column) + 4 * (i % 2 * 8 + i / 2));
                __m256i first_dot = _mm256_madd_epi16(first_rows, pair), last_dot = _mm256_madd_epi16(last_rows, pair);
                sum[0][c] = pinned(i ? _mm256_add_epi32(sum[0][c], first_dot) : first_dot);
                sum[1][c] = pinned(i ? _mm256_add_epi32(sum[1][c], last_dot) : last_dot);
            }
        }
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 8
            for (unsigned h = 0; h < 2; h++) {
                __m256 sa = _mm256_mul_ps(_mm256_loadu_ps(w->scale + 8 * h), _mm256_set1_ps(columns[c].a[first + g]));
                acc[h][c] = _mm256_fmadd_ps(sa, _mm256_cvtepi32_ps(sum[h][c]), acc[h][c]);
            }
    }
#pragma GCC unroll 8
    for (unsigned h = 0; h < 2; h++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
            _mm256_storeu_ps(sums + c * stride + 8 * h, acc[h][c]);
}

void avx2_bytes_wide(unsigned n_columns, const void *tile, unsigned first, unsigned n_groups, const int8_t *const *q,
                     const struct column *columns, float *sums, size_t stride)
{
    if (n_columns == 1)
        wide_columns(1, tile, first, n_groups, q, columns, sums, stride);
    else if (n_columns == 2)
        wide_columns(2, tile, first, n_groups, q, columns, sums, stride);
    else
        wide_columns(3, tile, first, n_groups, q, columns, sums, stride);
}
