/* SPDX-License-Identifier: Apache-2.0
 *
 * The models of a tokenizer.json, as the `tokenizers` library defines them.
 */
#include <stdlib.h>

#include "text/tokenizer/json_steps.h"

/* A merge is "left right" or ["left", "right"]. */
static bool get_merge(const json_t *merge, struct str *left, struct str *right)
{
    if (json_array_size(merge) == 2) {
        *left = json_span(json_array_get(merge, 0));
        *right = json_span(json_array_get(merge, 1));
        return left->len && right->len;
    }
    struct str text = json_span(merge);
    size_t space = str_find(text, STR(" "), 0);
    if (space == SIZE_MAX || str_find(text, STR(" "), space + 1) != SIZE_MAX)
        return false;
    *left = (struct str){text.ptr, space};
    *right = (struct str){text.ptr + space + 1, text.len - space - 1};
    return left->len && right->len;
}

/* The id of the text under `key`, or TOKEN_NONE where there is none. HOB_FORMAT when it is not in the vocabulary. */
static bool get_token(const struct tokenizer *t, const json_t *model, const char *key, int32_t *id,
                      struct hob_error *err)
{
    struct str text = json_get_str(model, key);
    *id = text.len ? lexicon_find(&t->lexicon, text) : TOKEN_NONE;
    if (text.len && *id == TOKEN_NONE)
        return error_set(err, HOB_FORMAT, "%s: \"%.*s\" is not in the vocabulary", key,
                         (int)(text.len < 60 ? text.len : 60), text.ptr);
    return true;
}

static bool read_merges(struct tokenizer *t, const json_t *merges, struct hob_error *err)
{
    size_t n = json_array_size(merges);
    if (!json_is_array(merges))
        return error_set(err, HOB_FORMAT, "merges: want a list");
    if (!bpe_reserve_merges(&t->bpe, n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct str left, right;
        if (!get_merge(json_array_get(merges, i), &left, &right))
            return error_set(err, HOB_FORMAT, "merges: merge %zu: want two tokens", i);
        if (!bpe_add_merge(&t->bpe, (uint32_t)i, left, right, err))
            return false;
    }
    return true;
}

static bool read_bpe(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    struct bpe *bpe = &t->bpe;
    if (json_number_value(json_object_get(model, "dropout")) > 0)
        return error_set(err, HOB_FORMAT, "dropout is not supported");
    if (!get_token(t, model, "unk_token", &bpe->unknown, err) ||
        !json_keep(t, json_get_str(model, "continuing_subword_prefix"), &bpe->prefix, err) ||
        !json_keep(t, json_get_str(model, "end_of_word_suffix"), &bpe->suffix, err))
        return false;
    t->model = MODEL_BPE;
    bpe->fuse_unknown = json_get_bool(model, "fuse_unk", false);
    bpe->ignore_merges = json_get_bool(model, "ignore_merges", false);
    bool byte_fallback = json_get_bool(model, "byte_fallback", false);
    bool characters = bpe->prefix.len || bpe->suffix.len || byte_fallback;
    bpe->unit = !characters && pretokenizer_pop_alphabet(&t->pretokenizer) ? BPE_BYTES : BPE_CHARACTERS;
    return bpe_init(bpe, &t->lexicon, byte_fallback, false, err) &&
           read_merges(t, json_object_get(model, "merges"), err);
}

static bool read_unigram(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    const json_t *vocab = json_object_get(model, "vocab"), *unknown = json_object_get(model, "unk_id");
    /* Added tokens that are not in the model's vocabulary score nothing; they are found before it. */
    double *scores = calloc(t->lexicon.n, sizeof(*scores));
    if (!scores)
        return error_memory(err, t->lexicon.n * sizeof(*scores));
    for (size_t i = 0; i < json_array_size(vocab) && i < t->lexicon.n; i++)
        scores[i] = json_number_value(json_array_get(json_array_get(vocab, i), 1));
    t->model = MODEL_UNIGRAM;
    t->unigram.spelled_bytes = true;
    int32_t id = TOKEN_NONE;
    bool ok = true;
    if (json_is_integer(unknown)) {
        json_int_t given = json_integer_value(unknown);
        id = given >= 0 && given < INT32_MAX ? (int32_t)given : INT32_MAX;
        ok = tokenizer_check_id(t, "unk_id", id, err);
    }
    ok = ok && unigram_init(&t->unigram, &t->lexicon, scores, id, json_get_bool(model, "byte_fallback", false), err);
    free(scores);
    return ok;
}

static bool read_wordpiece(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    const json_t *most = json_object_get(model, "max_input_chars_per_word");
    size_t max_characters = json_integer_value(most) > 0 ? (size_t)json_integer_value(most) : 100;
    int32_t unknown;
    t->model = MODEL_WORDPIECE;
    return get_token(t, model, "unk_token", &unknown, err) &&
           wordpiece_init(&t->wordpiece, &t->lexicon, STR(""), json_get_str(model, "continuing_subword_prefix"),
                          unknown, max_characters, err);
}

static bool read_words(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    t->model = MODEL_WORDS;
    return get_token(t, model, "unk_token", &t->unknown, err);
}

static const struct json_reader models[] = {
    {"BPE", read_bpe},
    {"Unigram", read_unigram},
    {"WordPiece", read_wordpiece},
    {"WordLevel", read_words},
};

bool json_read_model(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    struct str type = json_get_str(model, "type");
    /* Older files do not say it, but only this model has merges. */
    if (type.len == 0 && json_object_get(model, "merges"))
        type = STR("BPE");
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
        if (str_eq(type, str_of(models[i].type)))
            return models[i].read(t, model, err) || error_prefix(err, "model: %s", models[i].type);
    return error_set(err, HOB_FORMAT, "model: \"%.*s\" is not supported", (int)(type.len < 60 ? type.len : 60),
                     type.ptr);
}
