/* SPDX-License-Identifier: Apache-2.0
 *
 * Vocabularies for the tests of tokenizers: the trained ones of tests/goldens/tokenizers/, and ways to write a small
 * one down.
 */
#ifndef HOB_TESTS_VOCABULARIES_H
#define HOB_TESTS_VOCABULARIES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer/json.h"

#define FOLDER "tests/goldens/tokenizers/"

/* A JSON file of the goldens, or NULL when it is not there. The caller owns the reference. */
static inline json_t *load_golden(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), FOLDER "%s", name);
    return json_read_file(path, 1 << 20, NULL);
}

/* The tokenizer of FOLDER/name.json. */
static inline struct tokenizer *load_tokenizer(const char *name)
{
    char file[64];
    snprintf(file, sizeof(file), "%s.json", name);
    json_t *root = load_golden(file);
    assert_non_null(root);
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_from_json(root, NULL, NULL, 0, &err);
    json_decref(root);
    if (!tokenizer)
        fail_msg("%s: %s", name, err.text);
    return tokenizer;
}

/* A struct vocab and what it points to. */
struct vocabulary {
    struct vocab vocab;
    json_t *root; /* holds the texts */
    struct str *tokens, *merges;
    uint8_t *types, *attributes;
    float *scores;
    char *text; /* of merges */
};

static inline void vocabulary_free(struct vocabulary *v)
{
    free(v->tokens);
    free(v->merges);
    free(v->types);
    free(v->attributes);
    free(v->scores);
    free(v->text);
    json_decref(v->root);
}

/* The byte-level vocabulary of a tokenizer.json in the words of a GGUF file. */
static inline void vocabulary_from_json(struct vocabulary *v, const char *file, const char *pre)
{
    *v = (struct vocabulary){.root = load_golden(file)};
    assert_non_null(v->root);
    assert_true(vocab_defaults(&v->vocab, STR("gpt2"), str_of(pre), NULL));
    v->vocab.bos = v->vocab.eos = TOKEN_NONE;
    const json_t *model = json_object_get(v->root, "model"), *merges = json_object_get(model, "merges");
    const json_t *added = json_object_get(v->root, "added_tokens");
    size_t n = json_object_size(json_object_get(model, "vocab")) + json_array_size(added);
    v->tokens = calloc(n, sizeof(*v->tokens));
    v->types = calloc(n, 1);
    const char *text;
    json_t *id;
    json_object_foreach(json_object_get(model, "vocab"), text, id)
    {
        v->tokens[json_integer_value(id)] = str_of(text);
        v->types[json_integer_value(id)] = TOKEN_NORMAL;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i);
        size_t at = (size_t)json_integer_value(json_object_get(token, "id"));
        v->tokens[at] = json_span(json_object_get(token, "content"));
        v->types[at] = json_is_true(json_object_get(token, "special")) ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
    }
    v->merges = calloc(json_array_size(merges), sizeof(*v->merges));
    struct buf all = {0};
    for (size_t i = 0; i < json_array_size(merges); i++) {
        const json_t *merge = json_array_get(merges, i);
        struct str left = json_span(json_array_get(merge, 0)), right = json_span(json_array_get(merge, 1));
        v->merges[i].len = left.len + 1 + right.len;
        buf_str(&all, left);
        buf_byte(&all, ' ');
        buf_str(&all, right);
    }
    v->text = all.ptr;
    char *at = all.ptr;
    for (size_t i = 0; i < json_array_size(merges); at += v->merges[i].len, i++)
        v->merges[i].ptr = at;
    v->vocab.n_tokens = n;
    v->vocab.tokens = v->tokens;
    v->vocab.types = v->types;
    v->vocab.n_merges = json_array_size(merges);
    v->vocab.merges = v->merges;
}

/* The SentencePiece vocabulary of spm.json. */
static inline void vocabulary_spm(struct vocabulary *v)
{
    *v = (struct vocabulary){.root = load_golden("spm.json")};
    assert_non_null(v->root);
    assert_true(vocab_defaults(&v->vocab, STR("llama"), STR(""), NULL));
    const json_t *tokens = json_object_get(v->root, "tokens");
    size_t n = json_array_size(tokens);
    v->tokens = calloc(n, sizeof(*v->tokens));
    v->types = calloc(n, 1);
    v->scores = calloc(n, sizeof(*v->scores));
    for (size_t i = 0; i < n; i++) {
        v->tokens[i] = json_span(json_array_get(tokens, i));
        v->types[i] = (uint8_t)json_integer_value(json_array_get(json_object_get(v->root, "types"), i));
        v->scores[i] = (float)json_number_value(json_array_get(json_object_get(v->root, "scores"), i));
    }
    v->vocab.n_tokens = n;
    v->vocab.tokens = v->tokens;
    v->vocab.types = v->types;
    v->vocab.scores = v->scores;
}

/* Encodes; the caller clears the ids. */
static inline struct ids encode(const struct tokenizer *tokenizer, struct str text, bool special)
{
    struct ids ids = {0};
    struct hob_error err = {0};
    struct encode_options options = {.special = special};
    if (!tokenizer_encode(tokenizer, text, &options, &ids, &err))
        fail_msg("encode: %s", err.text);
    return ids;
}

/* Decodes all ids; the caller clears the buffer. */
static inline struct buf decode(const struct tokenizer *tokenizer, const struct ids *ids)
{
    struct buf out = {0};
    struct detokenizer state = {0};
    for (size_t i = 0; i < ids->len; i++)
        assert_true(detokenizer_add(&state, tokenizer, ids->ptr[i], true, &out));
    assert_true(detokenizer_end(&state, &out));
    return out;
}

#endif
