/* SPDX-License-Identifier: Apache-2.0
 *
 * The components of a tokenizer.json: objects with a "type", for each kind of which there is a table of the types it
 * knows. A new component is a function and a row of its table.
 */
#ifndef HOB_TEXT_TOKENIZER_JSON_STEPS_H
#define HOB_TEXT_TOKENIZER_JSON_STEPS_H

#include "base/json.h"
#include "text/tokenizer/parts.h"

/* One type of a component and what reads it into the tokenizer's parts. */
struct json_reader {
    const char *type;
    bool (*read)(struct tokenizer *t, const json_t *node, struct hob_error *err);
};

/* All types of a kind of component. */
struct json_readers {
    const char *field; /* its key in the file, for messages */
    const char *list;  /* the key under which a "Sequence" has its parts */
    const struct json_reader *rows;
    size_t n;
};

/* Normalizers fill t->normalizer, pre-tokenizers t->pretokenizer, post-processors t->before and t->after, decoders
 * t->decoder. All strings are copied. */
extern const struct json_readers json_normalizers, json_pretokenizers, json_postprocessors, json_decoders;

/* Reads a component, which may be NULL or null. HOB_FORMAT names a component or an option that is not known. */
bool json_read_component(struct tokenizer *t, const json_t *node, const struct json_readers *readers,
                         struct hob_error *err);

/* Reads "model" over t->lexicon; its vocabulary was read by json_read_lexicon(). */
bool json_read_model(struct tokenizer *t, const json_t *model, struct hob_error *err);

/* Reads the vocabulary of `model` and the list `added_tokens` (may be NULL) into t->lexicon and t->attributes. */
bool json_read_lexicon(struct tokenizer *t, const json_t *model, const json_t *added_tokens, struct hob_error *err);

/* The boolean under `key`, or `missing`. */
bool json_get_bool(const json_t *node, const char *key, bool missing);

/* The string under `key`, or an empty one. Borrowed from `node`. */
struct str json_get_str(const json_t *node, const char *key);

/* The one character under `key`. Borrowed from `node`. */
bool json_get_character(const json_t *node, const char *key, struct str *out, struct hob_error *err);

/* The pattern of a component: {"String": ...} or {"Regex": ...}. Borrowed from `node`. */
bool json_get_pattern(const json_t *node, struct str *text, bool *is_regex, struct hob_error *err);

/* Metaspace's "prepend_scheme", or "add_prefix_space" of older files. */
bool json_get_prepend(const json_t *node, enum metaspace_prepend *prepend, struct hob_error *err);

/* A copy of `text` that lives as long as the tokenizer. */
bool json_keep(struct tokenizer *t, struct str text, struct str *out, struct hob_error *err);

#endif
