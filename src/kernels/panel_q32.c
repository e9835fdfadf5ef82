/* SPDX-License-Identifier: Apache-2.0
 *
 * Panel layouts of the formats with blocks of 32. Fields of 2 bytes are float16 of rows 0 .. 15; lines are
 * panel_words.h's.
 *
 *   Q4_0  d 32 | nibble lines 256                               288 bytes
 *   Q4_1  d 32 | m 32 | nibble lines 256                        320
 *   Q5_0  d 32 | nibble lines 256 | bit line 64                 352
 *   Q5_1  d 32 | m 32 | nibble lines 256 | bit line 64          384
 *   Q8_0  d 32 | 8 lines of bytes 512                           544
 */
#include "kernels/panel_layouts.h"
#include "kernels/panel_words.h"

/* Copies the `n_halves` float16 fields a raw block starts with. */
static void pack_halves(unsigned n_halves, const uint8_t *raw, unsigned row, uint8_t *out)
{
    for (unsigned field = 0; field < n_halves; field++)
        memcpy(out + ((size_t)field * PANEL_ROWS + row) * 2, raw + (size_t)field * 2, 2);
}

static void unpack_halves(unsigned n_halves, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    for (unsigned field = 0; field < n_halves; field++)
        memcpy(raw + (size_t)field * 2, panel_block + ((size_t)field * PANEL_ROWS + row) * 2, 2);
}

/* Copies `n_words` words of a row to as many lines. */
static void pack_words(unsigned n_words, const uint8_t *raw, unsigned row, uint8_t *lines)
{
    for (unsigned i = 0; i < n_words; i++)
        memcpy(lines + word_at(i, row), raw + (size_t)i * 4, 4);
}

static void unpack_words(unsigned n_words, const uint8_t *lines, unsigned row, uint8_t *raw)
{
    for (unsigned i = 0; i < n_words; i++)
        memcpy(raw + (size_t)i * 4, lines + word_at(i, row), 4);
}

/* Bit 4g + i of 32 bits to bit g of byte i: gathers each fourth bit. */
static void pack_bits(const uint8_t *qh, uint8_t *word)
{
    uint32_t bits = (uint32_t)qh[0] | (uint32_t)qh[1] << 8 | (uint32_t)qh[2] << 16 | (uint32_t)qh[3] << 24;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t x = bits >> i & 0x11111111;
        x = (x | x >> 3) & 0x03030303;
        x = (x | x >> 6) & 0x000f000f;
        word[i] = (uint8_t)(x | x >> 12);
    }
}

static void unpack_bits(const uint8_t *word, uint8_t *qh)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t x = word[i];
        x = (x | x << 12) & 0x000f000f;
        x = (x | x << 6) & 0x03030303;
        x = (x | x << 3) & 0x11111111;
        bits |= x << i;
    }
    for (unsigned byte = 0; byte < 4; byte++)
        qh[byte] = (uint8_t)(bits >> 8 * byte);
}

/* Q4_0, Q4_1: n_halves fields, then 16 bytes of nibbles, already in pairs of elements e and e + 16. */
static void pack_nibbles(unsigned n_halves, const uint8_t *raw, size_t stride, uint8_t *out)
{
    for (unsigned row = 0; row < PANEL_ROWS; row++, raw += stride) {
        pack_halves(n_halves, raw, row, out);
        pack_words(4, raw + n_halves * 2, row, out + n_halves * 2 * PANEL_ROWS);
    }
}

static void unpack_nibbles(unsigned n_halves, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    unpack_halves(n_halves, panel_block, row, raw);
    unpack_words(4, panel_block + n_halves * 2 * PANEL_ROWS, row, raw + n_halves * 2);
}

/* Q5_0, Q5_1: with 4 bytes of fifth bits before the nibbles. */
static void pack_fives(unsigned n_halves, const uint8_t *raw, size_t stride, uint8_t *out)
{
    uint8_t *lines = out + n_halves * 2 * PANEL_ROWS;
    for (unsigned row = 0; row < PANEL_ROWS; row++, raw += stride) {
        pack_halves(n_halves, raw, row, out);
        pack_words(4, raw + n_halves * 2 + 4, row, lines);
        pack_bits(raw + n_halves * 2, lines + word_at(4, row));
    }
}

static void unpack_fives(unsigned n_halves, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    const uint8_t *lines = panel_block + n_halves * 2 * PANEL_ROWS;
    unpack_halves(n_halves, panel_block, row, raw);
    unpack_bits(lines + word_at(4, row), raw + n_halves * 2);
    unpack_words(4, lines, row, raw + n_halves * 2 + 4);
}

static void q4_0_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    pack_nibbles(1, raw, stride, out);
}

static void q4_0_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    unpack_nibbles(1, panel_block, row, raw);
}

static void q4_1_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    pack_nibbles(2, raw, stride, out);
}

static void q4_1_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    unpack_nibbles(2, panel_block, row, raw);
}

static void q5_0_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    pack_fives(1, raw, stride, out);
}

static void q5_0_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    unpack_fives(1, panel_block, row, raw);
}

static void q5_1_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    pack_fives(2, raw, stride, out);
}

static void q5_1_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    unpack_fives(2, panel_block, row, raw);
}

static void q8_0_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    (void)type;
    for (unsigned row = 0; row < PANEL_ROWS; row++, raw += stride) {
        pack_halves(1, raw, row, out);
        pack_words(8, raw + 2, row, out + 2 * PANEL_ROWS);
    }
}

static void q8_0_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    (void)type;
    unpack_halves(1, panel_block, row, raw);
    unpack_words(8, panel_block + 2 * PANEL_ROWS, row, raw + 2);
}

const struct panel_layout panel_q4_0 = {.pack = q4_0_pack, .unpack = q4_0_unpack};
const struct panel_layout panel_q4_1 = {.pack = q4_1_pack, .unpack = q4_1_unpack};
const struct panel_layout panel_q5_0 = {.pack = q5_0_pack, .unpack = q5_0_unpack};
const struct panel_layout panel_q5_1 = {.pack = q5_1_pack, .unpack = q5_1_unpack};
const struct panel_layout panel_q8_0 = {.pack = q8_0_pack, .unpack = q8_0_unpack};
