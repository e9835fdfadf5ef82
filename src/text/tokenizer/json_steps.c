/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizers and pre-tokenizers of a tokenizer.json, as the `tokenizers` library defines them.
 */
#include "text/tokenizer/json_steps.h"

#include <stdio.h>

#include "base/base64.h"

enum { MAX_DEPTH = 8 };

bool json_get_bool(const json_t *node, const char *key, bool missing)
{
    const json_t *value = json_object_get(node, key);
    return json_is_boolean(value) ? json_is_true(value) : missing;
}

struct str json_get_str(const json_t *node, const char *key)
{
    return json_span(json_object_get(node, key));
}

bool json_keep(struct tokenizer *t, struct str text, struct str *out, struct hob_error *err)
{
    char *copy = arena_copy(&t->arena, text.ptr, text.len);
    *out = (struct str){copy, text.len};
    return copy || error_memory(err, text.len);
}

static bool read_component(struct tokenizer *t, const json_t *node, const struct json_readers *readers, unsigned depth,
                           struct hob_error *err)
{
    if (!node || json_is_null(node))
        return true;
    struct str type = json_get_str(node, "type");
    if (type.len == 0)
        return error_set(err, HOB_FORMAT, "a component has no type");
    if (str_eq(type, STR("Sequence"))) {
        const json_t *items = json_object_get(node, readers->list);
        if (!json_is_array(items) || depth == MAX_DEPTH)
            return error_set(err, HOB_FORMAT, "Sequence: want a list \"%s\", at most %d deep", readers->list,
                             MAX_DEPTH);
        for (size_t i = 0; i < json_array_size(items); i++)
            if (!read_component(t, json_array_get(items, i), readers, depth + 1, err))
                return false;
        return true;
    }
    for (size_t i = 0; i < readers->n; i++)
        if (str_eq(type, str_of(readers->rows[i].type)))
            return readers->rows[i].read(t, node, err) || error_prefix(err, "%s", readers->rows[i].type);
    return error_set(err, HOB_FORMAT, "\"%.*s\" is not supported", (int)(type.len < 60 ? type.len : 60), type.ptr);
}

bool json_read_component(struct tokenizer *t, const json_t *node, const struct json_readers *readers,
                         struct hob_error *err)
{
    return read_component(t, node, readers, 0, err) || error_prefix(err, "%s", readers->field);
}

/* ---- Patterns ---- */

bool json_get_pattern(const json_t *node, struct str *text, bool *is_regex, struct hob_error *err)
{
    const json_t *pattern = json_object_get(node, "pattern");
    *is_regex = json_object_get(pattern, "Regex") != NULL;
    *text = json_get_str(pattern, *is_regex ? "Regex" : "String");
    return text->len || error_set(err, HOB_FORMAT, "pattern: want a String or a Regex that is not empty");
}

/* Appends a regex that matches `text` itself. */
static void quote(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (byte_in(text.ptr[i], "\\^$.[]|()?*+{}#&-~ "))
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
        if (str_eq(json_get_str(node, "type"), str_of(names[i])))
            step.form = (enum unicode_form)i;
    return normalizer_add(&t->normalizer, step, err);
}

static bool read_replace(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_REPLACE};
    struct str pattern;
    bool is_regex;
    if (!json_get_pattern(node, &pattern, &is_regex, err) ||
        !json_keep(t, json_get_str(node, "content"), &step.content, err))
        return false;
    if (!is_regex)
        return json_keep(t, pattern, &step.find, err) && normalizer_add(&t->normalizer, step, err);
    step.kind = NORMALIZER_REPLACE_REGEX;
    step.regex = regex_compile(pattern, REGEX_ONIGURUMA, err);
    return step.regex && normalizer_add(&t->normalizer, step, err);
}

static bool read_prepend(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_PREPEND};
    return json_keep(t, json_get_str(node, "prepend"), &step.content, err) && normalizer_add(&t->normalizer, step, err);
}

static bool add_map(struct tokenizer *t, enum character_map map, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_MAP, .map = map};
    return normalizer_add(&t->normalizer, step, err);
}

static bool read_lowercase(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return add_map(t, CHARACTER_LOWER, err);
}

static bool read_strip_accents(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return add_map(t, CHARACTER_DROP_MARKS, err);
}

static bool read_nmt(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return add_map(t, CHARACTER_NMT, err);
}

static bool read_strip(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_STRIP,
                                   .left = json_get_bool(node, "strip_left", true),
                                   .right = json_get_bool(node, "strip_right", true)};
    return normalizer_add(&t->normalizer, step, err);
}

static bool read_alphabet(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    struct normalizer_step step = {.kind = NORMALIZER_ALPHABET};
    return normalizer_add(&t->normalizer, step, err);
}

static bool read_bert_normalizer(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    bool lower = json_get_bool(node, "lowercase", true);
    return normalizer_add_bert(&t->normalizer, json_get_bool(node, "clean_text", true),
                               json_get_bool(node, "handle_chinese_chars", true),
                               json_get_bool(node, "strip_accents", lower), lower, err);
}

static bool read_precompiled(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_CHARSMAP, .graphemes = true};
    struct buf bytes = {0};
    bool ok = base64_read(json_get_str(node, "precompiled_charsmap"), &bytes)
                  ? charsmap_init(&step.charsmap, buf_view(&bytes), err)
                  : error_set(err, HOB_FORMAT, "precompiled_charsmap: want base64");
    buf_clear(&bytes);
    if (ok)
        return normalizer_add(&t->normalizer, step, err);
    charsmap_clear(&step.charsmap);
    return false;
}

static const struct json_reader normalizers[] = {
    {"NFC", read_form},
    {"NFD", read_form},
    {"NFKC", read_form},
    {"NFKD", read_form},
    {"Replace", read_replace},
    {"Prepend", read_prepend},
    {"Lowercase", read_lowercase},
    {"StripAccents", read_strip_accents},
    {"Strip", read_strip},
    {"Nmt", read_nmt},
    {"BertNormalizer", read_bert_normalizer},
    {"Precompiled", read_precompiled},
    {"ByteLevel", read_alphabet},
};

const struct json_readers json_normalizers = {"normalizer", "normalizers", normalizers,
                                              sizeof(normalizers) / sizeof(*normalizers)};

/* ---- Pre-tokenizers ---- */

static bool get_behavior(const json_t *node, enum split_behavior *behavior, struct hob_error *err)
{
    static const char *const names[] = {[SPLIT_ISOLATED] = "Isolated",
                                        [SPLIT_REMOVED] = "Removed",
                                        [SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [SPLIT_CONTIGUOUS] = "Contiguous"};
    struct str name = json_get_str(node, "behavior");
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
    bool is_regex, invert = json_get_bool(node, "invert", false);
    enum split_behavior behavior;
    if (!json_get_pattern(node, &pattern, &is_regex, err) || !get_behavior(node, &behavior, err))
        return false;
    return is_regex ? pretokenizer_add_split(&t->pretokenizer, pattern, behavior, invert, err)
                    : add_literal(t, pattern, behavior, invert, err);
}

static bool read_digits(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum split_behavior behavior = json_get_bool(node, "individual_digits", false) ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    return pretokenizer_add_split(&t->pretokenizer, STR("\\p{N}"), behavior, false, err);
}

static bool read_punctuation(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum split_behavior behavior = SPLIT_ISOLATED;
    return (!json_object_get(node, "behavior") || get_behavior(node, &behavior, err)) &&
           pretokenizer_add_split(&t->pretokenizer, str_of(pretokenizer_punctuation), behavior, false, err);
}

/* \w+|[^\w\s]+ with the \w of another library, which counts joiners and not superscripts. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}"

static bool read_whitespace(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return pretokenizer_add_split(&t->pretokenizer, STR("[" WORD "]+|[^" WORD "\\s]+"), SPLIT_REMOVED, true, err);
}

static bool read_whitespace_split(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return pretokenizer_add_split(&t->pretokenizer, STR("\\s"), SPLIT_REMOVED, false, err);
}

static bool read_bert(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    return pretokenizer_add_bert(&t->pretokenizer, err);
}

static bool read_delimiter(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct str delimiter = json_get_str(node, "delimiter");
    if (delimiter.len == 0)
        return error_set(err, HOB_FORMAT, "delimiter: want a character");
    return add_literal(t, delimiter, SPLIT_REMOVED, false, err);
}

static bool read_byte_level(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct pretokenizer_step space = {.kind = PRETOKENIZER_PREFIX_SPACE}, bytes = {.kind = PRETOKENIZER_ALPHABET};
    if (json_get_bool(node, "add_prefix_space", true) && !pretokenizer_add(&t->pretokenizer, space, err))
        return false;
    if (json_get_bool(node, "use_regex", true) &&
        !pretokenizer_add_split(&t->pretokenizer, str_of(pretokenizer_gpt2), SPLIT_ISOLATED, false, err))
        return false;
    return pretokenizer_add(&t->pretokenizer, bytes, err);
}

bool json_get_prepend(const json_t *node, enum metaspace_prepend *prepend, struct hob_error *err)
{
    struct str scheme = json_get_str(node, "prepend_scheme");
    if (scheme.len == 0)
        *prepend = json_get_bool(node, "add_prefix_space", true) ? PREPEND_ALWAYS : PREPEND_NEVER;
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

bool json_get_character(const json_t *node, const char *key, struct str *out, struct hob_error *err)
{
    *out = json_get_str(node, key);
    unsigned size = 0;
    if (out->len == 0 || utf8_decode(*out, 0, &size) < 0 || size != out->len)
        return error_set(err, HOB_FORMAT, "%s: want one character", key);
    return true;
}

static bool read_metaspace(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    struct pretokenizer_step step = {.kind = PRETOKENIZER_METASPACE};
    struct str mark;
    if (!json_get_character(node, "replacement", &mark, err) || !json_get_prepend(node, &step.prepend, err))
        return false;
    memcpy(step.replacement, mark.ptr, mark.len);
    step.n_replacement = (unsigned)mark.len;
    return pretokenizer_add(&t->pretokenizer, step, err) &&
           (!json_get_bool(node, "split", true) || add_literal(t, mark, SPLIT_MERGED_WITH_NEXT, false, err));
}

static bool read_fixed_length(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    enum { MAX_LENGTH = 10000 };
    json_int_t length = json_integer_value(json_object_get(node, "length"));
    char pattern[32];
    if (length < 1 || length > MAX_LENGTH)
        return error_set(err, HOB_FORMAT, "length: %lld, want 1 to %d", (long long)length, MAX_LENGTH);
    snprintf(pattern, sizeof(pattern), "(?m:.){1,%d}", (int)length);
    return pretokenizer_add_split(&t->pretokenizer, str_of(pattern), SPLIT_ISOLATED, false, err);
}

static bool read_scripts(struct tokenizer *t, const json_t *node, struct hob_error *err)
{
    (void)node;
    struct pretokenizer_step step = {.kind = PRETOKENIZER_SCRIPTS};
    return pretokenizer_add(&t->pretokenizer, step, err);
}

static const struct json_reader pretokenizers[] = {
    {"Split", read_split},
    {"Digits", read_digits},
    {"ByteLevel", read_byte_level},
    {"Metaspace", read_metaspace},
    {"Punctuation", read_punctuation},
    {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split},
    {"BertPreTokenizer", read_bert},
    {"CharDelimiterSplit", read_delimiter},
    {"FixedLength", read_fixed_length},
    {"UnicodeScripts", read_scripts},
};

const struct json_readers json_pretokenizers = {"pre_tokenizer", "pretokenizers", pretokenizers,
                                                sizeof(pretokenizers) / sizeof(*pretokenizers)};
