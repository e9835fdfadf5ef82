/* SPDX-License-Identifier: Apache-2.0
 *
 * What Python's str does, on texts with their origin: the common ground of str methods and string filters. NULL or
 * false after an error.
 */
#ifndef HOB_TEXT_JINJA_STRINGS_H
#define HOB_TEXT_JINJA_STRINGS_H

#include "text/jinja/jinja.h"
#include "text/jinja/char.h"

enum { STRIP_LEFT = 1, STRIP_RIGHT = 2 };

/* strip(), lstrip(), rstrip(); `chars` NULL: whitespace. */
const struct text *string_strip(struct jinja *j, const struct text *text, const struct text *chars, int sides);

/* upper(), lower(), casefold(), and title() without its word rule: maps all characters. */
const struct text *string_map(struct jinja *j, const struct text *text, enum char_case to);

/* capitalize(): the first character in title case, the rest lower. */
const struct text *string_capitalize(struct jinja *j, const struct text *text);

/* title() and swapcase(). */
const struct text *string_title(struct jinja *j, const struct text *text);
const struct text *string_swapcase(struct jinja *j, const struct text *text);

/* Appends the mapping of bytes [start, end) of a text. */
bool string_append_case(struct jinja *j, struct text_builder *out, const struct text *text, size_t start, size_t end,
                        enum char_case to);

/* replace(); `count` < 0: all. */
const struct text *string_replace(struct jinja *j, const struct text *text, const struct text *old,
                                  const struct text *new, int64_t count);

/* split() and rsplit(); `separator` NULL: at whitespace; `limit` < 0: no limit. */
struct list *string_split(struct jinja *j, const struct text *text, const struct text *separator, int64_t limit,
                          bool right);

/* splitlines(). */
struct list *string_lines(struct jinja *j, const struct text *text, bool keep_ends);

/* separator.join(items); items are str()ed where `convert`, else must be strings. */
const struct text *string_join(struct jinja *j, const struct text *separator, const struct list *items, bool convert);

/* center(), ljust(), rjust() by `align` '^', '<', '>'; zfill() keeps a sign in front. */
const struct text *string_pad(struct jinja *j, const struct text *text, int64_t width, uint32_t fill, char align);
const struct text *string_zfill(struct jinja *j, const struct text *text, int64_t width);

/* Bytes [from, to) of a text, of characters [start, end) as slices mean them. Past the end there are none, not even
 * an empty range. */
struct byte_range {
    size_t from, to;
    bool exists;
};

/* The bytes of text[start:end] as Python has it; false after an error. */
bool string_range(struct jinja *j, const struct text *text, struct value start, struct value end,
                  struct byte_range *range);

/* The first (last) `needle` in a range: its byte position, or SIZE_MAX, in `*at`. */
bool string_find(struct jinja *j, const struct text *text, const struct text *needle, const struct byte_range *range,
                 bool last, size_t *at);

/* The filter wordwrap (jinja/wrap.c). */
bool filter_wordwrap(struct jinja *j, const struct call *call, struct value *out);

/* The methods maketrans and translate (jinja/translate.c). */
bool str_maketrans(struct jinja *j, const struct call *call, struct value *out);
bool str_translate(struct jinja *j, const struct call *call, struct value *out);

/* islower() or isupper(): some cased character, and none of another case. */
bool string_is_case(const struct text *text, bool upper);

/* A text with the markup flag of another. */
const struct text *string_like(struct jinja *j, const struct text *text, const struct text *model);

#endif
