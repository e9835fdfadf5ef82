/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/constrain.h"

#include "base/error.h"
#include "text/constraint/constraint.h"
#include "text/regex/grammar.h"

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
        const json_t *after = json_object_get(given, "after");
        if (!json_is_object(given) || json_object_size(given) != 1 + (after != NULL))
            return error_set(err, HOB_USAGE, "constraint: want an object with one member, and perhaps \"after\"");
        if (after && !json_is_string(after))
            return error_set(err, HOB_USAGE, "constraint: \"after\": want a text");
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

/* ---- compiling ---- */

/* A description being compiled. */
struct compiling {
    const char *kind;
    const json_t *value, *after;
    const struct tokenizer *tokenizer;
    json_t *made; /* what lives until the grammar is made */
};

/* What the text must be. */
static uint32_t add_text(struct grammar_builder *b, void *user)
{
    struct compiling *c = user;
    const char *kind = c->kind;
    if (strcmp(kind, "schema") == 0)
        return schema_grammar(b, c->value);
    if (strcmp(kind, "grammar") == 0 && json_is_string(c->value))
        return gbnf_grammar(b, json_span(c->value), c->tokenizer);
    if (strcmp(kind, "regex") == 0 && json_is_string(c->value))
        return regex_grammar(b, json_span(c->value), REGEX_WHOLE);
    if (strcmp(kind, "json_object") == 0 && json_is_true(c->value)) {
        c->made = json_pack("{s:s}", "type", "object");
        return c->made ? schema_grammar(b, c->made) : grammar_fail(b, HOB_LIMIT, "no memory for a constraint");
    }
    size_t n = json_array_size(c->value);
    if (strcmp(kind, "choice") != 0 || n == 0)
        return grammar_fail(b, HOB_USAGE, "constraint: \"%.40s\": want schema, grammar, regex, choice or json_object",
                            kind);
    struct arena arena = {0};
    struct str *texts = arena_array(&arena, n, sizeof *texts);
    uint32_t part = texts ? GRAMMAR_EMPTY : grammar_fail(b, HOB_LIMIT, "no memory for %zu choices", n);
    for (size_t i = 0; texts && i < n; i++) {
        texts[i] = json_span(json_array_get(c->value, i));
        if (!json_is_string(json_array_get(c->value, i)))
            grammar_fail(b, HOB_USAGE, "constraint: choice %zu is no string", i);
    }
    if (!grammar_failed(b))
        part = grammar_choices(b, texts, n);
    arena_clear(&arena);
    return part;
}

/* The description's parts; the kind is NULL where there is no description. */
static struct compiling read_description(const json_t *description, const struct tokenizer *tokenizer)
{
    struct compiling c = {.tokenizer = tokenizer, .after = json_object_get(description, "after")};
    void *at = json_object_iter((json_t *)description);
    if (at && strcmp(json_object_iter_key(at), "after") == 0)
        at = json_object_iter_next((json_t *)description, at);
    if (at) {
        c.kind = json_object_iter_key(at);
        c.value = json_object_iter_value(at);
    }
    return c;
}

/* Whether the constraint is on the reply as it stands, and not on the answer. */
static bool is_raw(const struct compiling *c, const struct markup *markup)
{
    if (!markup->json || c->after)
        return true;
    bool thinks_first = markup->think_first || reply_form_in_thinking(&markup->demand.form);
    return strcmp(c->kind, "grammar") == 0 && !thinks_first;
}

/* The grammar of a reply as it stands. */
static struct grammar *raw_grammar(struct compiling *c, const struct markup *markup, struct hob_error *err)
{
    struct str after = json_span(c->after);
    if (markup->demand.choice != REPLY_CALLS_MAY) {
        error_set(err, HOB_USAGE, "tool_choice: this constraint is on all of the reply, calls included");
        return NULL;
    }
    struct grammar_builder *b = grammar_begin(err);
    if (!b)
        return NULL;
    uint32_t root = add_text(b, c);
    if (after.len)
        root = grammar_seq(b, (uint32_t[]){grammar_without(b, &after, 1), grammar_literal(b, after), root}, 3);
    return grammar_finish(b, root, err);
}

/* The grammar of a reply in its markup. */
static struct grammar *markup_grammar(struct compiling *c, const struct markup *markup, struct hob_error *err)
{
    struct reply_demand demand = markup->demand;
    if (c->kind) {
        demand.answer = add_text;
        demand.user = c;
    }
    return reply_grammar_new(&demand, c->tokenizer, err);
}

bool constrain_check(const json_t *description, const struct tokenizer *tokenizer, struct hob_error *err)
{
    struct compiling c = read_description(description, tokenizer);
    struct grammar *grammar = tokenizer ? raw_grammar(&c, &(struct markup){0}, err) : NULL;
    bool good = grammar != NULL;
    grammar_free(grammar);
    json_decref(c.made);
    return good;
}

static const uint32_t *allowed(void *state)
{
    return matcher_mask(((struct constrain *)state)->matcher);
}

static void accept(void *state, int32_t id)
{
    matcher_accept(((struct constrain *)state)->matcher, id);
}

bool constrain_needed(const json_t *description, const struct markup *markup)
{
    return description || markup->must_hold;
}

bool constrain_start(const json_t *description, const struct markup *markup, const struct token_trie *trie,
                     const struct tokenizer *tokenizer, struct constrain *out, struct hob_error *err)
{
    struct compiling c = read_description(description, tokenizer);
    bool raw = c.kind && is_raw(&c, markup);
    *out = (struct constrain){.hooks = {.state = out, .allowed = allowed, .accept = accept}};
    out->holds_calls = !raw && json_array_size(markup->demand.tools) > 0;
    out->grammar = raw ? raw_grammar(&c, markup, err) : markup_grammar(&c, markup, err);
    out->matcher = out->grammar ? matcher_new(out->grammar, trie, true, err) : NULL;
    json_decref(c.made);
    if (!out->matcher)
        return false;
    struct str begun = raw ? STR("") : reply_form_begun(&markup->demand.form);
    return matcher_text(out->matcher, begun, NULL) ||
           error_set(err, HOB_USAGE, "the prompt begins a reply that cannot go on as it is told to");
}

void constrain_clear(struct constrain *constrain)
{
    matcher_free(constrain->matcher);
    grammar_free(constrain->grammar);
    *constrain = (struct constrain){0};
}
