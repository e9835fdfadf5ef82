/* SPDX-License-Identifier: Apache-2.0
 *
 * Vocabularies of ranked byte strings.
 */
#include "text/tokenizer/ranked.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/error.h"

bool ranked_init(struct ranked *ranked, size_t cap, struct hob_error *err)
{
    *ranked = (struct ranked){.cap = cap};
    if (cap > RANKED_MAX_TOKENS)
        return error_set(err, HOB_FORMAT, "vocabulary: %zu entries, want at most %d", cap, RANKED_MAX_TOKENS);
    ranked->texts = calloc(cap + 1, sizeof(*ranked->texts));
    ranked->types = calloc(cap + 1, 1);
    ranked->attributes = calloc(cap + 1, 1);
    return (ranked->texts && ranked->types && ranked->attributes) || error_memory(err, cap * sizeof(*ranked->texts));
}

void ranked_clear(struct ranked *ranked)
{
    free(ranked->texts);
    free(ranked->types);
    free(ranked->attributes);
    arena_clear(&ranked->arena);
    *ranked = (struct ranked){0};
}

bool ranked_set(struct ranked *ranked, size_t id, struct str text, enum token_type type, struct hob_error *err)
{
    if (id >= ranked->cap)
        return error_set(err, HOB_FORMAT, "vocabulary: id %zu, want less than %zu", id, ranked->cap);
    if (ranked->texts[id].len && !str_eq(ranked->texts[id], text))
        return error_set(err, HOB_FORMAT, "vocabulary: id %zu is given twice", id);
    char *copy = arena_copy(&ranked->arena, text.ptr, text.len);
    if (!copy)
        return error_memory(err, text.len);
    ranked->texts[id] = (struct str){copy, text.len};
    ranked->types[id] = (uint8_t)type;
    if (id >= ranked->n)
        ranked->n = id + 1;
    return true;
}

bool ranked_set_base64(struct ranked *ranked, size_t id, struct str text, struct hob_error *err)
{
    struct buf bytes = {0};
    bool ok = base64_read(text, &bytes) && bytes.len;
    if (ok)
        ok = ranked_set(ranked, id, buf_view(&bytes), TOKEN_NORMAL, err);
    else
        error_set(err, HOB_FORMAT, "vocabulary: id %zu: want bytes as base64", id);
    buf_clear(&bytes);
    return ok;
}

static bool set_added(void *ctx, const struct config_token *token, struct hob_error *err)
{
    struct ranked *ranked = ctx;
    if (!ranked_set(ranked, token->id, token->text, (enum token_type)token->type, err))
        return false;
    ranked->attributes[token->id] = token->attributes;
    return true;
}

bool ranked_set_added(struct ranked *ranked, const json_t *config, struct hob_error *err)
{
    return config_each_added(config, set_added, ranked, err);
}

static bool build(struct tokenizer *t, const struct ranked *ranked, const struct ranked_rules *rules,
                  const struct tokenizer_config *given, struct hob_error *err)
{
    struct normalizer_step nfc = {.kind = NORMALIZER_FORM, .form = UNICODE_NFC};
    if (!lexicon_init(&t->lexicon, &t->arena, ranked->n, ranked->texts, ranked->types, err))
        return false;
    t->attributes = (uint8_t *)arena_copy(&t->arena, (const char *)ranked->attributes, ranked->n);
    float *scores = calloc(ranked->n, sizeof(*scores));
    if (!t->attributes || !scores) {
        free(scores);
        return error_memory(err, ranked->n * sizeof(*scores));
    }
    for (size_t i = 0; i < ranked->n; i++)
        scores[i] = -(float)i; /* exact: RANKED_MAX_TOKENS is below 2^24 */
    t->model = MODEL_BPE;
    t->bpe.unit = BPE_RAW_BYTES;
    t->bpe.unknown = t->bos = t->eos = TOKEN_NONE;
    t->bpe.ignore_merges = true;
    t->bos = rules->bos;
    t->eos = rules->eos;
    bool ok = (!rules->nfc || normalizer_add(&t->normalizer, nfc, err)) &&
              pretokenizer_add_rust(&t->pretokenizer, rules->pattern, err) &&
              bpe_init(&t->bpe, &t->lexicon, false, false, err) && bpe_set_scores(&t->bpe, scores, err) &&
              tokenizer_build_added(t, err) && tokenizer_settle(t, given, rules->add_bos, false, err);
    free(scores);
    return ok;
}

struct tokenizer *ranked_build(struct ranked *ranked, const struct ranked_rules *rules,
                               const struct tokenizer_config *given, struct hob_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t) {
        error_memory(err, sizeof(*t));
    } else if (!build(t, ranked, rules, given, err)) {
        tokenizer_free(t);
        t = NULL;
    }
    ranked_clear(ranked);
    return t;
}
