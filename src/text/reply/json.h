/* SPDX-License-Identifier: Apache-2.0
 *
 * One JSON value, byte by byte: where it ends and whether it is one. What models write is taken with one repair: a
 * control byte within a string, which JSON forbids, is passed on as its escape.
 */
#ifndef HOB_TEXT_REPLY_JSON_H
#define HOB_TEXT_REPLY_JSON_H

#include "base/str.h"

enum { REPLY_JSON_DEPTH = 64 };

enum reply_json_step {
    REPLY_JSON_MORE,   /* the byte belongs to the value, more must come */
    REPLY_JSON_END,    /* the byte ends the value */
    REPLY_JSON_BEFORE, /* the value, a number, ended before this byte */
    REPLY_JSON_BAD     /* no JSON */
};

/* Zero-initialised: before the value (white space may come first). */
struct reply_json {
    uint8_t state;
    uint8_t hex;      /* digits of \u that are still to come */
    uint8_t rest;     /* bytes of a word (true, false, null) that came */
    char word;        /* its first byte */
    bool in_key;      /* the string is a key */
    unsigned depth;   /* open brackets */
    uint64_t objects; /* bit d: the bracket at depth d is '{' */
};

/* Takes the next byte; appends what it means to `out` unless it is NULL (REPLY_JSON_MORE and REPLY_JSON_END only). */
enum reply_json_step reply_json_byte(struct reply_json *json, char c, struct buf *out);

/* Whether a value that ends here, at the end of all text, is whole: a number, or nothing more is needed. */
bool reply_json_may_end(const struct reply_json *json);

/* Appends text as the inside of a JSON string. */
void reply_json_escape(struct str text, struct buf *out);

/* Appends what the inside of a JSON string means; a lone half of a surrogate pair becomes U+FFFD. */
void reply_json_unescape(struct str inside, struct buf *out);

#endif
