/* SPDX-License-Identifier: Apache-2.0
 *
 * Post-processors and decoders of a tokenizer.json, as the `tokenizers` library defines them.
 */
#include "text/tokenizer/json_steps.h"

/* ---- Post-processors ---- */

static bool add_to_frame(struct tokenizer *t, struct frame *frame, json_int_t id, struct hob_error *err)
{
    if (id < 0 || (size_t)id >= t->lexicon.n || frame->n == TOKENIZER_MAX_FRAME)
        return error_set(err, HOB_FORMAT, "special token %lld: want at most %d, each below %zu", (long long)id,
                         TOKENIZER_MAX_FRAME, t->lexicon.n);
    frame->ids[frame->n++] = (int32_t)id;
    return true;
}

/* The library would frame the tokens of the first processor by those of the second, each by itself. */
static bool check_only_frame(const struct tokenizer *t, struct hob_error *err)
{
    return (!t->before.n && !t->after.n) ||
           error_set(err, HOB_FORMAT, "a second processor that adds tokens is not supported");
}

static bool read_template(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    const json_t *single = json_object_get(node, "single"), *tokens = json_object_get(node, "special_tokens");
    struct frame *frame = &t->before;
    if (!check_only_frame(t, err))
        return false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *item = json_array_get(single, i), *text = json_object_get(item, "Sequence");
        if (text && (frame == &t->after || !str_eq(json_get_str(text, "id"), STR("A"))))
            return error_set(err, HOB_FORMAT, "single: item %zu: want the text A once", i);
        if (text) {
            frame = &t->after;
            continue;
        }
        const char *name = json_string_value(json_object_get(json_object_get(item, "SpecialToken"), "id"));
        const json_t *ids = name ? json_object_get(json_object_get(tokens, name), "ids") : NULL;
        if (!json_is_array(ids))
            return error_set(err, HOB_FORMAT, "single: item %zu: want a Sequence or a SpecialToken with ids", i);
        for (size_t k = 0; k < json_array_size(ids); k++)
            if (!add_to_frame(t, frame, json_integer_value(json_array_get(ids, k)), err))
                return false;
    }
    return true;
}

/* RobertaProcessing and BertProcessing: cls text sep, each a pair [text, id]. */
static bool read_cls_sep(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    const json_t *cls = json_array_get(json_object_get(node, "cls"), 1);
    const json_t *sep = json_array_get(json_object_get(node, "sep"), 1);
    if (!check_only_frame(t, err))
        return false;
    if (!json_is_integer(cls) || !json_is_integer(sep))
        return error_set(err, HOB_FORMAT, "want cls and sep, each a text and an id");
    return add_to_frame(t, &t->before, json_integer_value(cls), err) &&
           add_to_frame(t, &t->after, json_integer_value(sep), err);
}

/* ByteLevel only mends offsets. */
static bool read_nothing(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)t;
    (void)node;
    (void)err;
    return true;
}

static const struct json_reader postprocessors[] = {
    {"TemplateProcessing", read_template},
    {"RobertaProcessing", read_cls_sep},
    {"BertProcessing", read_cls_sep},
    {"ByteLevel", read_nothing},
};

const struct json_readers json_postprocessors = {"post_processor", "processors", postprocessors,
                                                 sizeof(postprocessors) / sizeof(*postprocessors)};

/* ---- Decoders ---- */

static bool read_alphabet_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    struct decoder_step step = {.kind = DECODER_ALPHABET};
    return decoder_add(&t->decoder, step, err);
}

static bool read_replace_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct decoder_step step = {.kind = DECODER_REPLACE};
    struct str pattern;
    bool is_regex;
    if (!json_get_pattern(node, &pattern, &is_regex, err) || !json_keep(t, pattern, &step.find, err) ||
        !json_keep(t, json_get_str(node, "content"), &step.content, err))
        return false;
    if (is_regex) {
        step.kind = DECODER_REPLACE_REGEX;
        step.regex = regex_compile(pattern, REGEX_ONIGURUMA, err);
        if (!step.regex)
            return false;
    }
    return decoder_add(&t->decoder, step, err);
}

static bool read_strip(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum { MOST = 100 };
    json_int_t start = json_integer_value(json_object_get(node, "start"));
    json_int_t stop = json_integer_value(json_object_get(node, "stop"));
    struct decoder_step step = {.kind = DECODER_STRIP};
    struct str character;
    if (start < 0 || start > MOST || stop < 0 || stop > MOST)
        return error_set(err, HOB_FORMAT, "start %lld, stop %lld, want 0 to %d", (long long)start, (long long)stop,
                         MOST);
    step.start = (unsigned)start;
    step.stop = (unsigned)stop;
    return json_get_character(node, "content", &character, err) && json_keep(t, character, &step.find, err) &&
           decoder_add(&t->decoder, step, err);
}

static bool read_metaspace_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum metaspace_prepend prepend = PREPEND_NEVER;
    struct decoder_step step = {.kind = DECODER_REPLACE, .content = STR(" ")};
    struct str mark;
    if (!json_get_character(node, "replacement", &mark, err) || !json_get_prepend(node, &prepend, err))
        return false;
    step.not_in_first = prepend != PREPEND_NEVER;
    return json_keep(t, mark, &step.find, err) && decoder_add(&t->decoder, step, err);
}

static bool read_wordpiece_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct decoder_step step = {.kind = DECODER_WORDS, .clean_up = json_get_bool(node, "cleanup", true)};
    return json_keep(t, json_get_str(node, "prefix"), &step.find, err) && decoder_add(&t->decoder, step, err);
}

static bool read_suffix_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct decoder_step step = {.kind = DECODER_SUFFIX};
    return json_keep(t, json_get_str(node, "suffix"), &step.find, err) && decoder_add(&t->decoder, step, err);
}

static bool read_ctc(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct decoder_step step = {.kind = DECODER_CTC, .clean_up = json_get_bool(node, "cleanup", true)};
    return json_keep(t, json_get_str(node, "pad_token"), &step.find, err) &&
           json_keep(t, json_get_str(node, "word_delimiter_token"), &step.delimiter, err) &&
           decoder_add(&t->decoder, step, err);
}

static bool read_byte_fallback(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    struct decoder_step step = {.kind = DECODER_BYTES};
    return decoder_add(&t->decoder, step, err);
}

static bool read_fuse(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    (void)err;
    t->decoder.fused = true;
    return true;
}

static const struct json_reader decoders[] = {
    {"ByteLevel", read_alphabet_decoder},
    {"Replace", read_replace_decoder},
    {"Strip", read_strip},
    {"Metaspace", read_metaspace_decoder},
    {"WordPiece", read_wordpiece_decoder},
    {"BPEDecoder", read_suffix_decoder},
    {"CTC", read_ctc},
    {"ByteFallback", read_byte_fallback},
    {"Fuse", read_fuse},
};

const struct json_readers json_decoders = {"decoder", "decoders", decoders, sizeof(decoders) / sizeof(*decoders)};
