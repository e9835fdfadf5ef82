/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json, the file of the Hugging Face `tokenizers` library, as a tokenizer.
 */
#ifndef HOB_TEXT_TOKENIZER_JSON_H
#define HOB_TEXT_TOKENIZER_JSON_H

#include "base/json.h"
#include "text/tokenizer/tokenizer.h"

/* Builds a tokenizer from the parsed `root` of a tokenizer.json and, where there is one, of tokenizer_config.json
 * (may be NULL: BOS, EOS and add_bos come from it). `eog` (may be NULL) are generation_config.json's
 * eos_token_id. A component that is not known is refused by name. The caller owns the result. */
struct tokenizer *tokenizer_from_json(const json_t *root, const json_t *config, const int32_t *eog, size_t n_eog,
                                      struct hob_error *err);

#endif
