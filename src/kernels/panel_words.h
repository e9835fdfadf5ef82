/* SPDX-License-Identifier: Apache-2.0
 *
 * What the panel layouts share: weights are moved as words of 4 bytes, four elements along k of one row. A "line" is
 * 64 bytes, one word of each of the 16 rows, so that one register holds 8 or 16 rows by 4 elements.
 *
 * The lines of a group, 32 elements along k of 16 rows, element e of a row being i = e % 4 of granule g = e / 4:
 *
 *   nibble lines   4: byte i of row r in line j    elements 4j + i (low) and 16 + 4j + i (high), their low 4 bits
 *   bit line       1: byte i of row r              bit g: the fifth bit of element 4g + i
 *   bit pair lines 2: byte i of row r in line h    bits 2g, 2g + 1: bits 4 and 5 of element 16h + 4g + i, g < 4
 */
#ifndef HOB_KERNELS_PANEL_WORDS_H
#define HOB_KERNELS_PANEL_WORDS_H

#include <string.h>

#include "kernels/panel.h"

#define LINE_BYTES (4 * PANEL_ROWS)

/* Reads a word. */
static inline uint32_t word_load(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Writes a word. */
static inline void word_store(uint8_t *p, uint32_t word)
{
    memcpy(p, &word, sizeof word);
}

/* Where the word of row `row` stands in line `line`. */
static inline size_t word_at(unsigned line, unsigned row)
{
    return (size_t)line * LINE_BYTES + (size_t)row * 4;
}

#endif
