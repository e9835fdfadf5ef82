/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json as a tokenizer. Its vocabulary is read by tokenizer_json_lexicon.c, its model by
 * tokenizer_json_models.c, what stands around it by tokenizer_json_steps.c and tokenizer_json_ends.c.
 */
#include "text/tokenizer_json.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer_json_steps.h"

/* A special token of tokenizer_config.json: a text, {"content": text} or null. */
static int32_t config_token(const struct tokenizer *t, const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);
    struct str text = json_span(json_is_object(value) ? json_object_get(value, "content") : value);
    return text.len ? lexicon_find(&t->lexicon, text) : TOKEN_NONE;
}

/* tokenizer_config.json decides where it speaks, else the post-processor does. */
static void settle_frame(const json_t *config, const char *key, int32_t id, struct frame *frame, bool *add)
{
    const json_t *wanted = json_object_get(config, key);
    *add = json_is_boolean(wanted) ? json_is_true(wanted) : frame->n > 0;
    if (frame->n == 0 && id != TOKEN_NONE)
        *frame = (struct frame){{id}, 1};
    *add = *add && frame->n > 0;
}

static bool read_root(struct tokenizer *t, const json_t *root, const json_t *config, const int32_t *eog, size_t n_eog,
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
    if (!decoder || json_is_null(decoder))
        t->decoder.words = t->decoder.drop_first_space = true;
    t->bos = config_token(t, config, "bos_token");
    t->eos = config_token(t, config, "eos_token");
    if (t->bos == TOKEN_NONE && t->before.n == 1)
        t->bos = t->before.ids[0];
    settle_frame(config, "add_bos_token", t->bos, &t->before, &t->add_bos);
    settle_frame(config, "add_eos_token", t->eos, &t->after, &t->add_eos);
    return tokenizer_build_eog(t, TOKEN_NONE, eog, n_eog, err);
}

struct tokenizer *tokenizer_from_json(const json_t *root, const json_t *config, const int32_t *eog, size_t n_eog,
                                      struct hob_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t) {
        error_memory(err, sizeof(*t));
        return NULL;
    }
    if (!read_root(t, root, config, eog, n_eog, err)) {
        tokenizer_free(t);
        return NULL;
    }
    return t;
}
