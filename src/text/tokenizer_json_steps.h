/* SPDX-License-Identifier: Apache-2.0
 *
 * The components of a tokenizer.json around its model. Each function reads one component, which may be null, into a
 * tokenizer's parts. HOB_FORMAT names a component or an option that is not known. Strings are borrowed from `node`
 * unless said otherwise.
 */
#ifndef HOB_TEXT_TOKENIZER_JSON_STEPS_H
#define HOB_TEXT_TOKENIZER_JSON_STEPS_H

#include "base/json.h"
#include "text/tokenizer_parts.h"

/* "normalizer" to t->normalizer; its strings are copied. */
bool json_read_normalizer(struct tokenizer *t, const json_t *node, struct hob_error *err);

/* "pre_tokenizer" to t->pretokenizer, and t->bpe.unit: bytes where ByteLevel comes last. */
bool json_read_pretokenizer(struct tokenizer *t, const json_t *node, struct hob_error *err);

/* "post_processor" to t->before and t->after. */
bool json_read_postprocessor(struct tokenizer *t, const json_t *node, struct hob_error *err);

/* "decoder" to t->decoder; its strings are copied. */
bool json_read_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err);

#endif
