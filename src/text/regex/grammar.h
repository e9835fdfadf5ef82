/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions as parts of a grammar. What is accepted means the same to Python's re and to ECMAScript (with its
 * u flag); what does not is refused by name:
 *
 *   characters   literal, . [a-z] [^a-z]   \d \w \s \D \W \S   \t \n \r \f \v \0 \x41 \u0041   \ and punctuation
 *   groups       (a|b) (?:a|b)
 *   repetitions  * + ? {n} {n,} {n,m}, each also with ? after it
 *   anchors      ^ and $ at the start and the end of what is matched
 *
 * A class is what both languages take it for: \d is [0-9], \w is [A-Za-z0-9_], and . is none of their line ends. Look
 * around, back references, \b, flags and named groups are refused.
 */
#ifndef HOB_TEXT_REGEX_GRAMMAR_H
#define HOB_TEXT_REGEX_GRAMMAR_H

#include "text/grammar/grammar.h"

enum regex_use {
    REGEX_WHOLE,      /* all of a text must match */
    REGEX_JSON_SEARCH /* a match anywhere in the value of a JSON string, whose quotes are not part of it */
};

/* The texts that `pattern` matches. The builder fails with HOB_FORMAT and the byte of the pattern at what is
 * refused. */
uint32_t regex_grammar(struct grammar_builder *builder, struct str pattern, enum regex_use use);

#endif
