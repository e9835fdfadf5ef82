/* SPDX-License-Identifier: Apache-2.0
 *
 * The byte alphabet of byte-level BPE (GPT-2): every byte has a printable character. 0x21-0x7E, 0xA1-0xAC and
 * 0xAE-0xFF are the code points of the same number; the other 68, in order, are U+0100 to U+0143.
 */
#ifndef HOB_TEXT_BPE_ALPHABET_H
#define HOB_TEXT_BPE_ALPHABET_H

#include "base/str.h"

/* The code point that stands for `byte`. */
uint32_t alphabet_of_byte(uint8_t byte);

/* The byte that code point `code` stands for, or -1. */
int alphabet_to_byte(int32_t code);

/* Appends `bytes` written in the alphabet. False when memory is exhausted. */
bool alphabet_write(struct str bytes, struct buf *out);

/* Appends the bytes that `text` stands for, or, when it holds a character outside of the alphabet, `text` itself.
 * False when memory is exhausted. */
bool alphabet_read(struct str text, struct buf *out);

#endif
