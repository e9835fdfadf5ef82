/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json as a tokenizer. Its vocabulary is read by tokenizer/json_lexicon.c, its model by
 * tokenizer/json_models.c, what stands around it by tokenizer/json_steps.c and tokenizer/json_ends.c.
 */
#include "text/tokenizer/json.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer/config.h"
#include "text/tokenizer/json_steps.h"

static bool read_root(struct tokenizer *t, const json_t *root, const struct tokenizer_config *given,
                      struct hob_error *err)
{
    if (!json_is_object(root) || !json_is_object(json_object_get(root, "model")))
        return error_set(err, HOB_FORMAT, "want an object with a model");
    const json_t *model = json_object_get(root, "model"), *decoder = json_object_get(root, "decoder");
    if (!json_read_lexicon(t, model, json_object_get(root, "added_tokens"), err) ||
        !json_read_component(t, json_object_get(root, "normalizer"), &json_normalizers, err) ||
        !json_read_component(t, json_object_get(root, "pre_tokenizer"), &json_pretokenizers, err) ||
        !json_read_model(t, model, err) ||
        !json_read_component(t, json_object_get(root, "post_processor"), &json_postprocessors, err) ||
        !json_read_component(t, decoder, &json_decoders, err) || !tokenizer_build_added(t, err))
        return false;
    /* Without a decoder the library puts spaces between tokens. */
    struct decoder_step join = {.kind = DECODER_JOIN};
    if ((!decoder || json_is_null(decoder)) && !decoder_add(&t->decoder, join, err))
        return false;
    t->bos = t->before.n == 1 ? t->before.ids[0] : TOKEN_NONE;
    t->eos = TOKEN_NONE;
    return tokenizer_settle(t, given, t->before.n > 0, t->after.n > 0, err);
}

struct tokenizer *tokenizer_from_json(const json_t *root, const json_t *config, const int32_t *eog, size_t n_eog,
                                      struct hob_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t) {
        error_memory(err, sizeof(*t));
        return NULL;
    }
    struct tokenizer_config given = {.config = config, .eog = eog, .n_eog = n_eog};
    if (!read_root(t, root, &given, err)) {
        tokenizer_free(t);
        return NULL;
    }
    return t;
}
