/* SPDX-License-Identifier: Apache-2.0
 *
 * Unicode as the `tokenizers` library sees it: white space, scripts and the normalization forms.
 */
#ifndef HOB_TEXT_TOKENIZER_UNICODE_H
#define HOB_TEXT_TOKENIZER_UNICODE_H

#include "base/str.h"

/* Whether `code` (-1 is none) has the property White_Space. */
bool unicode_is_space(int32_t code);

/* The end of the bytes from `at` on that are all UTF-8 (`valid`), or all not. */
size_t utf8_stretch_end(struct str text, size_t at, bool valid);

/* Where the character that ends at `at` (> 0) starts, or at - 1 where there is none. */
size_t utf8_before(struct str text, size_t at);

/* A number for the script of `code`, as the pre-tokenizer UnicodeScripts sees it; 0 where it has none. */
uint8_t unicode_script(int32_t code);

enum unicode_form { UNICODE_NFC, UNICODE_NFD, UNICODE_NFKC, UNICODE_NFKD };

/* Whether `text` surely is in `form` already, seen from its bytes alone. */
bool unicode_is_plain(struct str text, enum unicode_form form);

/* Appends `text` in `form`. Bytes that are not UTF-8 stay as they are and nothing combines across them. False when
 * memory is exhausted. O(n log n). Source: Unicode Standard Annex 15. */
bool unicode_normalize(struct str text, enum unicode_form form, struct buf *out);

/* Whether `text` has code points that are newer than what every PCRE2 of use here knows. */
bool unicode_has_newer(struct str text);

/* Appends `text` with each of those replaced by an older one of the same category and size, so that a regex cuts
 * the copy where it should cut `text`. False when memory is exhausted. */
bool unicode_stand_in(struct str text, struct buf *out);

#endif
