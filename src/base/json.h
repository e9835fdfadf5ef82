/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON, by jansson: one reading function with hob's limits (depth 64, duplicate keys refused, one value), and
 * getters that say what was wrong. Values are jansson's `json_t`, reference counted.
 */
#ifndef HOB_BASE_JSON_H
#define HOB_BASE_JSON_H

#include <hob.h>
#include <jansson.h>

#include "base/str.h"

/* Depth of arrays and objects. */
enum { JSON_MAX_DEPTH = 64 };

/* Parses one JSON value, the whole of `text`. `name` stands in the error. Integers past 64 bits are refused: what a
 * user says is not changed. The caller owns the reference. */
json_t *json_read(struct str text, const char *name, struct hob_error *err);

/* The same of a file that a publisher wrote, where such integers stand for "none" (model_max_length
 * 1000000000000000019884624838656): they become reals. */
json_t *json_read_wide(struct str text, const char *name, struct hob_error *err);

/* Loads and parses a file of at most `max` bytes ("-": standard input). */
json_t *json_read_file(const char *path, size_t max, struct hob_error *err);

/* Appends compact JSON of `value` to `out`: UTF-8 as it is, key order kept, numbers that read back the same. */
bool json_write(const json_t *value, struct buf *out);

/* A JSON string of bytes that need not be UTF-8: bad bytes become U+FFFD. The caller owns the reference. */
json_t *json_bytes(struct str text);

/* The span of a JSON string, or an empty span when `value` is not a string. Borrowed from `value`. */
struct str json_span(const json_t *value);

#endif
