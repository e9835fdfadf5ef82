/* SPDX-License-Identifier: Apache-2.0
 *
 * Ink: text of which each byte has a look, cut into lines that fit.
 */
#ifndef HOB_CLI_INK_H
#define HOB_CLI_INK_H

#include "base/str.h"

/* How a byte looks, as bits. */
enum look { LOOK_BOLD = 1, LOOK_DIM = 2, LOOK_ITALIC = 4, LOOK_LINE = 8, LOOK_STRUCK = 16, LOOK_CODE = 32 };
enum { N_LOOKS = 6 };

/* Text and how it looks: one byte of `looks` for each of `bytes`. */
struct ink {
    struct buf bytes, looks;
};

/* Appends text, tabs as four spaces. False without memory. */
bool ink_add(struct ink *ink, struct str text, unsigned looks);

/* The line of `ink` that starts at `from`: sets *end, returns where the next starts. `words`: not broken within one
 * where that can be helped, and without spaces at its end. `width` is at least 2. */
size_t ink_line(const struct ink *ink, size_t from, unsigned width, bool words, size_t *end);

/* Appends [from, end) of `ink` to `out` with the escape sequences of its looks, all off at the end. */
void ink_put(const struct ink *ink, size_t from, size_t end, struct buf *out);

/* Empties it; ink_clear() frees it as well. */
void ink_empty(struct ink *ink);
void ink_clear(struct ink *ink);

/* The columns that a text without control characters takes on a terminal. */
unsigned text_columns(struct str text);

#endif
