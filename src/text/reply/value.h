/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that models write as plain text or as Python does, made into JSON of the types that a tool's schema names.
 */
#ifndef HOB_TEXT_REPLY_VALUE_H
#define HOB_TEXT_REPLY_VALUE_H

#include "base/json.h"

/* JSON types, as bits. */
enum reply_type {
    REPLY_NULL = 1,
    REPLY_BOOLEAN = 2,
    REPLY_INTEGER = 4,
    REPLY_FRACTION = 8, /* a number that is no integer */
    REPLY_NUMBER = REPLY_INTEGER | REPLY_FRACTION,
    REPLY_STRING = 16,
    REPLY_ARRAY = 32,
    REPLY_OBJECT = 64,
    REPLY_ANY = 127
};

/* The schema of a tool's arguments in `tools`, an array as the APIs have it ({"type": "function", "function": {"name",
 * "parameters"}} or {"name", "parameters"}), or NULL. Borrowed. */
const json_t *reply_tool_schema(const json_t *tools, struct str name);

/* Whether `tools` has a tool of this name. */
bool reply_tool_known(const json_t *tools, struct str name);

/* The types that `schema` (of one tool's arguments, may be NULL) allows for the argument `key`; REPLY_ANY where it says
 * nothing. */
unsigned reply_argument_types(const json_t *schema, struct str key);

/* The types that `schema`, one within `root`, allows. */
unsigned reply_schema_types(const json_t *root, const json_t *schema);

/* What the reference "#/a/b" within `root` leads to, or NULL. */
const json_t *reply_schema_resolve(const json_t *root, struct str reference);

/* Appends to `out` the JSON of a value that was written as plain text: of one of `types` where it reads as one, as JSON
 * or as Python writes it, else a string. `text` is the value as it stands. */
void reply_value_json(struct str text, unsigned types, struct buf *out);

/* Appends to `out` the JSON of a literal as Python or JSON writes it (numbers, strings in either quotes, True, None,
 * lists, tuples, dicts), all of `text` but for white space around it. The type, or 0 if it is none; then `out` may hold
 * a part of it. */
unsigned reply_literal_json(struct str text, struct buf *out);

#endif
