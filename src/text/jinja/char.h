/* SPDX-License-Identifier: Apache-2.0
 *
 * What Python's str methods ask of a code point: its class and its case mappings, by Unicode's data.
 */
#ifndef HOB_TEXT_JINJA_CHAR_H
#define HOB_TEXT_JINJA_CHAR_H

#include <stdbool.h>
#include <stdint.h>

/* str.isspace() of one code point; also what \s matches. */
bool char_is_space(uint32_t c);

/* The classes behind str.isalpha(), isdecimal(), isdigit(), isnumeric(), islower(), isupper(), istitle() and
 * isprintable(); a \w is char_is_alpha() or char_is_numeric() or '_'. */
bool char_is_alpha(uint32_t c);
bool char_is_decimal(uint32_t c);
bool char_is_digit(uint32_t c);
bool char_is_numeric(uint32_t c);
bool char_is_lower(uint32_t c);
bool char_is_upper(uint32_t c);
bool char_is_titlecase(uint32_t c);
bool char_is_printable(uint32_t c);

/* What identifiers begin with and go on with (Unicode's XID_Start and XID_Continue, by category). */
bool char_is_identifier(uint32_t c, bool first);

/* Whether it has case, and whether case rules look through it (Unicode's Cased and Case_Ignorable). */
bool char_is_cased(uint32_t c);
bool char_is_case_ignorable(uint32_t c);

enum char_case { CASE_LOWER, CASE_UPPER, CASE_TITLE, CASE_FOLD };

/* The mapping of one code point, 1 to 4 code points; returns how many. The final sigma is the caller's. */
unsigned char_map(uint32_t c, enum char_case to, uint32_t out[4]);

#endif
