/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that a schema spells out: enum and const.
 */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/grammar/parts.h"
#include "text/schema/schema.h"

/* ---- spelling ---- */

/* The leaf of a string's characters and then `next`, from the last character to the first. */
static uint32_t spell(struct schema_compiler *c, struct str text, uint32_t next)
{
    for (size_t end = text.len; end > 0 && next != LEAF_NONE;) {
        size_t at = end - 1;
        unsigned size;
        while (at > 0 && ((uint8_t)text.ptr[at] & 0xC0) == 0x80)
            at--;
        int32_t code = utf8_decode(text, at, &size);
        uint8_t byte = (uint8_t)text.ptr[at];
        if (byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\') {
            next = leaf_bytes(c->builder, (struct str){text.ptr + at, 1}, next);
        } else {
            struct code_set one = {0};
            code_set_add(&one, (uint32_t)code, (uint32_t)code);
            next = code < 0 ? LEAF_NONE : leaf_json_char(c->builder, &one, next);
            code_set_clear(&one);
        }
        end = at;
    }
    return next;
}

uint32_t schema_quoted(struct schema_compiler *c, struct str text, struct str after)
{
    struct grammar_builder *b = c->builder;
    uint32_t leaf = after.len ? leaf_bytes(b, after, LEAF_DONE) : LEAF_DONE;
    leaf = leaf == LEAF_NONE ? leaf : leaf_bytes(b, STR("\""), leaf);
    leaf = leaf == LEAF_NONE ? leaf : spell(c, text, leaf);
    leaf = leaf == LEAF_NONE ? leaf : leaf_bytes(b, STR("\""), leaf);
    return leaf == LEAF_NONE ? GRAMMAR_NOTHING : grammar_node(b, NODE_LEAF, leaf, 0);
}

static uint32_t literal_list(struct schema_compiler *c, const json_t *value)
{
    struct grammar_builder *b = c->builder;
    bool object = json_is_object(value);
    uint32_t comma = grammar_then(b, grammar_literal(b, STR(",")), c->space), list = GRAMMAR_EMPTY;
    void *iter = object ? json_object_iter((json_t *)(uintptr_t)value) : NULL;
    for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)value, iter)) {
        struct str name = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
        uint32_t parts[] = {list, list == GRAMMAR_EMPTY ? list : comma, schema_quoted(c, name, STR(":")), c->space,
                            schema_literal(c, json_object_iter_value(iter))};
        list = grammar_seq(b, parts, 5);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        uint32_t parts[] = {list, list == GRAMMAR_EMPTY ? list : comma, schema_literal(c, json_array_get(value, i))};
        list = grammar_seq(b, parts, 3);
    }
    uint32_t all[] = {grammar_literal(b, object ? STR("{") : STR("[")), c->space, list,
                      list == GRAMMAR_EMPTY ? list : c->space, grammar_literal(b, object ? STR("}") : STR("]"))};
    return grammar_seq(b, all, 5);
}

/* Adds digits, and the point after `n_whole` of them. */
static void add_digits(struct buf *text, const struct decimal *d, int n_whole)
{
    for (int i = n_whole > 0 ? 0 : n_whole - 1; i < d->n || i < n_whole; i++) {
        if (i == n_whole && i > 0)
            buf_byte(text, '.');
        buf_byte(text, i >= 0 && i < d->n ? d->digits[i] : '0');
        if (i < 0 && i == n_whole - 1)
            buf_byte(text, '.');
    }
}

/* A number as json.dumps writes it: an integer that the schema writes as one is one, what it writes as a double may be
 * either where it is whole. */
static uint32_t literal_number(struct schema_compiler *c, const json_t *value)
{
    struct grammar_builder *b = c->builder;
    struct decimal d = decimal_read(value);
    struct buf text = {0};
    uint32_t node = GRAMMAR_NOTHING;
    bool whole = d.exponent >= d.n - 1;
    if (json_is_integer(value)) {
        buf_format(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        node = grammar_literal(b, buf_view(&text));
        buf_clear(&text);
        return node;
    }
    if (d.n == 0)
        return grammar_choices(b, (struct str[]){STR("0"), STR("0.0"), STR("-0.0")}, 3);
    if (d.exponent >= 18 && d.n > 15)
        return schema_fail(c, value, "a number so large that it was read as another");
    buf_str(&text, d.negative ? STR("-") : STR(""));
    size_t sign = text.len;
    if (d.exponent >= 0 && d.exponent <= 14 && whole) {
        add_digits(&text, &d, d.exponent + 1);
        node = grammar_literal(b, buf_view(&text));
    }
    text.len = sign;
    if (d.exponent >= -4 && d.exponent < 16) {
        add_digits(&text, &d, d.exponent + 1);
        buf_str(&text, whole ? STR(".0") : STR(""));
    } else {
        add_digits(&text, &d, 1);
        buf_format(&text, "e%c%02d", d.exponent < 0 ? '-' : '+', d.exponent < 0 ? -d.exponent : d.exponent);
    }
    node = grammar_or(b, node, grammar_literal(b, buf_view(&text)));
    buf_clear(&text);
    return node;
}

uint32_t schema_literal(struct schema_compiler *c, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return literal_list(c, value);
    case JSON_STRING:
        return schema_quoted(c, json_span(value), STR(""));
    case JSON_INTEGER:
    case JSON_REAL:
        return literal_number(c, value);
    case JSON_TRUE:
        return grammar_literal(c->builder, STR("true"));
    case JSON_FALSE:
        return grammar_literal(c->builder, STR("false"));
    case JSON_NULL:
        break;
    }
    return grammar_literal(c->builder, STR("null"));
}

/* ---- which values ---- */

unsigned schema_type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return TYPE_OBJECT;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_INTEGER:
        return TYPE_INTEGER;
    case JSON_REAL:
        return json_real_value(value) == floor(json_real_value(value)) ? TYPE_INTEGER : TYPE_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOLEAN;
    case JSON_NULL:
        break;
    }
    return TYPE_NULL;
}

/* Equal as JSON Schema has it: 1 is 1.0. */
static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_number(a) && json_is_number(b)) {
        struct decimal x = decimal_read(a), y = decimal_read(b);
        return decimal_compare(&x, &y) == 0;
    }
    return json_equal(a, b);
}

static bool listed(struct schema_compiler *c, const json_t *schema, const json_t *value)
{
    const json_t *one = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    size_t cost = json_is_real(value) ? 32 : 1;
    bool found = !list;
    for (size_t i = 0; i < json_array_size(list) && !found && grammar_spend(c->builder, cost); i++)
        found = same_value(json_array_get(list, i), value);
    return found && (!one || same_value(one, value));
}

/* Keywords that may forbid a value of a type, beyond type, enum and const. */
static bool has_limits(const json_t *schema, unsigned type)
{
    static const struct {
        const char *name;
        unsigned types;
    } limits[] = {
        {"pattern", TYPE_STRING},
        {"format", TYPE_STRING},
        {"minLength", TYPE_STRING},
        {"maxLength", TYPE_STRING},
        {"minimum", TYPE_NUMBER | TYPE_INTEGER},
        {"maximum", TYPE_NUMBER | TYPE_INTEGER},
        {"exclusiveMinimum", TYPE_NUMBER | TYPE_INTEGER},
        {"exclusiveMaximum", TYPE_NUMBER | TYPE_INTEGER},
        {"multipleOf", TYPE_NUMBER | TYPE_INTEGER},
        {"properties", TYPE_OBJECT},
        {"required", TYPE_OBJECT},
        {"additionalProperties", TYPE_OBJECT},
        {"patternProperties", TYPE_OBJECT},
        {"minProperties", TYPE_OBJECT},
        {"maxProperties", TYPE_OBJECT},
        {"items", TYPE_ARRAY},
        {"prefixItems", TYPE_ARRAY},
        {"minItems", TYPE_ARRAY},
        {"maxItems", TYPE_ARRAY},
        {"uniqueItems", TYPE_ARRAY},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if ((limits[i].types & type) && json_object_get(schema, limits[i].name))
            return true;
    return false;
}

/* What the bases ask of strings, and of numbers, made when first asked for: a scalar fits if it matches. */
struct trial {
    bool made, failed;
    struct grammar *grammar; /* NULL: nothing matches */
};

static void trial_make(struct schema_compiler *c, const struct conjunction *bases, bool strings, struct trial *trial)
{
    struct schema_compiler other = *c;
    struct code_set all = {0};
    struct hob_error err = {0};
    other.builder = grammar_begin(&err);
    other.made = (struct map){0};
    trial->made = true;
    trial->failed = !other.builder;
    if (trial->failed)
        return;
    code_set_add(&all, 0, CODE_MAX);
    other.character = grammar_json_char(other.builder, &all);
    code_set_clear(&all);
    uint32_t root =
        strings ? schema_string(&other, bases) : schema_number(&other, bases, !(schema_types(bases) & TYPE_NUMBER));
    trial->failed = grammar_failed(other.builder);
    c->arena = other.arena;
    map_clear(&other.made);
    trial->grammar = grammar_finish(other.builder, root, &err);
    if (trial->failed || err.status == HOB_LIMIT)
        grammar_fail(c->builder, err.status, "%s", err.text);
}

/* Whether a scalar fits; -1 after a failure. */
static int fits(struct schema_compiler *c, const struct conjunction *bases, const json_t *value, unsigned type,
                struct trial trials[2])
{
    bool strings = type == TYPE_STRING;
    struct trial *trial = &trials[strings];
    struct buf text = {0};
    int result = -1;
    if (!trial->made)
        trial_make(c, bases, strings, trial);
    if (trial->failed || grammar_failed(c->builder) || !trial->grammar)
        return trial->failed || grammar_failed(c->builder) ? -1 : 0;
    struct matcher *matcher = matcher_new(trial->grammar, NULL, false, NULL);
    if (matcher && json_write(value, &text)) {
        struct str span = buf_view(&text);
        if (type == TYPE_INTEGER && str_ends(span, STR(".0")))
            span.len -= 2;
        result = matcher_text(matcher, span, NULL) && matcher_whole(matcher);
    } else {
        grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
    }
    matcher_free(matcher);
    buf_clear(&text);
    return result;
}

/* Whether a value of `from`, one of the bases, fits all; -1 after a failure. */
static int allowed(struct schema_compiler *c, const struct conjunction *bases, const json_t *from, const json_t *value,
                   unsigned types, struct trial trials[2])
{
    unsigned type = schema_type_of(value);
    bool limited = false;
    if (!(types & type))
        return 0;
    for (size_t i = 0; i < bases->n; i++) {
        if (bases->parts[i].schema != from && !listed(c, bases->parts[i].schema, value))
            return 0;
        limited = limited || has_limits(bases->parts[i].schema, type);
    }
    if (!limited)
        return 1;
    if (type == TYPE_OBJECT || type == TYPE_ARRAY) {
        schema_fail(c, bases->parts[0].schema, "enum or const of objects or arrays beside other limits on them");
        return -1;
    }
    return fits(c, bases, value, type, trials);
}

/* The schema whose enum or const has the fewest values. */
static const json_t *shortest(const struct conjunction *bases)
{
    const json_t *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *schema = bases->parts[i].schema, *list = json_object_get(schema, "enum");
        size_t n = json_object_get(schema, "const") ? 1 : list ? json_array_size(list) : SIZE_MAX;
        if (n < least || (n != SIZE_MAX && !best)) {
            best = schema;
            least = n;
        }
    }
    return best;
}

/* Strings of plain ASCII have one spelling. */
static bool plain(const json_t *value)
{
    struct str text = json_span(value);
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] < 0x20 || (uint8_t)text.ptr[i] > 0x7E || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    return json_is_string(value);
}

/* The spelling of a value that has only one, many of which make one automaton; empty: it has others, too. Borrowed from
 * the arena. */
static struct str spelling(struct schema_compiler *c, const json_t *value)
{
    char *text = NULL;
    if (json_is_string(value) && plain(value))
        text = arena_format(&c->arena, "\"%s\"", json_string_value(value));
    else if (json_is_integer(value))
        text = arena_format(&c->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return text ? str_of(text) : STR("");
}

uint32_t schema_enum(struct schema_compiler *c, const struct conjunction *bases, unsigned types)
{
    struct grammar_builder *b = c->builder;
    const json_t *schema = shortest(bases), *one = json_object_get(schema, "const");
    const json_t *list = one ? NULL : json_object_get(schema, "enum");
    const json_t *own = one && json_object_get(schema, "enum") ? NULL : schema; /* whose values need no look */
    size_t n = one ? 1 : json_array_size(list), n_parts = 0, n_plain = 0;
    uint32_t *parts = malloc((n + 1) * sizeof *parts);
    struct str *texts = malloc((n + 1) * sizeof *texts);
    uint32_t node = GRAMMAR_NOTHING;
    struct trial trials[2] = {0};
    bool good = parts && texts;
    if (!good)
        grammar_fail(b, HOB_LIMIT, "no memory for a schema");
    for (size_t i = 0; i < n && good && !grammar_failed(b); i++) {
        const json_t *value = one ? one : json_array_get(list, i);
        int fit = allowed(c, bases, own, value, types, trials);
        good = fit >= 0;
        texts[n_plain] = fit > 0 ? spelling(c, value) : STR("");
        if (texts[n_plain].len)
            n_plain++;
        else if (fit > 0)
            parts[n_parts++] = schema_literal(c, value);
    }
    if (good && n_plain)
        parts[n_parts++] = grammar_choices(b, texts, n_plain);
    if (good)
        node = grammar_alt(b, parts, n_parts);
    grammar_free(trials[0].grammar);
    grammar_free(trials[1].grammar);
    free(parts);
    free(texts);
    return node;
}
