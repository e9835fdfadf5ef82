/* SPDX-License-Identifier: Apache-2.0
 *
 * A tokenizer from what a GGUF file says of its vocabulary.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/bpe_pair.h"
#include "text/tokenizer_parts.h"

bool vocab_defaults(struct vocab *vocab, struct str model, struct str pre, struct hob_error *err)
{
    *vocab = (struct vocab){
        .pre = pre, .bos = TOKEN_NONE, .eos = TOKEN_NONE, .eot = TOKEN_NONE, .unk = TOKEN_NONE, .pad = TOKEN_NONE};
    if (str_eq(model, STR("llama"))) {
        vocab->kind = VOCAB_SPM;
        vocab->bos = 1;
        vocab->eos = 2;
        vocab->unk = 0;
        vocab->add_bos = vocab->add_space_prefix = true;
        return true;
    }
    if (!str_eq(model, STR("gpt2")))
        return error_set(err, HOB_FORMAT, "tokenizer.ggml.model: \"%.*s\" is not supported, want \"llama\" or \"gpt2\"",
                         (int)(model.len < 60 ? model.len : 60), model.ptr);
    const struct pretokenizer_name *row = pretokenizer_find(pre);
    if (!row)
        return error_set(err, HOB_FORMAT, "tokenizer.ggml.pre: the pre-tokenizer \"%.*s\" is not known",
                         (int)(pre.len < 60 ? pre.len : 60), pre.ptr);
    vocab->kind = VOCAB_BPE;
    vocab->bos = vocab->eos = 11;
    vocab->add_bos = row->add_bos;
    vocab->ignore_merges = row->ignore_merges;
    return true;
}

/* The separator is the first space that does not start the merge: a left part may be a space itself. */
static bool add_merges(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    if (!bpe_reserve_merges(&t->bpe, vocab->n_merges, err))
        return false;
    for (size_t i = 0; i < vocab->n_merges; i++) {
        struct str merge = vocab->merges[i];
        const char *space = merge.len > 1 ? memchr(merge.ptr + 1, ' ', merge.len - 1) : NULL;
        if (!space)
            return error_set(err, HOB_FORMAT, "merges: merge %zu, \"%.*s\": want two tokens and a space between them",
                             i, (int)(merge.len < 60 ? merge.len : 60), merge.ptr);
        size_t left = (size_t)(space - merge.ptr);
        if (!bpe_add_merge(&t->bpe, (uint32_t)i, (struct str){merge.ptr, left},
                           (struct str){space + 1, merge.len - left - 1}, err))
            return false;
    }
    return true;
}

static bool build_bpe(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    const struct pretokenizer_name *row = pretokenizer_find(vocab->pre);
    if (!row)
        return error_set(err, HOB_FORMAT, "tokenizer.ggml.pre: the pre-tokenizer \"%.*s\" is not known",
                         (int)(vocab->pre.len < 60 ? vocab->pre.len : 60), vocab->pre.ptr);
    struct normalizer_step nfc = {.kind = NORMALIZER_FORM, .form = UNICODE_NFC};
    t->bpe.unit = BPE_BYTES;
    t->bpe.ignore_merges = vocab->ignore_merges;
    t->bpe.unknown = TOKEN_NONE;
    t->decoder.alphabet = true;
    return (!row->nfc || normalizer_add(&t->normalizer, nfc, err)) &&
           pretokenizer_add_named(&t->pretokenizer, row, err) && bpe_init(&t->bpe, &t->lexicon, false, false, err) &&
           add_merges(t, vocab, err);
}

static bool build_spm(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    struct normalizer_step prefix = {.kind = NORMALIZER_PREPEND, .content = STR(BPE_MARK)};
    struct normalizer_step spaces = {.kind = NORMALIZER_REPLACE, .find = STR(" "), .content = STR(BPE_MARK)};
    t->bpe.unit = BPE_CHARACTERS;
    t->bpe.unknown = vocab->unk;
    t->bpe.fuse_unknown = true;
    t->spaces_are_marks = true;
    t->decoder.find = STR(BPE_MARK);
    t->decoder.content = STR(" ");
    t->decoder.drop_first_space = vocab->add_space_prefix;
    return (!vocab->add_space_prefix || normalizer_add(&t->normalizer, prefix, err)) &&
           normalizer_add(&t->normalizer, spaces, err) &&
           bpe_init(&t->bpe, &t->lexicon, true, vocab->types == NULL, err) &&
           bpe_set_scores(&t->bpe, vocab->scores, err);
}

/* "<|im_end|>" and its like are control tokens also where a file says they are ordinary. */
static void mend_types(struct tokenizer *t)
{
    for (size_t i = 0; i < t->lexicon.n; i++) {
        uint8_t *type = &t->lexicon.types[i];
        struct str text = t->lexicon.texts[i];
        bool ordinary = *type == TOKEN_NORMAL || *type == TOKEN_UNDEFINED;
        if (ordinary && text.len > 4 && str_starts(text, STR("<|")) && str_ends(text, STR("|>")))
            *type = TOKEN_CONTROL;
    }
}

static bool check_ids(const struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    int32_t bytes[256];
    return tokenizer_check_id(t, "bos_token_id", vocab->bos, err) &&
           tokenizer_check_id(t, "eos_token_id", vocab->eos, err) &&
           tokenizer_check_id(t, "unknown_token_id", vocab->unk, err) &&
           tokenizer_check_id(t, "padding_token_id", vocab->pad, err) &&
           lexicon_byte_tokens(&t->lexicon, false, bytes, err);
}

static bool build(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    if (!lexicon_init(&t->lexicon, &t->arena, vocab->n_tokens, vocab->tokens, vocab->types, err))
        return false;
    mend_types(t);
    if (vocab->attributes) {
        t->attributes = arena_array(&t->arena, vocab->n_tokens, 1);
        if (!t->attributes)
            return error_memory(err, vocab->n_tokens);
        memcpy(t->attributes, vocab->attributes, vocab->n_tokens);
    }
    t->bos = vocab->bos;
    t->eos = vocab->eos;
    if (!check_ids(t, vocab, err) ||
        !(vocab->kind == VOCAB_BPE ? build_bpe(t, vocab, err) : build_spm(t, vocab, err)) ||
        !tokenizer_build_added(t, err) || !tokenizer_build_eog(t, vocab->eot, vocab->eog, vocab->n_eog, err))
        return false;
    t->add_bos = vocab->add_bos && t->bos != TOKEN_NONE;
    t->add_eos = vocab->add_eos && t->eos != TOKEN_NONE;
    t->before = (struct frame){{t->bos}, t->bos != TOKEN_NONE};
    t->after = (struct frame){{t->eos}, t->eos != TOKEN_NONE};
    return true;
}

struct tokenizer *tokenizer_new(const struct vocab *vocab, struct hob_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t) {
        error_memory(err, sizeof(*t));
        return NULL;
    }
    if (!build(t, vocab, err)) {
        tokenizer_free(t);
        return NULL;
    }
    return t;
}
