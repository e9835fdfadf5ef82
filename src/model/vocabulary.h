/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model file says of its vocabulary, handed to text/.
 */
#ifndef HOB_MODEL_VOCABULARY_H
#define HOB_MODEL_VOCABULARY_H

#include "model/model.h"

/* The tokenizer of a model opened from GGUF (tokenizer.ggml.*), or from the tokenizer file of a Hugging Face
 * folder. The
 * caller owns it. HOB_FORMAT names the field that is wrong or unsupported. */
struct tokenizer *vocabulary_from_gguf(const struct model *model, struct hob_error *err);
struct tokenizer *vocabulary_from_hf(const struct model *model, struct hob_error *err);

#endif
