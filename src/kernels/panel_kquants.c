/* SPDX-License-Identifier: Apache-2.0
 *
 * Panel layouts of Q4_K, Q5_K and Q6_K, blocks of 256: what belongs to the block, then the lines (panel_words.h) of
 * its 8 groups of 32 in turn. d and dmin are float16 of rows 0 .. 15; scales stay packed as in the format, byte b of
 * the 16 rows side by side.
 *
 *   Q4_K  d 32 | dmin 32 | scales [12][16] | 8 x (nibble lines 256)                       2304 bytes
 *   Q5_K  d 32 | dmin 32 | scales [12][16] | 8 x (nibble lines 256 | bit line 64)         2816
 *   Q6_K  d 32 | scales [16][16] int8      | 8 x (nibble lines 256 | bit pair lines 128)  3360
 */
#include "kernels/panel_layouts.h"
#include "kernels/panel_words.h"

#define LOW_NIBBLES  0x0f0f0f0fu
#define HIGH_NIBBLES 0xf0f0f0f0u

/* Where things stand in a raw block and in a panel block. */
struct kquant {
    unsigned n_halves, halves_at;  /* float16 fields and where they start in a raw block */
    unsigned n_scales, scales_at;  /* scale bytes */
    unsigned nibbles_at, extra_at; /* nibbles, and the further bits */
    unsigned group_lines;          /* lines of a group: 4 of nibbles and those of the further bits */
};

static const struct kquant q4_k = {.n_halves = 2, .n_scales = 12, .scales_at = 4, .nibbles_at = 16, .group_lines = 4};
static const struct kquant q5_k = {
    .n_halves = 2, .n_scales = 12, .scales_at = 4, .nibbles_at = 48, .extra_at = 16, .group_lines = 5};
static const struct kquant q6_k = {
    .n_halves = 1, .halves_at = 208, .n_scales = 16, .scales_at = 192, .extra_at = 128, .group_lines = 6};

/* Where group g of 8 has its lines, counted in bytes from the start of a panel block. */
static size_t group_at(const struct kquant *format, unsigned g)
{
    return (format->n_halves * 2 + format->n_scales) * PANEL_ROWS + (size_t)g * format->group_lines * LINE_BYTES;
}

static void pack_head(const struct kquant *format, const uint8_t *raw, unsigned row, uint8_t *out)
{
    for (unsigned i = 0; i < format->n_halves; i++)
        memcpy(out + ((size_t)i * PANEL_ROWS + row) * 2, raw + format->halves_at + (size_t)i * 2, 2);
    for (unsigned i = 0; i < format->n_scales; i++)
        out[(format->n_halves * 2 + i) * PANEL_ROWS + row] = raw[format->scales_at + i];
}

static void unpack_head(const struct kquant *format, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    for (unsigned i = 0; i < format->n_halves; i++)
        memcpy(raw + format->halves_at + (size_t)i * 2, panel_block + ((size_t)i * PANEL_ROWS + row) * 2, 2);
    for (unsigned i = 0; i < format->n_scales; i++)
        raw[format->scales_at + i] = panel_block[(format->n_halves * 2 + i) * PANEL_ROWS + row];
}

/* Groups `low` and `high` of a panel block from 32 bytes, whose low nibbles are the one and high ones the other. */
static void pack_nibbles(const struct kquant *format, const uint8_t *bytes, unsigned low, unsigned high, unsigned row,
                         uint8_t *out)
{
    for (unsigned j = 0; j < 4; j++) {
        uint32_t first = word_load(bytes + (size_t)j * 4), second = word_load(bytes + 16 + (size_t)j * 4);
        word_store(out + group_at(format, low) + word_at(j, row), (first & LOW_NIBBLES) | (second & LOW_NIBBLES) << 4);
        word_store(out + group_at(format, high) + word_at(j, row),
                   (first & HIGH_NIBBLES) >> 4 | (second & HIGH_NIBBLES));
    }
}

static void unpack_nibbles(const struct kquant *format, const uint8_t *panel_block, unsigned low, unsigned high,
                           unsigned row, uint8_t *bytes)
{
    for (unsigned j = 0; j < 4; j++) {
        uint32_t lows = word_load(panel_block + group_at(format, low) + word_at(j, row));
        uint32_t highs = word_load(panel_block + group_at(format, high) + word_at(j, row));
        word_store(bytes + (size_t)j * 4, (lows & LOW_NIBBLES) | (highs & LOW_NIBBLES) << 4);
        word_store(bytes + 16 + (size_t)j * 4, (lows & HIGH_NIBBLES) >> 4 | (highs & HIGH_NIBBLES));
    }
}

static void four_pack(const struct kquant *format, const uint8_t *raw, unsigned row, uint8_t *out)
{
    pack_head(format, raw, row, out);
    for (unsigned i = 0; i < 4; i++)
        pack_nibbles(format, raw + format->nibbles_at + (size_t)i * 32, 2 * i, 2 * i + 1, row, out);
}

static void four_unpack(const struct kquant *format, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    unpack_head(format, panel_block, row, raw);
    for (unsigned i = 0; i < 4; i++)
        unpack_nibbles(format, panel_block, 2 * i, 2 * i + 1, row, raw + format->nibbles_at + (size_t)i * 32);
}

static void q4_k_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    for (unsigned row = 0; row < PANEL_ROWS; row++)
        four_pack(&q4_k, raw + row * stride, row, out);
}

static void q4_k_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    four_unpack(&q4_k, panel_block, row, raw);
}

static void q5_k_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    for (unsigned row = 0; row < PANEL_ROWS; row++, raw += stride) {
        four_pack(&q5_k, raw, row, out);
        for (unsigned g = 0; g < 8; g++) {
            uint32_t bits = 0;
            for (unsigned j = 0; j < 8; j++)
                bits |= (word_load(raw + q5_k.extra_at + (size_t)j * 4) >> g & 0x01010101) << j;
            word_store(out + group_at(&q5_k, g) + word_at(4, row), bits);
        }
    }
}

static void q5_k_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    four_unpack(&q5_k, panel_block, row, raw);
    for (unsigned j = 0; j < 8; j++) {
        uint32_t bits = 0;
        for (unsigned g = 0; g < 8; g++)
            bits |= (word_load(panel_block + group_at(&q5_k, g) + word_at(4, row)) >> j & 0x01010101) << g;
        word_store(raw + q5_k.extra_at + (size_t)j * 4, bits);
    }
}

/* Group g takes its nibbles from 32 bytes of ql together with group g + 2 (g % 4 < 2), and its further bits, two of
 * each byte, from 32 bytes of qh together with all groups of its half. */
static void q6_k_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    for (unsigned row = 0; row < PANEL_ROWS; row++, raw += stride) {
        pack_head(&q6_k, raw, row, out);
        for (unsigned i = 0; i < 4; i++) {
            unsigned g = i / 2 * 4 + i % 2;
            pack_nibbles(&q6_k, raw + q6_k.nibbles_at + (size_t)i * 32, g, g + 2, row, out);
        }
        for (unsigned g = 0; g < 8; g++)
            for (unsigned line = 0; line < 2; line++) {
                const uint8_t *qh = raw + q6_k.extra_at + (size_t)g / 4 * 32 + (size_t)line * 16;
                uint32_t bits = 0;
                for (unsigned j = 0; j < 4; j++)
                    bits |= (word_load(qh + (size_t)j * 4) >> g % 4 * 2 & 0x03030303) << 2 * j;
                word_store(out + group_at(&q6_k, g) + word_at(4 + line, row), bits);
            }
    }
}

static void q6_k_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    unpack_head(&q6_k, panel_block, row, raw);
    for (unsigned i = 0; i < 4; i++) {
        unsigned g = i / 2 * 4 + i % 2;
        unpack_nibbles(&q6_k, panel_block, g, g + 2, row, raw + q6_k.nibbles_at + (size_t)i * 32);
    }
    for (unsigned j = 0; j < 16; j++) { /* word j of qh: half j / 8, elements 4 * (j % 8) of its groups */
        uint32_t bits = 0;
        for (unsigned g = 0; g < 4; g++) {
            const uint8_t *lines = panel_block + group_at(&q6_k, j / 8 * 4 + g);
            bits |= (word_load(lines + word_at(4 + j % 8 / 4, row)) >> j % 4 * 2 & 0x03030303) << 2 * g;
        }
        word_store(raw + q6_k.extra_at + (size_t)j * 4, bits);
    }
}

const struct panel_layout panel_q4_k = {.pack = q4_k_pack, .unpack = q4_k_unpack};
const struct panel_layout panel_q5_k = {.pack = q5_k_pack, .unpack = q5_k_unpack};
const struct panel_layout panel_q6_k = {.pack = q6_k_pack, .unpack = q6_k_unpack};
