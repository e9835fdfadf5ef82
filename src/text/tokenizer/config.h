/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_config.json and generation_config.json, which stand beside a publisher's tokenizer file: tokens that were
 * added to its vocabulary, BOS and EOS, where generation ends.
 */
#ifndef HOB_TEXT_TOKENIZER_CONFIG_H
#define HOB_TEXT_TOKENIZER_CONFIG_H

#include "base/json.h"
#include "text/tokenizer/parts.h"

/* What stands beside a tokenizer file; all of it borrowed, zero-initialised there is nothing. */
struct tokenizer_config {
    const json_t *config; /* tokenizer_config.json, or NULL */
    const int32_t *eog;   /* generation_config.json's eos_token_id, [n_eog] */
    size_t n_eog;
};

/* A token that a configuration adds. `text` is borrowed from it. */
struct config_token {
    size_t id;
    struct str text;
    uint8_t type, attributes; /* enum token_type; enum token_attribute bits */
};

/* The type and attributes of an added token, an object with "special", "lstrip" and so on. */
void config_read_flags(const json_t *token, struct config_token *out);

/* Calls `take` for each token of "added_tokens_decoder", {"id": {"content": text, ...}}. HOB_FORMAT names an entry
 * whose id is not a number below 2^22 or that has no text. */
bool config_each_added(const json_t *config,
                       bool (*take)(void *ctx, const struct config_token *token, struct hob_error *err), void *ctx,
                       struct hob_error *err);

/* Settles what frames a text and where generation ends, by the configuration where it speaks and else as the
 * tokenizer's `bos`, `eos`, `before` and `after` already say. `add_bos`, `add_eos`: what counts without a word from it.
 */
bool tokenizer_settle(struct tokenizer *t, const struct tokenizer_config *given, bool add_bos, bool add_eos,
                      struct hob_error *err);

#endif
