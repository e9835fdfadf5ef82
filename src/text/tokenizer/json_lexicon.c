/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary and the added tokens of a tokenizer.json.
 */
#include <stdlib.h>

#include "base/map.h"
#include "text/tokenizer/config.h"
#include "text/tokenizer/json_steps.h"

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

static int shown(struct str text)
{
    return (int)(text.len < 60 ? text.len : 60);
}

/* Whether `id` is one; `*n` grows beyond it. Ids may have gaps, but not such that they ask for memory the file does
 * not account for: `limit` bounds them. */
static bool count_id(const json_t *id, json_int_t limit, size_t *n)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= limit)
        return false;
    if ((size_t)json_integer_value(id) >= *n)
        *n = (size_t)json_integer_value(id) + 1;
    return true;
}

static bool count_ids(const json_t *vocab, const json_t *added, size_t *n, struct hob_error *err)
{
    size_t n_given = json_object_size(vocab) + json_array_size(vocab) + json_array_size(added);
    json_int_t limit = 4 * (json_int_t)n_given + 65536;
    const char *text;
    json_t *id;
    *n = json_array_size(vocab);
    json_object_foreach((json_t *)vocab, text, id)
    {
        if (!count_id(id, limit, n))
            return error_set(err, HOB_FORMAT, "model.vocab: \"%.60s\": want an id from 0 to %lld", text,
                             (long long)limit - 1);
    }
    for (size_t i = 0; i < json_array_size(added); i++)
        if (!count_id(json_object_get(json_array_get(added, i), "id"), limit, n))
            return error_set(err, HOB_FORMAT, "added_tokens: item %zu: want an id from 0 to %lld", i,
                             (long long)limit - 1);
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

/* An added token; `known` maps the model's own texts. Its id there goes first, as in the library. */
static bool draft_added(struct draft *draft, const struct map *known, const json_t *token, struct hob_error *err)
{
    struct str text = json_get_str(token, "content");
    uint32_t own = map_get(known, text);
    size_t id = own != MAP_NONE ? own : (size_t)json_integer_value(json_object_get(token, "id"));
    if (text.len == 0)
        return true;
    if (!draft_set(draft, id, text, err))
        return error_prefix(err, "added_tokens");
    struct config_token flags;
    config_read_flags(token, &flags);
    draft->types[id] = flags.type;
    draft->attributes[id] = flags.attributes | (own == MAP_NONE ? TOKEN_FOREIGN : 0);
    return true;
}

/* {"text": id} */
static bool draft_object(struct draft *draft, const json_t *vocab, struct map *known, struct hob_error *err)
{
    const char *key;
    size_t len;
    json_t *id;
    json_object_keylen_foreach((json_t *)vocab, key, len, id)
    {
        struct str text = {key, len};
        if (!draft_set(draft, (size_t)json_integer_value(id), text, err))
            return false;
        if (!map_add(known, text, (uint32_t)json_integer_value(id), NULL))
            return error_memory(err, len);
    }
    return true;
}

/* [["text", score], ...], the ids being the places. */
static bool draft_array(struct draft *draft, const json_t *vocab, struct map *known, struct hob_error *err)
{
    for (size_t i = 0; i < json_array_size(vocab); i++) {
        const json_t *item = json_array_get(vocab, i);
        struct str text = json_span(json_array_get(item, 0));
        if (json_array_size(item) != 2 || !json_is_string(json_array_get(item, 0)) ||
            !json_is_number(json_array_get(item, 1)))
            return error_set(err, HOB_FORMAT, "item %zu: want a text and a score", i);
        if (!draft_set(draft, i, text, err))
            return false;
        if (!map_add(known, text, (uint32_t)i, NULL))
            return error_memory(err, text.len);
    }
    return true;
}

static bool draft_vocab(struct draft *draft, const json_t *vocab, const json_t *added, struct hob_error *err)
{
    struct map known = {0};
    bool ok = json_is_array(vocab) ? draft_array(draft, vocab, &known, err) : draft_object(draft, vocab, &known, err);
    if (!ok)
        error_prefix(err, "model.vocab");
    for (size_t i = 0; ok && i < json_array_size(added); i++)
        ok = draft_added(draft, &known, json_array_get(added, i), err);
    map_clear(&known);
    return ok;
}

static bool fill_draft(struct draft *draft, const json_t *model, const json_t *added, struct hob_error *err)
{
    const json_t *vocab = json_object_get(model, "vocab");
    if (!json_is_object(vocab) && !json_is_array(vocab))
        return error_set(err, HOB_FORMAT, "model.vocab: want tokens and ids, or tokens and scores");
    if (!count_ids(vocab, added, &draft->n, err))
        return false;
    draft->texts = calloc(draft->n + 1, sizeof(*draft->texts));
    draft->types = malloc(draft->n + 1);
    draft->attributes = calloc(draft->n + 1, 1);
    if (!draft->texts || !draft->types || !draft->attributes)
        return error_memory(err, draft->n * sizeof(*draft->texts));
    memset(draft->types, TOKEN_UNUSED, draft->n + 1);
    if (!draft_vocab(draft, vocab, added, err))
        return false;
    bool bytes = json_get_bool(model, "byte_fallback", false);
    for (size_t i = 0; bytes && i < draft->n; i++)
        if (draft->types[i] == TOKEN_NORMAL && lexicon_byte_of(draft->texts[i]) >= 0)
            draft->types[i] = TOKEN_BYTE;
    return true;
}

bool json_read_lexicon(struct tokenizer *t, const json_t *model, const json_t *added_tokens, struct hob_error *err)
{
    struct draft draft = {0};
    bool ok = fill_draft(&draft, model, added_tokens, err) &&
              lexicon_init(&t->lexicon, &t->arena, draft.n, draft.texts, draft.types, err);
    if (ok) {
        t->attributes = arena_array(&t->arena, draft.n, 1);
        if (t->attributes && draft.attributes) {
            memcpy(t->attributes, draft.attributes, draft.n);
            t->lexicon.attributes = t->attributes;
        } else {
            error_memory(err, draft.n);
            ok = false;
        }
    }
    draft_clear(&draft);
    return ok;
}
