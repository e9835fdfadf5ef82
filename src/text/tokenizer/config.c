/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands beside a tokenizer file.
 */
#include "text/tokenizer/config.h"

#include "base/error.h"

enum { MAX_ID = 1 << 22 };

void config_read_flags(const json_t *token, struct config_token *out)
{
    static const struct {
        const char *key;
        uint8_t bit;
    } flags[] = {{"lstrip", TOKEN_LSTRIP},
                 {"rstrip", TOKEN_RSTRIP},
                 {"single_word", TOKEN_SINGLE_WORD},
                 {"normalized", TOKEN_NORMALIZED}};
    out->type = json_is_true(json_object_get(token, "special")) ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
    out->attributes = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (json_is_true(json_object_get(token, flags[i].key)))
            out->attributes |= flags[i].bit;
}

/* The number that `text` is, or MAX_ID. */
static size_t read_id(const char *text)
{
    size_t id = 0, i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && id < MAX_ID; i++)
        id = 10 * id + (size_t)(text[i] - '0');
    return i && !text[i] && id < MAX_ID ? id : MAX_ID;
}

bool config_each_added(const json_t *config,
                       bool (*take)(void *ctx, const struct config_token *token, struct hob_error *err), void *ctx,
                       struct hob_error *err)
{
    const char *key;
    json_t *entry;
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key, entry)
    {
        struct config_token token = {.id = read_id(key), .text = json_span(json_object_get(entry, "content"))};
        if (token.id == MAX_ID || token.text.len == 0)
            return error_set(
                err, HOB_FORMAT,
                "tokenizer_config.json: added_tokens_decoder: \"%.40s\": want an id below %d and a content", key,
                MAX_ID);
        config_read_flags(entry, &token);
        if (!take(ctx, &token, err))
            return error_prefix(err, "tokenizer_config.json: added_tokens_decoder");
    }
    return true;
}

/* A special token of the configuration: a text, {"content": text} or null. `missing` where it says nothing. */
static int32_t find_special(const struct tokenizer *t, const json_t *config, const char *key, int32_t missing)
{
    const json_t *value = json_object_get(config, key);
    struct str text = json_span(json_is_object(value) ? json_object_get(value, "content") : value);
    int32_t id = text.len ? lexicon_find(&t->lexicon, text) : TOKEN_NONE;
    return id == TOKEN_NONE ? missing : id;
}

static bool settle_frame(const json_t *config, const char *key, int32_t id, bool missing, struct frame *frame)
{
    const json_t *wanted = json_object_get(config, key);
    if (frame->n == 0 && id != TOKEN_NONE)
        *frame = (struct frame){{id}, 1};
    return frame->n > 0 && (json_is_boolean(wanted) ? json_is_true(wanted) : missing);
}

bool tokenizer_settle(struct tokenizer *t, const struct tokenizer_config *given, bool add_bos, bool add_eos,
                      struct hob_error *err)
{
    t->bos = find_special(t, given->config, "bos_token", t->bos);
    t->eos = find_special(t, given->config, "eos_token", t->eos);
    t->add_bos = settle_frame(given->config, "add_bos_token", t->bos, add_bos, &t->before);
    t->add_eos = settle_frame(given->config, "add_eos_token", t->eos, add_eos, &t->after);
    return tokenizer_build_eog(t, TOKEN_NONE, given->eog, given->n_eog, err);
}
