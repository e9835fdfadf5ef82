/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/constrain.h"

#include "base/error.h"

#define FILE_BYTES ((size_t)1 << 20) /* of a schema or a grammar */

/* A file's text as a JSON string, or parsed. */
static json_t *read_file(const char *path, bool parse, struct hob_error *err)
{
    struct buf text = {0};
    json_t *json = NULL;
    if (parse)
        return json_read_file(path, FILE_BYTES, err);
    if (file_load(path, FILE_BYTES, &text, err)) {
        json = json_stringn(text.ptr ? text.ptr : "", text.len);
        if (!json)
            error_set(err, HOB_FORMAT, "%s: is not UTF-8 text", path);
    }
    buf_clear(&text);
    return json;
}

/* The value that describes one option. */
static json_t *option_json(const char *name, const struct option_value *value, struct hob_error *err)
{
    if (strcmp(name, "schema") == 0 || strcmp(name, "grammar") == 0)
        return read_file(value->text, name[0] == 's', err);
    json_t *json = strcmp(name, "regex") == 0 ? json_string(value->text) : json_true();
    if (strcmp(name, "choice") == 0) {
        json = json_array();
        for (size_t i = 0; i < value->list.n; i++)
            json_array_append_new(json, json_string(value->list.texts[i]));
    }
    if (!json)
        error_set(err, HOB_USAGE, "--%s: is not UTF-8 text", name);
    return json;
}

bool constrain_describe(const struct options *options, const json_t *given, const json_t *format, json_t **out,
                        struct hob_error *err)
{
    size_t n;
    const struct option *table = options_table(&n);
    *out = NULL;
    if (given && !json_is_null(given)) {
        if (!json_is_object(given) || json_object_size(given) != 1 + (json_object_get(given, "after") != NULL))
            return error_set(err, HOB_USAGE, "constraint: want an object with one member, and perhaps \"after\"");
        *out = json_incref((json_t *)given);
    }
    if (format && !json_is_null(format)) {
        bool object = json_is_string(format) && str_eq(json_span(format), STR("json"));
        if (*out || (!object && !json_is_object(format))) {
            json_decref(*out);
            *out = NULL;
            return error_set(err, HOB_USAGE, "format: want \"json\" or a schema, and no other constraint");
        }
        *out = object ? json_pack("{s:b}", "json_object", 1) : json_pack("{s:O}", "schema", format);
    }
    for (size_t i = 0; i < n; i++) {
        const struct option_value *value = &options->values[i];
        if (table[i].group != OPTION_CONSTRAIN || !value->given || (table[i].kind == OPTION_FLAG && !value->flag))
            continue;
        json_t *json = *out ? NULL : option_json(table[i].name, value, err);
        if (!json) {
            if (*out)
                error_set(err, HOB_USAGE, "--%s: a reply takes one constraint, and another is given", table[i].name);
            json_decref(*out);
            *out = NULL;
            return false;
        }
        *out = json_object();
        json_object_set_new(*out, strcmp(table[i].name, "json-object") == 0 ? "json_object" : table[i].name, json);
    }
    return true;
}

/* Compiles what a description says. */
static struct grammar *compile(const json_t *description, const struct tokenizer *tokenizer, struct hob_error *err)
{
    void *member = json_object_iter((json_t *)description);
    if (strcmp(json_object_iter_key(member), "after") == 0)
        member = json_object_iter_next((json_t *)description, member);
    const char *kind = json_object_iter_key(member);
    const json_t *value = json_object_iter_value(member);
    if (strcmp(kind, "schema") == 0)
        return constraint_schema(value, err);
    if (strcmp(kind, "grammar") == 0 && json_is_string(value))
        return constraint_gbnf(json_span(value), tokenizer, err);
    if (strcmp(kind, "regex") == 0 && json_is_string(value))
        return constraint_regex(json_span(value), err);
    if (strcmp(kind, "json_object") == 0 && json_is_true(value))
        return constraint_json_object(err);
    size_t n = json_array_size(value);
    if (strcmp(kind, "choice") != 0 || n == 0) {
        error_set(err, HOB_USAGE, "constraint: \"%.40s\": want schema, grammar, regex, choice or json_object", kind);
        return NULL;
    }
    struct arena arena = {0};
    struct str *texts = arena_array(&arena, n, sizeof *texts);
    bool strings = texts || error_memory(err, n * sizeof *texts);
    for (size_t i = 0; texts && strings && i < n; i++) {
        texts[i] = json_span(json_array_get(value, i));
        strings = json_is_string(json_array_get(value, i)) ||
                  error_set(err, HOB_USAGE, "constraint: choice %zu is no string", i);
    }
    struct grammar *grammar = strings ? constraint_choices(texts, n, err) : NULL;
    arena_clear(&arena);
    return grammar;
}

static const uint32_t *allowed(void *state)
{
    struct constrain *constrain = state;
    if (constrain->after.len && str_find(buf_view(constrain->reply), constrain->after, 0) == SIZE_MAX)
        return NULL;
    constrain->after.len = 0;
    return matcher_mask(constrain->matcher);
}

static void accept(void *state, int32_t id)
{
    struct constrain *constrain = state;
    if (constrain->after.len == 0)
        matcher_accept(constrain->matcher, id);
}

bool constrain_start(const json_t *description, const struct token_trie *trie, const struct tokenizer *tokenizer,
                     const struct buf *reply, struct constrain *out, struct hob_error *err)
{
    *out = (struct constrain){.after = json_span(json_object_get(description, "after")), .reply = reply};
    out->hooks = (struct constraint){.state = out, .allowed = allowed, .accept = accept};
    out->grammar = compile(description, tokenizer, err);
    out->matcher = out->grammar ? matcher_new(out->grammar, trie, true, err) : NULL;
    return out->matcher != NULL;
}

void constrain_clear(struct constrain *constrain)
{
    matcher_free(constrain->matcher);
    grammar_free(constrain->grammar);
    *constrain = (struct constrain){0};
}
