/* SPDX-License-Identifier: Apache-2.0
 *
 * A tokenizer from what a GGUF file says of its vocabulary.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer/bpe_pair.h"
#include "text/tokenizer/parts.h"

/* What a GGUF file means by its `tokenizer.ggml.model` where it does not say otherwise. */
static const struct {
    const char *model;
    enum vocab_kind kind;
    int32_t bos, eos, unk, pad, sep;
    bool add_bos, add_eos, add_space_prefix;
} defaults[] = {
    {"llama", VOCAB_SPM, 1, 2, 0, TOKEN_NONE, TOKEN_NONE, .add_bos = true, .add_space_prefix = true},
    {"gpt2", VOCAB_BPE, 11, 11, TOKEN_NONE, TOKEN_NONE, TOKEN_NONE},
    {"bert", VOCAB_WORDPIECE, 101, TOKEN_NONE, 100, 0, 102, .add_bos = true, .add_eos = true},
    {"t5", VOCAB_UNIGRAM, TOKEN_NONE, 1, 2, 0, TOKEN_NONE, .add_eos = true, .add_space_prefix = true},
    {"gemma4", VOCAB_GEMMA4, TOKEN_NONE, TOKEN_NONE, TOKEN_NONE, TOKEN_NONE, TOKEN_NONE, .add_bos = true},
};

static bool unknown_pre(struct str pre, struct hob_error *err)
{
    return error_set(err, HOB_FORMAT, "tokenizer.ggml.pre: the pre-tokenizer \"%.*s\" is not known",
                     (int)(pre.len < 60 ? pre.len : 60), pre.ptr);
}

bool vocab_defaults(struct vocab *vocab, struct str model, struct str pre, struct hob_error *err)
{
    size_t i = 0, n = sizeof(defaults) / sizeof(*defaults);
    while (i < n && !str_eq(model, str_of(defaults[i].model)))
        i++;
    if (i == n)
        return error_set(err, HOB_FORMAT, "tokenizer.ggml.model: \"%.*s\" is not supported",
                         (int)(model.len < 60 ? model.len : 60), model.ptr);
    *vocab = (struct vocab){.kind = defaults[i].kind,
                            .pre = pre,
                            .bos = defaults[i].bos,
                            .eos = defaults[i].eos,
                            .eot = TOKEN_NONE,
                            .unk = defaults[i].unk,
                            .pad = defaults[i].pad,
                            .sep = defaults[i].sep,
                            .add_bos = defaults[i].add_bos,
                            .add_eos = defaults[i].add_eos,
                            .add_space_prefix = defaults[i].add_space_prefix};
    if (vocab->kind != VOCAB_BPE)
        return true;
    const struct pretokenizer_name *row = pretokenizer_find(pre);
    if (!row)
        return unknown_pre(pre, err);
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
        return unknown_pre(vocab->pre, err);
    struct normalizer_step nfc = {.kind = NORMALIZER_FORM, .form = UNICODE_NFC};
    t->bpe.unit = BPE_BYTES;
    t->bpe.ignore_merges = vocab->ignore_merges;
    t->bpe.unknown = TOKEN_NONE;
    struct decoder_step alphabet = {.kind = DECODER_ALPHABET};
    return decoder_add(&t->decoder, alphabet, err) && (!row->nfc || normalizer_add(&t->normalizer, nfc, err)) &&
           pretokenizer_add_named(&t->pretokenizer, row, err) && bpe_init(&t->bpe, &t->lexicon, false, false, err) &&
           add_merges(t, vocab, err);
}

/* U+2581 becomes a space, of which one may go at the start of a text, and byte tokens bytes. */
static bool add_mark_decoder(struct tokenizer *t, bool drop_first, struct hob_error *err)
{
    struct decoder_step spaces = {.kind = DECODER_REPLACE, .find = STR(BPE_MARK), .content = STR(" ")};
    struct decoder_step bytes = {.kind = DECODER_BYTES};
    struct decoder_step first = {.kind = DECODER_STRIP, .find = STR(" "), .start = 1};
    if (!decoder_add(&t->decoder, spaces, err) || !decoder_add(&t->decoder, bytes, err))
        return false;
    t->decoder.fused = true;
    return !drop_first || decoder_add(&t->decoder, first, err);
}

/* SentencePiece's normalizer: its map, spaces taken away where there are too many, one put before the text, and all
 * of them written as U+2581. */
static bool add_sentencepiece(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    struct normalizer_step map = {.kind = NORMALIZER_CHARSMAP};
    struct normalizer_step prefix = {.kind = NORMALIZER_PREPEND, .content = STR(BPE_MARK), .once = vocab->prefix_once};
    struct normalizer_step extra = {.kind = NORMALIZER_SPACES, .once = vocab->prefix_once};
    struct normalizer_step spaces = {.kind = NORMALIZER_REPLACE, .find = STR(" "), .content = STR(BPE_MARK)};
    t->spaces_are_marks = true;
    if (!add_mark_decoder(t, vocab->add_space_prefix, err))
        return false;
    if (vocab->charsmap.len) {
        if (!charsmap_init(&map.charsmap, vocab->charsmap, err)) {
            charsmap_clear(&map.charsmap);
            return false;
        }
        if (!normalizer_add(&t->normalizer, map, err))
            return false;
    }
    return (!vocab->remove_extra_spaces || normalizer_add(&t->normalizer, extra, err)) &&
           (!vocab->add_space_prefix || normalizer_add(&t->normalizer, prefix, err)) &&
           normalizer_add(&t->normalizer, spaces, err);
}

static bool build_spm(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    t->bpe.unit = BPE_CHARACTERS;
    t->bpe.unknown = vocab->unk;
    t->bpe.fuse_unknown = true;
    return add_sentencepiece(t, vocab, err) && bpe_init(&t->bpe, &t->lexicon, true, vocab->types == NULL, err) &&
           bpe_set_scores(&t->bpe, vocab->scores, err);
}

static bool build_unigram(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    double *scores = calloc(vocab->n_tokens, sizeof(*scores));
    if (!scores)
        return error_memory(err, vocab->n_tokens * sizeof(*scores));
    for (size_t i = 0; i < vocab->n_tokens; i++)
        if (vocab->scores && (t->lexicon.types[i] == TOKEN_NORMAL || t->lexicon.types[i] == TOKEN_UNUSED))
            scores[i] = vocab->scores[i];
    t->model = MODEL_UNIGRAM;
    t->unigram.single_precision = vocab->single_precision;
    bool ok = add_sentencepiece(t, vocab, err) && unigram_init(&t->unigram, &t->lexicon, scores, vocab->unk, true, err);
    free(scores);
    return ok;
}

/* A vocabulary that has capitals is not one of lower case. */
static bool has_capitals(const struct lexicon *lexicon)
{
    for (size_t i = 0; i < lexicon->n; i++) {
        struct str text = lexicon_text(lexicon, i);
        if (lexicon->types[i] != TOKEN_NORMAL || (text.len && text.ptr[0] == '['))
            continue;
        for (size_t k = 0; k < text.len; k++)
            if (text.ptr[k] >= 'A' && text.ptr[k] <= 'Z')
                return true;
    }
    return false;
}

static bool build_wordpiece(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    enum { MAX_CHARACTERS = 100 };
    bool lower = !has_capitals(&t->lexicon);
    t->model = MODEL_WORDPIECE;
    return add_mark_decoder(t, true, err) && normalizer_add_bert(&t->normalizer, true, true, lower, lower, err) &&
           pretokenizer_add_bert(&t->pretokenizer, err) &&
           wordpiece_init(&t->wordpiece, &t->lexicon, STR(BPE_MARK), STR(""), vocab->unk, MAX_CHARACTERS, err);
}

static bool build_gemma4(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    struct normalizer_step spaces = {.kind = NORMALIZER_REPLACE, .find = STR(" "), .content = STR(BPE_MARK)};
    t->bpe.unit = BPE_CHARACTERS;
    t->bpe.unknown = vocab->unk;
    t->bpe.whole_lines = true;
    return add_mark_decoder(t, false, err) && normalizer_add(&t->normalizer, spaces, err) &&
           pretokenizer_add_split(&t->pretokenizer, str_of(pretokenizer_lines), SPLIT_ISOLATED, false, err) &&
           bpe_init(&t->bpe, &t->lexicon, true, vocab->types == NULL, err) && add_merges(t, vocab, err);
}

static bool build_model(struct tokenizer *t, const struct vocab *vocab, struct hob_error *err)
{
    switch (vocab->kind) {
    case VOCAB_BPE:
        return build_bpe(t, vocab, err);
    case VOCAB_SPM:
        return build_spm(t, vocab, err);
    case VOCAB_UNIGRAM:
        return build_unigram(t, vocab, err);
    case VOCAB_WORDPIECE:
        return build_wordpiece(t, vocab, err);
    case VOCAB_GEMMA4:
        return build_gemma4(t, vocab, err);
    }
    return error_set(err, HOB_FORMAT, "vocabulary: kind %d is not known", (int)vocab->kind);
}

/* "<|im_end|>" and its like are control tokens also where a file says they are ordinary. */
static void mend_types(struct tokenizer *t)
{
    for (size_t i = 0; i < t->lexicon.n; i++) {
        uint8_t *type = &t->lexicon.types[i];
        struct str text = lexicon_text(&t->lexicon, i);
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
           tokenizer_check_id(t, "seperator_token_id", vocab->sep, err) &&
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
    if (!check_ids(t, vocab, err) || !build_model(t, vocab, err) || !tokenizer_build_added(t, err) ||
        !tokenizer_build_eog(t, vocab->eot, vocab->eog, vocab->n_eog, err))
        return false;
    int32_t last = vocab->kind == VOCAB_WORDPIECE ? vocab->sep : t->eos;
    t->add_bos = (vocab->add_bos || vocab->kind == VOCAB_GEMMA4) && t->bos != TOKEN_NONE;
    t->add_eos = vocab->add_eos && last != TOKEN_NONE;
    t->before = (struct frame){{t->bos}, t->bos != TOKEN_NONE};
    t->after = (struct frame){{last}, last != TOKEN_NONE};
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
