/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistral's tekken.json: "config" has the pattern and two sizes, "vocab" a list of {"rank", "token_bytes"}, and
 * "special_tokens" a list of {"rank", "token_str"}. The special tokens go first: an ordinary id is its rank plus their
 * number.
 */
#include <stdio.h>

#include "base/error.h"
#include "text/tokenizer/files.h"
#include "text/tokenizer/ranked.h"

/* What files up to version 7 do not list. */
static const char *const unlisted[] = {
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
};

static bool add_specials(struct ranked *ranked, const json_t *listed, size_t n, struct hob_error *err)
{
    for (size_t i = 0; i < json_array_size(listed); i++) {
        const json_t *token = json_array_get(listed, i), *rank = json_object_get(token, "rank");
        struct str text = json_span(json_object_get(token, "token_str"));
        if (!json_is_integer(rank) || json_integer_value(rank) < 0 || json_integer_value(rank) >= (json_int_t)n ||
            text.len == 0)
            return error_set(err, HOB_FORMAT, "special_tokens: item %zu: want a token_str and a rank from 0 to %zu", i,
                             n - 1);
        if (!ranked_set(ranked, (size_t)json_integer_value(rank), text, TOKEN_CONTROL, err))
            return error_prefix(err, "special_tokens");
    }
    for (size_t i = 0; i < n; i++) {
        char filler[32];
        snprintf(filler, sizeof(filler), "<SPECIAL_%zu>", i);
        bool known = !json_is_array(listed) && i < sizeof(unlisted) / sizeof(*unlisted);
        if (!ranked->texts[i].len &&
            !ranked_set(ranked, i, known ? str_of(unlisted[i]) : str_of(filler), TOKEN_CONTROL, err))
            return false;
    }
    return true;
}

static bool add_vocab(struct ranked *ranked, const json_t *vocab, size_t n_specials, struct hob_error *err)
{
    /* The list may be longer than the vocabulary: what is past its size is not used. */
    for (size_t i = 0; i < json_array_size(vocab) && n_specials + i < ranked->cap; i++) {
        const json_t *token = json_array_get(vocab, i), *rank = json_object_get(token, "rank");
        if (!json_is_integer(rank) || json_integer_value(rank) != (json_int_t)i)
            return error_set(err, HOB_FORMAT, "vocab: item %zu: want rank %zu", i, i);
        if (!ranked_set_base64(ranked, n_specials + i, json_span(json_object_get(token, "token_bytes")), err))
            return error_prefix(err, "vocab");
    }
    return true;
}

struct tokenizer *tokenizer_from_tekken(const json_t *root, const struct tokenizer_config *given, struct hob_error *err)
{
    const json_t *config = json_object_get(root, "config"), *vocab = json_object_get(root, "vocab");
    json_int_t size = json_integer_value(json_object_get(config, "default_vocab_size"));
    json_int_t n_specials = json_integer_value(json_object_get(config, "default_num_special_tokens"));
    struct ranked_rules rules = {
        .pattern = json_span(json_object_get(config, "pattern")), .bos = 1, .eos = 2, .add_bos = true};
    if (rules.pattern.len == 0 || !json_is_array(vocab) || size < 4 || size > RANKED_MAX_TOKENS || n_specials < 3 ||
        n_specials >= size) {
        error_set(err, HOB_FORMAT,
                  "config: want a pattern, a vocabulary and its size, found size %lld, of it %lld special",
                  (long long)size, (long long)n_specials);
        return NULL;
    }
    struct ranked ranked;
    if (ranked_init(&ranked, (size_t)size, err) &&
        add_specials(&ranked, json_object_get(root, "special_tokens"), (size_t)n_specials, err) &&
        add_vocab(&ranked, vocab, (size_t)n_specials, err))
        return ranked_build(&ranked, &rules, given, err);
    ranked_clear(&ranked);
    return NULL;
}
