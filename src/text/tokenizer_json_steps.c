/* SPDX-License-Identifier: Apache-2.0
 *
 * The components of a tokenizer.json around its model, as the `tokenizers` library defines them. A component is an
 * object with a "type"; each kind of component has a table of the types it knows.
 */
#include "text/tokenizer_json_steps.h"

#include "base/error.h"

enum { MAX_DEPTH = 8 };

/* One type of a component and what reads it. */
struct reader {
    const char *type;
    bool (*read)(struct tokenizer *t, const json_t *node, struct hob_error *err);
};

static bool get_bool(const json_t *node, const char *key, bool missing)
{
    const json_t *value = json_object_get(node, key);
    return json_is_boolean(value) ? json_is_true(value) : missing;
}

static struct str get_str(const json_t *node, const char *key)
{
    return json_span(json_object_get(node, key));
}

/* A copy that lives as long as the tokenizer. */
static bool keep(struct tokenizer *t, struct str text, struct str *out, struct hob_error *err)
{
    char *copy = arena_copy(&t->arena, text.ptr, text.len);
    *out = (struct str){copy, text.len};
    return copy || error_memory(err, text.len);
}

/* Reads `node` by the row of its type; a "Sequence" reads what is under `list`, one after the other. */
static bool read_component(struct tokenizer *t, const json_t *node, const struct reader *rows, size_t n_rows,
                           const char *list, unsigned depth, struct hob_error *err)
{
    if (!node || json_is_null(node))
        return true;
    struct str type = get_str(node, "type");
    if (type.len == 0)
        return error_set(err, HOB_FORMAT, "a component has no type");
    if (str_eq(type, STR("Sequence"))) {
        const json_t *items = json_object_get(node, list);
        if (!json_is_array(items) || depth == MAX_DEPTH)
            return error_set(err, HOB_FORMAT, "Sequence: want a list \"%s\", at most %d deep", list, MAX_DEPTH);
        for (size_t i = 0; i < json_array_size(items); i++)
            if (!read_component(t, json_array_get(items, i), rows, n_rows, list, depth + 1, err))
                return false;
        return true;
    }
    for (size_t i = 0; i < n_rows; i++)
        if (str_eq(type, str_of(rows[i].type)))
            return rows[i].read(t, node, err) || error_prefix(err, "%s", rows[i].type);
    return error_set(err, HOB_FORMAT, "\"%.*s\" is not supported", (int)(type.len < 60 ? type.len : 60), type.ptr);
}

#define READ(t, node, rows, list, err) read_component(t, node, rows, sizeof(rows) / sizeof(*(rows)), list, 0, err)

/* ---- Patterns ---- */

/* {"String": ...} or {"Regex": ...}. */
static bool get_pattern(const json_t *node, struct str *text, bool *is_regex, struct hob_error *err)
{
    const json_t *pattern = json_object_get(node, "pattern");
    *is_regex = json_object_get(pattern, "Regex") != NULL;
    *text = get_str(pattern, *is_regex ? "Regex" : "String");
    return text->len || error_set(err, HOB_FORMAT, "pattern: want a String or a Regex that is not empty");
}

/* Appends a regex that matches `text` itself. */
static void quote(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("\\^$.[]|()?*+{}#&-~ ", text.ptr[i]) && text.ptr[i])
            buf_byte(out, '\\');
        buf_byte(out, text.ptr[i]);
    }
}

/* ---- Normalizers ---- */

static bool read_form(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    static const char *const names[] = {
        [UNICODE_NFC] = "NFC", [UNICODE_NFD] = "NFD", [UNICODE_NFKC] = "NFKC", [UNICODE_NFKD] = "NFKD"};
    struct normalizer_step step = {.kind = NORMALIZER_FORM};
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (str_eq(get_str(node, "type"), str_of(names[i])))
            step.form = (enum unicode_form)i;
    return normalizer_add(&t->normalizer, step, err);
}

static bool read_replace(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_REPLACE};
    struct str pattern;
    bool is_regex;
    if (!get_pattern(node, &pattern, &is_regex, err) || !keep(t, get_str(node, "content"), &step.content, err))
        return false;
    if (!is_regex)
        return keep(t, pattern, &step.find, err) && normalizer_add(&t->normalizer, step, err);
    step.kind = NORMALIZER_REPLACE_REGEX;
    step.regex = regex_compile(pattern, err);
    return step.regex && normalizer_add(&t->normalizer, step, err);
}

static bool read_prepend(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_PREPEND};
    return keep(t, get_str(node, "prepend"), &step.content, err) && normalizer_add(&t->normalizer, step, err);
}

static const struct reader normalizers[] = {
    {"NFC", read_form},  {"NFD", read_form},        {"NFKC", read_form},
    {"NFKD", read_form}, {"Replace", read_replace}, {"Prepend", read_prepend},
};

bool json_read_normalizer(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    return READ(t, node, normalizers, "normalizers", err) || error_prefix(err, "normalizer");
}

/* ---- Pre-tokenizers ---- */

static bool get_behavior(const json_t *node, enum split_behavior *behavior, struct hob_error *err)
{
    static const char *const names[] = {[SPLIT_ISOLATED] = "Isolated",
                                        [SPLIT_REMOVED] = "Removed",
                                        [SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [SPLIT_CONTIGUOUS] = "Contiguous"};
    struct str name = get_str(node, "behavior");
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eq(name, str_of(names[i]))) {
            *behavior = (enum split_behavior)i;
            return true;
        }
    }
    return error_set(err, HOB_FORMAT, "behavior: \"%.*s\" is not known", (int)(name.len < 40 ? name.len : 40),
                     name.ptr);
}

/* A split by a text as it stands. */
static bool add_literal(struct tokenizer *t, struct str text, enum split_behavior behavior, bool invert,
                        struct hob_error *err)
{
    struct buf regex = {0};
    quote(text, &regex);
    bool ok = regex.failed ? error_memory(err, text.len)
                           : pretokenizer_add_split(&t->pretokenizer, buf_view(&regex), behavior, invert, err);
    buf_clear(&regex);
    return ok;
}

static bool read_split(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct str pattern;
    bool is_regex, invert = get_bool(node, "invert", false);
    enum split_behavior behavior;
    if (!get_pattern(node, &pattern, &is_regex, err) || !get_behavior(node, &behavior, err))
        return false;
    return is_regex ? pretokenizer_add_split(&t->pretokenizer, pattern, behavior, invert, err)
                    : add_literal(t, pattern, behavior, invert, err);
}

static bool read_digits(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum split_behavior behavior = get_bool(node, "individual_digits", false) ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    return pretokenizer_add_split(&t->pretokenizer, STR("\\p{N}"), behavior, false, err);
}

static bool read_punctuation(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum split_behavior behavior = SPLIT_ISOLATED;
    return (!json_object_get(node, "behavior") || get_behavior(node, &behavior, err)) &&
           pretokenizer_add_split(&t->pretokenizer, STR("[!-/:-@\\[-`{-~\\p{P}]"), behavior, false, err);
}

static bool read_whitespace(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return pretokenizer_add_split(&t->pretokenizer, STR("\\w+|[^\\w\\s]+"), SPLIT_REMOVED, true, err);
}

static bool read_whitespace_split(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return pretokenizer_add_split(&t->pretokenizer, STR("\\s"), SPLIT_REMOVED, false, err);
}

static bool read_bert(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    return read_whitespace_split(t, node, err) &&
           pretokenizer_add_split(&t->pretokenizer, STR("[!-/:-@\\[-`{-~\\p{P}]"), SPLIT_ISOLATED, false, err);
}

static bool read_delimiter(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct str delimiter = get_str(node, "delimiter");
    if (delimiter.len == 0)
        return error_set(err, HOB_FORMAT, "delimiter: want a character");
    return add_literal(t, delimiter, SPLIT_REMOVED, false, err);
}

static bool read_byte_level(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct pretokenizer_step space = {.kind = PRETOKENIZER_PREFIX_SPACE}, bytes = {.kind = PRETOKENIZER_ALPHABET};
    if (get_bool(node, "add_prefix_space", true) && !pretokenizer_add(&t->pretokenizer, space, err))
        return false;
    if (get_bool(node, "use_regex", true) &&
        !pretokenizer_add_split(&t->pretokenizer, str_of(pretokenizer_gpt2), SPLIT_ISOLATED, false, err))
        return false;
    return pretokenizer_add(&t->pretokenizer, bytes, err);
}

/* "prepend_scheme", or "add_prefix_space" of older files. */
static bool get_prepend(const json_t *node, enum metaspace_prepend *prepend, struct hob_error *err)
{
    struct str scheme = get_str(node, "prepend_scheme");
    if (scheme.len == 0)
        *prepend = get_bool(node, "add_prefix_space", true) ? PREPEND_ALWAYS : PREPEND_NEVER;
    else if (str_eq(scheme, STR("always")))
        *prepend = PREPEND_ALWAYS;
    else if (str_eq(scheme, STR("first")))
        *prepend = PREPEND_FIRST;
    else if (str_eq(scheme, STR("never")))
        *prepend = PREPEND_NEVER;
    else
        return error_set(err, HOB_FORMAT, "prepend_scheme: \"%.*s\" is not known",
                         (int)(scheme.len < 40 ? scheme.len : 40), scheme.ptr);
    return true;
}

static bool get_character(const json_t *node, const char *key, struct str *out, struct hob_error *err)
{
    *out = get_str(node, key);
    unsigned size = 0;
    if (out->len == 0 || utf8_decode(*out, 0, &size) < 0 || size != out->len)
        return error_set(err, HOB_FORMAT, "%s: want one character", key);
    return true;
}

static bool read_metaspace(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct pretokenizer_step step = {.kind = PRETOKENIZER_METASPACE};
    struct str mark;
    if (!get_character(node, "replacement", &mark, err) || !get_prepend(node, &step.prepend, err))
        return false;
    memcpy(step.replacement, mark.ptr, mark.len);
    step.n_replacement = (unsigned)mark.len;
    return pretokenizer_add(&t->pretokenizer, step, err) &&
           (!get_bool(node, "split", true) || add_literal(t, mark, SPLIT_MERGED_WITH_NEXT, false, err));
}

static const struct reader pretokenizers[] = {
    {"Split", read_split},
    {"Digits", read_digits},
    {"ByteLevel", read_byte_level},
    {"Metaspace", read_metaspace},
    {"Punctuation", read_punctuation},
    {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split},
    {"BertPreTokenizer", read_bert},
    {"CharDelimiterSplit", read_delimiter},
};

bool json_read_pretokenizer(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct pretokenizer *pre = &t->pretokenizer;
    t->bpe.unit = BPE_CHARACTERS;
    if (!READ(t, node, pretokenizers, "pretokenizers", err))
        return error_prefix(err, "pre_tokenizer");
    size_t n_alphabet = 0;
    for (size_t i = 0; i < pre->n_steps; i++)
        n_alphabet += pre->steps[i].kind == PRETOKENIZER_ALPHABET;
    /* Bytes that nothing looks at any more need not be written in the alphabet: the model takes them as they are. */
    if (n_alphabet == 1 && pre->steps[pre->n_steps - 1].kind == PRETOKENIZER_ALPHABET) {
        pre->n_steps--;
        t->bpe.unit = BPE_BYTES;
    }
    return true;
}

/* ---- Post-processors ---- */

static bool add_to_frame(struct tokenizer *t, struct frame *frame, json_int_t id, struct hob_error *err)
{
    if (id < 0 || (size_t)id >= t->lexicon.n || frame->n == TOKENIZER_MAX_FRAME)
        return error_set(err, HOB_FORMAT, "special token %lld: want at most %d, each below %zu", (long long)id,
                         TOKENIZER_MAX_FRAME, t->lexicon.n);
    frame->ids[frame->n++] = (int32_t)id;
    return true;
}

static bool read_template(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    const json_t *single = json_object_get(node, "single"), *tokens = json_object_get(node, "special_tokens");
    struct frame *frame = &t->before;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *item = json_array_get(single, i);
        if (json_object_get(item, "Sequence")) {
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

static const struct reader postprocessors[] = {
    {"TemplateProcessing", read_template},
    {"RobertaProcessing", read_cls_sep},
    {"BertProcessing", read_cls_sep},
    {"ByteLevel", read_nothing},
};

bool json_read_postprocessor(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    return READ(t, node, postprocessors, "processors", err) || error_prefix(err, "post_processor");
}

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
    return keep(t, find, &t->decoder.find, err) && keep(t, content, &t->decoder.content, err);
}

static bool read_replace_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct str pattern;
    bool is_regex;
    if (!get_pattern(node, &pattern, &is_regex, err))
        return false;
    if (is_regex)
        return error_set(err, HOB_FORMAT, "a Regex is not supported");
    return set_replace(t, pattern, get_str(node, "content"), err);
}

static bool read_strip(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    json_int_t start = json_integer_value(json_object_get(node, "start"));
    json_int_t stop = json_integer_value(json_object_get(node, "stop"));
    if (!str_eq(get_str(node, "content"), STR(" ")) || start < 0 || start > 1 || stop != 0)
        return error_set(err, HOB_FORMAT, "want at most one space at the start, found start %lld, stop %lld",
                         (long long)start, (long long)stop);
    t->decoder.drop_first_space = start == 1;
    return true;
}

static bool read_metaspace_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum metaspace_prepend prepend = PREPEND_NEVER;
    struct str mark;
    if (!get_character(node, "replacement", &mark, err) || !get_prepend(node, &prepend, err))
        return false;
    t->decoder.drop_first_space = prepend != PREPEND_NEVER;
    return set_replace(t, mark, STR(" "), err);
}

/* ByteFallback: byte tokens are known by their type. Fuse: text is always joined. */
static const struct reader decoders[] = {
    {"ByteLevel", read_alphabet_decoder},  {"Replace", read_replace_decoder}, {"Strip", read_strip},
    {"Metaspace", read_metaspace_decoder}, {"ByteFallback", read_nothing},    {"Fuse", read_nothing},
};

bool json_read_decoder(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    return READ(t, node, decoders, "decoders", err) || error_prefix(err, "decoder");
}
