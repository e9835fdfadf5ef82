/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json as a tokenizer: the vocabulary, the model and the added tokens. What stands around the model is in
 * tokenizer_json_steps.c.
 */
#include "text/tokenizer_json.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer_json_steps.h"

/* A vocabulary on its way into the lexicon, by id. */
struct draft {
    struct str *texts;
    uint8_t *types, *attributes;
    size_t n;
};

static void draft_clear(struct draft *draft)
{
    free(draft->texts);
    free(draft->types);
    free(draft->attributes);
}

static bool get_flag(const json_t *node, const char *key)
{
    return json_is_true(json_object_get(node, key));
}

static int shown(struct str text)
{
    return (int)(text.len < 60 ? text.len : 60);
}

/* Ids may have gaps, but not such that they ask for memory the file does not account for. */
static bool count_ids(const json_t *vocab, const json_t *added, size_t *n, struct hob_error *err)
{
    json_int_t most = -1, limit = (json_int_t)(4 * (json_object_size(vocab) + json_array_size(added)) + 65536);
    const char *text;
    json_t *id;
    json_object_foreach((json_t *)vocab, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= limit)
            return error_set(err, HOB_FORMAT, "model.vocab: \"%.60s\": want an id from 0 to %lld", text,
                             (long long)limit - 1);
        if (json_integer_value(id) > most)
            most = json_integer_value(id);
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *given = json_object_get(json_array_get(added, i), "id");
        if (!json_is_integer(given) || json_integer_value(given) < 0 || json_integer_value(given) >= limit)
            return error_set(err, HOB_FORMAT, "added_tokens: item %zu: want an id from 0 to %lld", i,
                             (long long)limit - 1);
        if (json_integer_value(given) > most)
            most = json_integer_value(given);
    }
    *n = (size_t)(most + 1);
    return true;
}

static bool draft_set(struct draft *draft, size_t id, struct str text, struct hob_error *err)
{
    if (draft->texts[id].len && !str_eq(draft->texts[id], text))
        return error_set(err, HOB_FORMAT, "token %zu is both \"%.*s\" and \"%.*s\"", id, shown(draft->texts[id]),
                         draft->texts[id].ptr, shown(text), text.ptr);
    draft->texts[id] = text;
    if (draft->types[id] == TOKEN_UNUSED)
        draft->types[id] = TOKEN_NORMAL;
    return true;
}

static bool draft_added(struct draft *draft, const json_t *vocab, const json_t *token, struct hob_error *err)
{
    static const struct {
        const char *key;
        uint8_t bit;
    } flags[] = {{"lstrip", TOKEN_LSTRIP},
                 {"rstrip", TOKEN_RSTRIP},
                 {"single_word", TOKEN_SINGLE_WORD},
                 {"normalized", TOKEN_NORMALIZED}};
    struct str text = json_span(json_object_get(token, "content"));
    size_t id = (size_t)json_integer_value(json_object_get(token, "id"));
    const json_t *known = text.len ? json_object_getn(vocab, text.ptr, text.len) : NULL;
    /* The model's own id goes first, as in the library. */
    if (known)
        id = (size_t)json_integer_value(known);
    if (text.len == 0)
        return true;
    if (!draft_set(draft, id, text, err))
        return error_prefix(err, "added_tokens");
    draft->types[id] = get_flag(token, "special") ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (get_flag(token, flags[i].key))
            draft->attributes[id] |= flags[i].bit;
    return true;
}

static bool fill_draft(struct draft *draft, const json_t *model, const json_t *added, struct hob_error *err)
{
    const json_t *vocab = json_object_get(model, "vocab");
    if (!json_is_object(vocab))
        return error_set(err, HOB_FORMAT, "model.vocab: want an object of tokens and ids");
    if (!count_ids(vocab, added, &draft->n, err))
        return false;
    draft->texts = calloc(draft->n + 1, sizeof(*draft->texts));
    draft->types = malloc(draft->n + 1);
    draft->attributes = calloc(draft->n + 1, 1);
    if (!draft->texts || !draft->types || !draft->attributes)
        return error_memory(err, draft->n * sizeof(*draft->texts));
    memset(draft->types, TOKEN_UNUSED, draft->n + 1);
    bool bytes = get_flag(model, "byte_fallback");
    const char *key;
    size_t len;
    json_t *id;
    json_object_keylen_foreach((json_t *)vocab, key, len, id)
    {
        struct str text = {key, len};
        size_t at = (size_t)json_integer_value(id);
        if (!draft_set(draft, at, text, err))
            return error_prefix(err, "model.vocab");
        if (bytes && lexicon_byte_of(text) >= 0)
            draft->types[at] = TOKEN_BYTE;
    }
    for (size_t i = 0; i < json_array_size(added); i++)
        if (!draft_added(draft, vocab, json_array_get(added, i), err))
            return false;
    return true;
}

static bool read_lexicon(struct tokenizer *t, const json_t *root, struct hob_error *err)
{
    struct draft draft = {0};
    bool ok = fill_draft(&draft, json_object_get(root, "model"), json_object_get(root, "added_tokens"), err) &&
              lexicon_init(&t->lexicon, &t->arena, draft.n, draft.texts, draft.types, err);
    if (ok) {
        t->attributes = arena_array(&t->arena, draft.n, 1);
        if (t->attributes && draft.attributes) {
            memcpy(t->attributes, draft.attributes, draft.n);
        } else {
            error_memory(err, draft.n);
            ok = false;
        }
    }
    draft_clear(&draft);
    return ok;
}

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

static bool read_bpe(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    static const char *const refused[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        if (json_span(json_object_get(model, refused[i])).len)
            return error_set(err, HOB_FORMAT, "%s is not supported", refused[i]);
    if (json_number_value(json_object_get(model, "dropout")) > 0)
        return error_set(err, HOB_FORMAT, "dropout is not supported");
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges))
        return error_set(err, HOB_FORMAT, "merges: want a list");
    struct str unknown = json_span(json_object_get(model, "unk_token"));
    t->bpe.unknown = unknown.len ? lexicon_find(&t->lexicon, unknown) : TOKEN_NONE;
    t->bpe.fuse_unknown = get_flag(model, "fuse_unk");
    t->bpe.ignore_merges = get_flag(model, "ignore_merges");
    size_t n = json_array_size(merges);
    if (!bpe_init(&t->bpe, &t->lexicon, get_flag(model, "byte_fallback"), false, err) ||
        !bpe_reserve_merges(&t->bpe, n, err))
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

static bool read_model(struct tokenizer *t, const json_t *model, struct hob_error *err)
{
    struct str type = json_span(json_object_get(model, "type"));
    /* Older files do not say it, but only this model has merges. */
    if (str_eq(type, STR("BPE")) || (type.len == 0 && json_object_get(model, "merges")))
        return read_bpe(t, model, err) || error_prefix(err, "model");
    return error_set(err, HOB_FORMAT, "model: \"%.*s\" is not supported", shown(type), type.ptr);
}

/* A special token of tokenizer_config.json: a text, {"content": text} or null. */
static int32_t config_token(const struct tokenizer *t, const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);
    struct str text = json_span(json_is_object(value) ? json_object_get(value, "content") : value);
    return text.len ? lexicon_find(&t->lexicon, text) : TOKEN_NONE;
}

/* tokenizer_config.json decides where it speaks, else the post-processor does. */
static void settle_frame(const json_t *config, const char *key, int32_t id, struct frame *frame, bool *add)
{
    const json_t *wanted = json_object_get(config, key);
    *add = json_is_boolean(wanted) ? json_is_true(wanted) : frame->n > 0;
    if (frame->n == 0 && id != TOKEN_NONE)
        *frame = (struct frame){{id}, 1};
    *add = *add && frame->n > 0;
}

static bool read_root(struct tokenizer *t, const json_t *root, const json_t *config, const int32_t *eog, size_t n_eog,
                      struct hob_error *err)
{
    if (!json_is_object(root) || !json_is_object(json_object_get(root, "model")))
        return error_set(err, HOB_FORMAT, "want an object with a model");
    if (!read_lexicon(t, root, err) || !json_read_normalizer(t, json_object_get(root, "normalizer"), err) ||
        !json_read_pretokenizer(t, json_object_get(root, "pre_tokenizer"), err) ||
        !read_model(t, json_object_get(root, "model"), err) ||
        !json_read_postprocessor(t, json_object_get(root, "post_processor"), err) ||
        !json_read_decoder(t, json_object_get(root, "decoder"), err) || !tokenizer_build_added(t, err))
        return false;
    t->bos = config_token(t, config, "bos_token");
    t->eos = config_token(t, config, "eos_token");
    if (t->bos == TOKEN_NONE && t->before.n == 1)
        t->bos = t->before.ids[0];
    settle_frame(config, "add_bos_token", t->bos, &t->before, &t->add_bos);
    settle_frame(config, "add_eos_token", t->eos, &t->after, &t->add_eos);
    return tokenizer_build_eog(t, TOKEN_NONE, eog, n_eog, err);
}

struct tokenizer *tokenizer_from_json(const json_t *root, const json_t *config, const int32_t *eog, size_t n_eog,
                                      struct hob_error *err)
{
    struct tokenizer *t = calloc(1, sizeof(*t));
    if (!t) {
        error_memory(err, sizeof(*t));
        return NULL;
    }
    if (!read_root(t, root, config, eog, n_eog, err)) {
        tokenizer_free(t);
        return NULL;
    }
    return t;
}
