/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizers from the files of their publishers: tokenizer.json (see also tokenizer/json.h), SentencePiece's
 * tokenizer.model, Mistral's tekken.json, tiktoken's lists of ranks.
 */
#ifndef HOB_TEXT_TOKENIZER_FILES_H
#define HOB_TEXT_TOKENIZER_FILES_H

#include "text/tokenizer/config.h"

/* Builds a tokenizer from the bytes of a file, whose content says which of the formats it has. `name` is its name, by
 * which known tiktoken files are told apart. The caller owns the result. NULL with HOB_FORMAT names what is wrong or
 * unsupported. */
struct tokenizer *tokenizer_from_file(struct str file, struct str name, const struct tokenizer_config *given,
                                      struct hob_error *err);

/* The same of a tokenizer.model, models BPE and Unigram. BOS is added before every text where the vocabulary has one;
 * tokens that `given` adds are found in the text before anything else. */
struct tokenizer *tokenizer_from_sentencepiece(struct str file, const struct tokenizer_config *given,
                                               struct hob_error *err);

/* The same of the parsed `root` of a tekken.json. */
struct tokenizer *tokenizer_from_tekken(const json_t *root, const struct tokenizer_config *given,
                                        struct hob_error *err);

/* The same of a tiktoken file: lines of base64, a space and a rank, the rank being the id. How text is cut is what
 * `given` says under "pat_str" or "pattern", else what is known of files of this name and size; special tokens are
 * those that `given` adds, else those known. */
struct tokenizer *tokenizer_from_tiktoken(struct str file, struct str name, const struct tokenizer_config *given,
                                          struct hob_error *err);

#endif
