/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF's tokenizer.ggml.* keys, checked, with the defaults that files leave out; and the files of a Hugging Face
 * folder.
 */
#include "model/vocabulary.h"

#include "base/error.h"
#include "text/tokenizer/files.h"

#define MAX_TOKENS (1 << 22)
#define MAX_EOS    64 /* ends of generation that config.json may name */

/* An array of `key` with elements fit for a number or a string; NULL and true when it is absent. */
static bool array(const struct model *model, const char *key, bool strings, size_t want, const struct gguf_value **out,
                  struct hob_error *err)
{
    const struct gguf_value *value = gguf_find(model->gguf, key);
    *out = value;
    if (!value)
        return true;
    if (value->type != GGUF_ARRAY || (value->element == GGUF_STRING) != strings)
        return error_set(err, HOB_FORMAT, "%s: %s: want an array of %s", model->name, key,
                         strings ? "strings" : "numbers");
    if (want != SIZE_MAX && value->n != want)
        return error_set(err, HOB_FORMAT, "%s: %s: %zu entries, want %zu, one for each token", model->name, key,
                         value->n, want);
    return true;
}

/* Replaces the default in `*id` by what the key says. */
static bool token_id(const struct model *model, const char *key, size_t n_tokens, int32_t *id, struct hob_error *err)
{
    int64_t given = *id;
    if (!gguf_find(model->gguf, key) &&
        given >= (int64_t)n_tokens) /* a default that this vocabulary is too small for */
        given = TOKEN_NONE;
    if (!gguf_get_int(model->gguf, key, 0, (int64_t)n_tokens - 1, &given, err))
        return false;
    *id = (int32_t)given;
    return true;
}

/* Scores and types as plain arrays. */
static bool read_tables(const struct model *model, struct arena *arena, struct vocab *vocab, struct hob_error *err)
{
    const struct gguf_value *scores, *types;
    if (!array(model, "tokenizer.ggml.scores", false, vocab->n_tokens, &scores, err) ||
        !array(model, "tokenizer.ggml.token_type", false, vocab->n_tokens, &types, err))
        return false;
    if (scores) {
        float *values = arena_array(arena, vocab->n_tokens, sizeof *values);
        if (!values)
            return error_memory(err, vocab->n_tokens * sizeof *values);
        for (size_t i = 0; i < vocab->n_tokens; i++)
            values[i] = (float)gguf_array_float(scores, i);
        vocab->scores = values;
    }
    if (types && types->element != GGUF_I32 && types->element != GGUF_U32)
        return error_set(err, HOB_FORMAT, "%s: tokenizer.ggml.token_type: want an array of 32-bit integers",
                         model->name);
    if (types) {
        uint8_t *values = arena_array(arena, vocab->n_tokens, 1);
        if (!values)
            return error_memory(err, vocab->n_tokens);
        for (size_t i = 0; i < vocab->n_tokens; i++) {
            int64_t type = gguf_array_int(types, i);
            if (type < TOKEN_UNDEFINED || type > TOKEN_BYTE)
                return error_set(err, HOB_FORMAT, "%s: tokenizer.ggml.token_type: entry %zu is %lld, want [0, 6]",
                                 model->name, i, (long long)type);
            values[i] = (uint8_t)type;
        }
        vocab->types = values;
    }
    return true;
}

/* The normalizer of SentencePiece, bytes in an array. */
static bool read_charsmap(const struct model *model, struct vocab *vocab, struct hob_error *err)
{
    const char *key = "tokenizer.ggml.precompiled_charsmap";
    const struct gguf_value *map = gguf_find(model->gguf, key);
    if (!map)
        return true;
    if (map->type != GGUF_ARRAY || (map->element != GGUF_U8 && map->element != GGUF_I8))
        return error_set(err, HOB_FORMAT, "%s: %s: want an array of bytes", model->name, key);
    vocab->charsmap = (struct str){(const char *)map->raw, map->n};
    return true;
}

/* Ids and flags; *eom is the end of a message, TOKEN_NONE before. */
static bool read_specials(const struct model *model, struct vocab *vocab, int32_t *eom, struct hob_error *err)
{
    return token_id(model, "tokenizer.ggml.bos_token_id", vocab->n_tokens, &vocab->bos, err) &&
           (vocab->kind != VOCAB_WORDPIECE ||
            token_id(model, "tokenizer.ggml.cls_token_id", vocab->n_tokens, &vocab->bos, err)) &&
           token_id(model, "tokenizer.ggml.eos_token_id", vocab->n_tokens, &vocab->eos, err) &&
           token_id(model, "tokenizer.ggml.eot_token_id", vocab->n_tokens, &vocab->eot, err) &&
           token_id(model, "tokenizer.ggml.eom_token_id", vocab->n_tokens, eom, err) &&
           token_id(model, "tokenizer.ggml.unknown_token_id", vocab->n_tokens, &vocab->unk, err) &&
           token_id(model, "tokenizer.ggml.padding_token_id", vocab->n_tokens, &vocab->pad, err) &&
           token_id(model, "tokenizer.ggml.seperator_token_id", vocab->n_tokens, &vocab->sep, err) &&
           gguf_get_bool(model->gguf, "tokenizer.ggml.add_bos_token", &vocab->add_bos, err) &&
           gguf_get_bool(model->gguf, "tokenizer.ggml.add_eos_token", &vocab->add_eos, err) &&
           gguf_get_bool(model->gguf, "tokenizer.ggml.add_space_prefix", &vocab->add_space_prefix, err) &&
           gguf_get_bool(model->gguf, "tokenizer.ggml.remove_extra_whitespaces", &vocab->remove_extra_spaces, err) &&
           read_charsmap(model, vocab, err);
}

static bool read_vocab(const struct model *model, struct arena *arena, struct vocab *vocab, struct hob_error *err)
{
    struct str kind = {0}, pre = {0};
    const struct gguf_value *tokens, *merges;
    if (!gguf_get_string(model->gguf, "tokenizer.ggml.model", &kind, err) ||
        !gguf_get_string(model->gguf, "tokenizer.ggml.pre", &pre, err))
        return false;
    if (kind.len == 0 || str_eq(kind, STR("none")) || str_eq(kind, STR("no_vocab")))
        return error_set(err, HOB_FORMAT, "%s: tokenizer.ggml.model: the file has no tokenizer; give ids with --tokens",
                         model->name);
    if (!vocab_defaults(vocab, kind, pre, err))
        return error_prefix(err, "%s", model->name);
    if (!array(model, "tokenizer.ggml.tokens", true, SIZE_MAX, &tokens, err) ||
        !array(model, "tokenizer.ggml.merges", true, SIZE_MAX, &merges, err))
        return false;
    if (!tokens || tokens->n == 0 || tokens->n > MAX_TOKENS)
        return error_set(err, HOB_FORMAT, "%s: tokenizer.ggml.tokens: %zu entries, want [1, %d]", model->name,
                         tokens ? tokens->n : 0, MAX_TOKENS);
    vocab->n_tokens = tokens->n;
    vocab->tokens = tokens->strings;
    if (merges) {
        vocab->n_merges = merges->n;
        vocab->merges = merges->strings;
    } else if (vocab->kind == VOCAB_BPE) {
        return error_set(err, HOB_FORMAT, "%s: tokenizer.ggml.merges: is missing", model->name);
    }
    int32_t *eom = arena_alloc(arena, sizeof *eom);
    if (!eom)
        return error_memory(err, sizeof *eom);
    *eom = TOKEN_NONE;
    if (!read_tables(model, arena, vocab, err) || !read_specials(model, vocab, eom, err))
        return false;
    vocab->eog = eom;
    vocab->n_eog = *eom != TOKEN_NONE;
    return true;
}

struct tokenizer *vocabulary_from_gguf(const struct model *model, struct hob_error *err)
{
    struct arena arena = {0};
    struct vocab vocab;
    struct tokenizer *tokenizer = NULL;
    if (read_vocab(model, &arena, &vocab, err)) {
        tokenizer = tokenizer_new(&vocab, err);
        if (!tokenizer)
            error_prefix(err, "%s", model->name);
    }
    arena_clear(&arena);
    return tokenizer;
}

/* Reads the ids that end a generation. */
static bool read_eog(const struct model *model, int32_t eog[MAX_EOS], size_t *n_eog, struct hob_error *err)
{
    const json_t *eos = json_object_get(model->hf->generation_config, "eos_token_id");
    if (!eos)
        eos = json_object_get(model->hf->config, "eos_token_id");
    size_t n = json_is_array(eos) ? json_array_size(eos) : eos && !json_is_null(eos);
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_is_array(eos) ? json_array_get(eos, i) : eos;
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= MAX_TOKENS || i == MAX_EOS)
            return error_set(err, HOB_FORMAT, "%s: eos_token_id: want at most %d ids in [0, %d)", model->name, MAX_EOS,
                             MAX_TOKENS);
        eog[i] = (int32_t)json_integer_value(id);
    }
    *n_eog = n;
    return true;
}

struct tokenizer *vocabulary_from_hf(const struct model *model, struct hob_error *err)
{
    const struct hf *hf = model->hf;
    if (!hf->tokenizer_path) {
        error_set(err, HOB_FORMAT, "%s: tokenizer.json: is missing; give ids with --tokens", model->name);
        return NULL;
    }
    int32_t eog[MAX_EOS];
    struct tokenizer_config given = {.config = hf->tokenizer_config, .eog = eog};
    if (!read_eog(model, eog, &given.n_eog, err))
        return NULL;
    const char *slash = strrchr(hf->tokenizer_path, '/'), *name = slash ? slash + 1 : hf->tokenizer_path;
    struct buf text = {0};
    struct tokenizer *tokenizer = NULL;
    if (hf_load_tokenizer(hf, &text, err)) {
        tokenizer = tokenizer_from_file(buf_view(&text), str_of(name), &given, err);
        if (!tokenizer && strcmp(name, model->name) == 0)
            error_prefix(err, "%s", name);
        else if (!tokenizer)
            error_prefix(err, "%s: %s", model->name, name);
    }
    buf_clear(&text);
    return tokenizer;
}
