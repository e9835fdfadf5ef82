/* SPDX-License-Identifier: Apache-2.0
 *
 * The chat templates of a model, and the special tokens that they name.
 */
#include "text/jinja/template.h"

#include <stdio.h>

#include "base/error.h"
#include "model/model.h"

struct str model_template_named(const struct model *model, struct str name)
{
    struct str none = {"", 0};
    char key[100];
    if (model->hf)
        return json_span(json_object_getn(model->hf->templates, name.ptr, name.len));
    if (str_eq(name, STR("default")))
        snprintf(key, sizeof key, "tokenizer.chat_template");
    else if (snprintf(key, sizeof key, "tokenizer.chat_template.%.*s", (int)name.len, name.ptr) >= (int)sizeof key)
        return none;
    const struct gguf_value *value = gguf_find(model->gguf, key);
    return value && value->type == GGUF_STRING ? value->s : none;
}

struct str model_template_text(const struct model *model, bool tools)
{
    struct str text = tools ? model_template_named(model, STR("tool_use")) : STR("");
    if (text.len == 0)
        text = model_template_named(model, STR("default"));
    if (text.len == 0 && model->hf)
        text = json_span(json_object_iter_value(json_object_iter(model->hf->templates)));
    return text;
}

const struct template *model_template(struct model *model, bool tools, struct hob_error *err)
{
    struct str text = model_template_text(model, tools);
    struct template **parsed = &model->templates[tools && text.ptr != model_template_text(model, false).ptr];
    if (!*parsed && text.len == 0)
        error_set(err, HOB_NOT_FOUND,
                  "%s: has no chat template; use `hob generate` for raw completion, or give one with --template FILE",
                  model->name);
    else if (!*parsed && !(*parsed = template_parse(text, err)))
        error_prefix(err, "%s", model->name);
    return *parsed;
}

static void set_token(json_t *tokens, const char *name, struct str text)
{
    if (text.len)
        json_object_set_new(tokens, name, json_bytes(text));
}

/* The members of a configuration that name a special token: a text, or {"content": text}. */
static void add_named(json_t *tokens, json_t *config)
{
    const char *key;
    json_t *value;
    json_object_foreach(config, key, value)
    {
        if (str_ends(str_of(key), STR("_token")))
            set_token(tokens, key, json_span(json_is_object(value) ? json_object_get(value, "content") : value));
    }
}

/* Those that GGUF files number. */
static void add_numbered(json_t *tokens, const struct model *model, const struct tokenizer *tokenizer)
{
    static const struct {
        const char *name, *key;
    } rows[] = {{"unk_token", "tokenizer.ggml.unknown_token_id"},
                {"pad_token", "tokenizer.ggml.padding_token_id"},
                {"sep_token", "tokenizer.ggml.seperator_token_id"},
                {"cls_token", "tokenizer.ggml.cls_token_id"},
                {"mask_token", "tokenizer.ggml.mask_token_id"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct gguf_value *id = gguf_find(model->gguf, rows[i].key);
        if (id && id->i >= 0 && (uint64_t)id->i < tokenizer_size(tokenizer))
            set_token(tokens, rows[i].name, tokenizer_text(tokenizer, (int32_t)id->i));
    }
}

json_t *model_special_tokens(struct model *model)
{
    struct hob_error none;
    const struct tokenizer *tokenizer = model_tokenizer(model, &none);
    json_t *tokens = json_object();
    if (tokenizer) {
        int32_t bos = tokenizer_bos(tokenizer), eos = tokenizer_eos(tokenizer);
        json_object_set_new(tokens, "bos_token",
                            json_bytes(bos == TOKEN_NONE ? STR("") : tokenizer_text(tokenizer, bos)));
        json_object_set_new(tokens, "eos_token",
                            json_bytes(eos == TOKEN_NONE ? STR("") : tokenizer_text(tokenizer, eos)));
    }
    if (tokenizer && model->gguf)
        add_numbered(tokens, model, tokenizer);
    if (model->hf) {
        add_named(tokens, model->hf->tokenizer_config);
        add_named(tokens, json_object_get(model->hf->tokenizer_config, "extra_special_tokens"));
        add_named(tokens, json_object_get(model->hf->tokenizer_config, "model_specific_special_tokens"));
    }
    return tokens;
}
