/* SPDX-License-Identifier: Apache-2.0
 *
 * Post-processors and decoders of a tokenizer.json, as the `tokenizers` library defines them.
 */
#include "text/tokenizer_json_steps.h"

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
    (void)err;
    t->decoder.alphabet = true;
    return true;
}

static bool set_replace(struct tokenizer *t, struct str find, struct str content, struct hob_error *err)
{
    if (t->decoder.find.len)
        return error_set(err, HOB_FORMAT, "a second replacement is not supported");
    return json_keep(t, find, &t->decoder.find, err) && json_keep(t, content, &t->decoder.content, err);
}

static bool read_replace_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct str pattern;
    bool is_regex;
    if (!json_get_pattern(node, &pattern, &is_regex, err))
        return false;
    if (is_regex)
        return error_set(err, HOB_FORMAT, "a Regex is not supported");
    return set_replace(t, pattern, json_get_str(node, "content"), err);
}

static bool read_strip(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    json_int_t start = json_integer_value(json_object_get(node, "start"));
    json_int_t stop = json_integer_value(json_object_get(node, "stop"));
    if (!str_eq(json_get_str(node, "content"), STR(" ")) || start < 0 || start > 1 || stop != 0)
        return error_set(err, HOB_FORMAT, "want at most one space at the start, found start %lld, stop %lld",
                         (long long)start, (long long)stop);
    t->decoder.drop_first_space = start == 1;
    return true;
}

static bool read_metaspace_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum metaspace_prepend prepend = PREPEND_NEVER;
    struct str mark;
    if (!json_get_character(node, "replacement", &mark, err) || !json_get_prepend(node, &prepend, err))
        return false;
    t->decoder.drop_in_first = prepend != PREPEND_NEVER;
    return set_replace(t, mark, STR(" "), err);
}

static bool read_wordpiece_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    t->decoder.words = t->decoder.drop_first_space = true;
    t->decoder.clean_up = json_get_bool(node, "cleanup", true);
    return json_keep(t, json_get_str(node, "prefix"), &t->decoder.prefix, err);
}

/* ByteFallback: byte tokens are known by their type. Fuse: text is always joined. */
static const struct json_reader decoders[] = {
    {"ByteLevel", read_alphabet_decoder},
    {"Replace", read_replace_decoder},
    {"Strip", read_strip},
    {"Metaspace", read_metaspace_decoder},
    {"WordPiece", read_wordpiece_decoder},
    {"ByteFallback", read_nothing},
    {"Fuse", read_nothing},
};

const struct json_readers json_decoders = {"decoder", "decoders", decoders, sizeof(decoders) / sizeof(*decoders)};
