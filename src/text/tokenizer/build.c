/* SPDX-License-Identifier: Apache-2.0
 *
 * What every way of building a tokenizer shares: its added tokens and the tokens that end a generation.
 */
#include "base/error.h"
#include "text/tokenizer/bpe_pair.h"
#include "text/tokenizer/parts.h"

bool tokenizer_check_id(const struct tokenizer *tokenizer, const char *field, int32_t id, struct hob_error *err)
{
    if (id == TOKEN_NONE || (id >= 0 && (size_t)id < tokenizer->lexicon.n))
        return true;
    return error_set(err, HOB_FORMAT, "vocabulary: %s is token %lld, want below %zu", field, (long long)id,
                     tokenizer->lexicon.n);
}

/* The library decodes such a token to its normalized text. */
static bool show_as(struct tokenizer *t, int32_t id, struct str text, struct hob_error *err)
{
    if (!t->shown)
        t->shown = arena_array(&t->arena, t->lexicon.n, sizeof(*t->shown));
    char *copy = t->shown ? arena_copy(&t->arena, text.ptr, text.len) : NULL;
    if (!copy)
        return error_memory(err, text.len);
    t->shown[id] = (struct str){copy, text.len};
    return true;
}

/* The text of a token as it stands in the normalized text. */
static bool add_normalized(struct tokenizer *t, struct normalizer_scratch *scratch, struct regex_scratch *regex,
                           int32_t id, struct hob_error *err)
{
    struct str text = lexicon_text(&t->lexicon, id), own = text;
    struct normalizer_place inside = {0};
    if (!utf8_valid(text))
        return true;
    if (!normalizer_run(&t->normalizer, scratch, regex, text, inside, &text, err) ||
        !added_add(&t->added_normalized, text, id, err))
        return false;
    return str_eq(text, own) || show_as(t, id, text, err);
}

/* A token that SentencePiece finds in the text as it is and in the normalized text. Its text may have spaces, which
 * become U+2581: SentencePiece has it with U+2581, a GGUF file with spaces. */
static bool add_marked(struct tokenizer *t, struct buf *marked, int32_t id, struct hob_error *err)
{
    struct str text = lexicon_text(&t->lexicon, id);
    marked->len = 0;
    for (size_t i = 0; i < text.len; i++)
        buf_str(marked, text.ptr[i] == ' ' ? STR(BPE_MARK) : (struct str){text.ptr + i, 1});
    if (marked->failed)
        return error_memory(err, 3 * text.len);
    return added_add(&t->added, buf_view(marked), id, err) &&
           added_add(&t->added_normalized, buf_view(marked), id, err);
}

bool tokenizer_build_added(struct tokenizer *t, struct hob_error *err)
{
    const struct lexicon *lexicon = &t->lexicon;
    t->added.types = t->added_normalized.types = lexicon->types;
    t->added.attributes = t->added_normalized.attributes = t->attributes;
    struct normalizer_scratch scratch = {0};
    struct regex_scratch regex;
    struct buf marked = {0};
    bool ok = regex_scratch_init(&regex, err);
    bool mapped = t->normalizer.n_steps && t->normalizer.steps[0].kind == NORMALIZER_CHARSMAP;
    for (size_t i = 0; ok && i < lexicon->n; i++) {
        uint8_t type = lexicon->types[i];
        if (type != TOKEN_CONTROL && type != TOKEN_UNKNOWN && type != TOKEN_USER_DEFINED)
            continue;
        bool spaced = str_find(lexicon_text(lexicon, i), STR(" "), 0) != SIZE_MAX ||
                      str_find(lexicon_text(lexicon, i), STR(BPE_MARK), 0) != SIZE_MAX;
        if (t->spaces_are_marks && (spaced || (mapped && type == TOKEN_USER_DEFINED)))
            ok = add_marked(t, &marked, (int32_t)i, err);
        else if (t->attributes && (t->attributes[i] & TOKEN_NORMALIZED))
            ok = add_normalized(t, &scratch, &regex, (int32_t)i, err);
        else
            ok = added_add(&t->added, lexicon_text(lexicon, i), (int32_t)i, err);
    }
    normalizer_scratch_clear(&scratch);
    regex_scratch_clear(&regex);
    buf_clear(&marked);
    return ok;
}

/* Texts of tokens after which a reply is over. */
static const char *const end_texts[] = {
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|return|>",
    "<|call|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|eot|>",
    "<\357\275\234end\342\226\201of\342\226\201sentence\357\275\234>", /* <｜end▁of▁sentence｜> */
};

/* A text alone does not make an end: "</s>" is also the end of struck-out HTML, an ordinary or user-defined token of
 * some vocabularies. What is written "<|...|>" is never anything else, whatever type the file gives it. */
static bool is_end(const struct tokenizer *t, int32_t id)
{
    return id != TOKEN_NONE &&
           (t->lexicon.types[id] == TOKEN_CONTROL || str_starts(lexicon_text(&t->lexicon, id), STR("<|")));
}

static void mark_end(struct tokenizer *t, int32_t id)
{
    if (id != TOKEN_NONE)
        t->eog[id] = 1;
}

static int32_t find_control(const struct tokenizer *t, const char *text)
{
    int32_t id = lexicon_find(&t->lexicon, str_of(text));
    return is_end(t, id) ? id : TOKEN_NONE;
}

bool tokenizer_build_eog(struct tokenizer *t, int32_t eot, const int32_t *ids, size_t n, struct hob_error *err)
{
    t->eog = arena_array(&t->arena, t->lexicon.n, 1);
    if (!t->eog)
        return error_memory(err, t->lexicon.n);
    for (size_t i = 0; i < sizeof(end_texts) / sizeof(*end_texts); i++)
        mark_end(t, find_control(t, end_texts[i]));
    /* In the harmony format "<|end|>" only ends a message, and another follows. */
    if (find_control(t, "<|return|>") != TOKEN_NONE && find_control(t, "<|call|>") != TOKEN_NONE) {
        int32_t end = lexicon_find(&t->lexicon, STR("<|end|>"));
        if (end != TOKEN_NONE)
            t->eog[end] = 0;
    }
    if (find_control(t, "<|tool_response>") != TOKEN_NONE) {
        int32_t end = lexicon_find(&t->lexicon, STR("</s>"));
        if (end != TOKEN_NONE)
            t->eog[end] = 0;
    }
    mark_end(t, t->eos);
    if (!tokenizer_check_id(t, "the end of a turn", eot, err))
        return false;
    mark_end(t, eot);
    for (size_t i = 0; i < n; i++) {
        if (!tokenizer_check_id(t, "an end of generation", ids[i], err))
            return false;
        mark_end(t, ids[i]);
    }
    return true;
}
