/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of panels as float32, 8 rows at a time for the formats of avx2_form.h and for 16-bit floats; of other types
 * row by row through quant/.
 */
#include "kernels/wide/decode.h"
#include "kernels/x86/avx2_form.h"

_Static_assert(PANEL_ROWS == 16, "two registers of floats");

/* Group g of a block, w[32, 16]: fma(s, float(scale * q), minus_m). */
static ALWAYS_INLINE void decode_group(struct form form, const uint8_t *block, const struct subscales *sub, unsigned g,
                                       float (*w)[PANEL_ROWS])
{
    for (unsigned row = 0; row < PANEL_ROWS; row += 8) {
        __m256 s = form_scale(form, block, sub, g, row);
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            __m256i integers = form_integers(form, block, g, i, row);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                __m256i up = _mm256_slli_epi32(integers, 24 - 8 * j);
                __m256i q = form.bits == 8 ? _mm256_srai_epi32(up, 24) : _mm256_srli_epi32(up, 24);
                q = _mm256_add_epi32(q, _mm256_set1_epi32(form.offset));
                if (form.bits == 6)
                    q = _mm256_mullo_epi32(q, form_integer_scale(block, g, i / 4, row));
                __m256 x = _mm256_cvtepi32_ps(q);
                x = form.has_min ? _mm256_fmadd_ps(s, x, form_minimum(form, block, sub, g, row)) : _mm256_mul_ps(s, x);
                _mm256_storeu_ps(w[4 * i + (unsigned)j] + row, x);
            }
        }
    }
}

static ALWAYS_INLINE void decode(struct form form, const uint8_t *block, size_t n_k, float (*w)[PANEL_ROWS])
{
    for (size_t k = 0; k < n_k; block += form_block_bytes(form)) {
        struct subscales sub;
        form_subscales(form, block, &sub);
        for (unsigned g = 0; g < form.groups; g++, k += 32)
            decode_group(form, block, &sub, g, w + k);
    }
}

static void decode_f16(const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS])
{
    for (size_t k = 0; k < n_k; k++)
        for (unsigned row = 0; row < PANEL_ROWS; row += 8)
            _mm256_storeu_ps(w[k] + row, load_halves(panel + (k * PANEL_ROWS + row) * 2));
}

static void decode_bf16(const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS])
{
    for (size_t k = 0; k < n_k; k++)
        for (unsigned row = 0; row < PANEL_ROWS; row += 8) {
            __m128i half = _mm_loadu_si128((const __m128i *)(panel + (k * PANEL_ROWS + row) * 2));
            _mm256_storeu_si256((__m256i *)(w[k] + row), _mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
        }
}

static void decode_other(const struct quant_type *type, const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS],
                         struct decode_scratch *scratch)
{
    const struct panel_layout *layout = panel_layout(type);
    size_t block_bytes = panel_block_bytes(type);
    for (unsigned row = 0; row < PANEL_ROWS; row++) {
        const uint8_t *block = panel;
        for (size_t k = 0; k < n_k; k += type->block_elements, block += block_bytes) {
            layout->unpack(type, block, row, scratch->raw);
            quant_decode_block(type, scratch->raw, scratch->row + k);
        }
        for (size_t k = 0; k < n_k; k++)
            w[k][row] = scratch->row[k];
    }
}

void decode_tile(const struct quant_type *type, const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS],
                 struct decode_scratch *scratch)
{
    switch (type->id) {
    case QUANT_F16:
        decode_f16(panel, n_k, w);
        break;
    case QUANT_BF16:
        decode_bf16(panel, n_k, w);
        break;
    case QUANT_Q4_0:
        decode(form_q4_0, panel, n_k, w);
        break;
    case QUANT_Q4_1:
        decode(form_q4_1, panel, n_k, w);
        break;
    case QUANT_Q5_0:
        decode(form_q5_0, panel, n_k, w);
        break;
    case QUANT_Q5_1:
        decode(form_q5_1, panel, n_k, w);
        break;
    case QUANT_Q8_0:
        decode(form_q8_0, panel, n_k, w);
        break;
    case QUANT_Q4_K:
        decode(form_q4_k, panel, n_k, w);
        break;
    case QUANT_Q5_K:
        decode(form_q5_k, panel, n_k, w);
        break;
    case QUANT_Q6_K:
        decode(form_q6_k, panel, n_k, w);
        break;
    default:
        decode_other(type, panel, n_k, w, scratch);
    }
}
