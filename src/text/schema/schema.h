/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Schema as a grammar. What is compiled is a conjunction: a list of schemas that all must hold, in the order their
 * properties come. A schema is first spread: its $ref and allOf join the list, its anyOf and oneOf become choices, and
 * what is left of it is its base. A conjunction without choices is compiled by type:
 *
 *   [schema]  --spread-->  [base, anyOf group, base]  --choose-->  [base, schema, base]  --spread--> ...
 *   [base, base]  --by type-->  grammar
 *
 * Every conjunction is a rule, so that recursion is a rule that names itself. Schemas are known by their address in the
 * document, so that there are finitely many.
 */
#ifndef HOB_TEXT_SCHEMA_H
#define HOB_TEXT_SCHEMA_H

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "text/constraint/constraint.h"
#include "text/regex/automaton.h"

enum schema_part_kind {
    PART_WHOLE,  /* a schema, not spread yet */
    PART_BASE,   /* its own keywords, without those that combine */
    PART_ANY_OF, /* its anyOf */
    PART_ONE_OF  /* its oneOf */
};

struct schema_part {
    const json_t *schema;
    enum schema_part_kind kind;
};

/* A conjunction; no parts is any value. */
struct conjunction {
    struct schema_part *parts;
    size_t n, cap;
};

enum schema_type {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_OBJECT = 4,
    TYPE_ARRAY = 8,
    TYPE_STRING = 16,
    TYPE_INTEGER = 32, /* always with TYPE_NUMBER where any number will do */
    TYPE_NUMBER = 64,
    TYPE_ALL = 127
};

/* A rule whose conjunction is still to be compiled. */
struct schema_job {
    struct conjunction conjunction;
    uint32_t rule;
};

struct schema_compiler {
    struct grammar_builder *builder;
    const json_t *root;
    struct arena arena; /* keys of `rules` */
    struct map rules;   /* from a conjunction's parts to its rule */
    struct map checked; /* schemas whose keywords were looked at */
    struct map made;    /* from what is asked of a string or a number to its part: many schemas ask the same */
    struct schema_job *jobs;
    size_t n_jobs, cap_jobs;
    uint32_t space;     /* white space between elements */
    uint32_t character; /* any, within a string */
    size_t n_compared;  /* pairs of conjunctions that were compared, which is bounded */
};

/* ---- schema.c ---- */

/* The builder fails with "schema: POINTER: what"; if it has failed already, without a place, it gets the place. Returns
 * GRAMMAR_NOTHING. */
uint32_t schema_fail(struct schema_compiler *c, const json_t *schema, const char *format, ...) HOB_PRINTF(3, 4);

/* Adds a part; false and the builder fails without memory. */
bool conjunction_add(struct schema_compiler *c, struct conjunction *to, const json_t *schema,
                     enum schema_part_kind kind);

/* Frees the parts. */
void conjunction_clear(struct conjunction *conjunction);

/* The rule of a conjunction; its compilation may come later. */
uint32_t schema_rule(struct schema_compiler *c, const struct conjunction *conjunction);

/* Spreads what is whole. *possible is false where a schema is `false`. */
bool schema_spread(struct schema_compiler *c, const struct conjunction *from, struct conjunction *to, bool *possible);

/* The types that all bases allow, bits of enum schema_type. */
unsigned schema_types(const struct conjunction *bases);

/* The part that was made of this key, or MAP_NONE; and remembers one. */
uint32_t schema_made(const struct schema_compiler *c, const struct buf *key);
uint32_t schema_remember(struct schema_compiler *c, const struct buf *key, uint32_t part);

/* ---- schema/keywords.c ---- */

/* Checks the keywords of one schema: those that are not known, or have a value of the wrong kind, are refused. */
bool schema_check(struct schema_compiler *c, const json_t *schema);

/* The value of a keyword that counts, which was checked; `none` where there is none. */
uint32_t schema_count(const json_t *value, uint32_t none);

/* Where a $ref leads; NULL and the builder fails where it leaves the document or leads nowhere. */
const json_t *schema_resolve(struct schema_compiler *c, const json_t *schema);

/* The JSON pointer of a value of the document, or an empty text. */
void schema_pointer(const json_t *root, const json_t *value, struct buf *out);

/* ---- one file a type ---- */

/* Objects, arrays, strings and numbers as the bases want them. */
uint32_t schema_object(struct schema_compiler *c, const struct conjunction *bases);
uint32_t schema_array(struct schema_compiler *c, const struct conjunction *bases);
uint32_t schema_string(struct schema_compiler *c, const struct conjunction *bases);
uint32_t schema_number(struct schema_compiler *c, const struct conjunction *bases, bool integer);

/* The values that all enum and const allow and the rest of the bases too; `types` as schema_types(). */
uint32_t schema_enum(struct schema_compiler *c, const struct conjunction *bases, unsigned types);

/* The type of a value, a bit of enum schema_type. */
unsigned schema_type_of(const json_t *value);

/* One JSON value, as json.dumps writes it; within objects and arrays white space is as elsewhere. */
uint32_t schema_literal(struct schema_compiler *c, const json_t *value);

/* A string, with its quotes, and what comes after it. */
uint32_t schema_quoted(struct schema_compiler *c, struct str text, struct str after);

/* The pattern of a format, or NULL when it is not known; its texts have `*max` characters at most. */
const char *schema_format(struct str name, uint32_t *max);

/* Whether no value can match both; false where that is not certain. */
bool schema_disjoint(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b);

/* The same for strings. */
bool schema_strings_apart(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b);

/* A number as sign, digits and the place of the point: digits are d0.d1d2... times ten to the `exponent`. */
enum { MAX_DIGITS = 40 };
struct decimal {
    bool negative;
    int n, exponent; /* n is 0 for zero */
    char digits[MAX_DIGITS];
};

/* Reads a JSON number. */
struct decimal decimal_read(const json_t *number);

/* The order of two: below, at or above 0. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

struct number_bounds {
    bool has_low, has_high, open_low, open_high;
    struct decimal low, high;
};

/* The bounds that bases put on numbers. */
struct number_bounds schema_bounds(const struct conjunction *bases);

/* Numbers within bounds, or within bounds and a multiple of `step` (1: all). */
uint32_t number_grammar(struct grammar_builder *builder, const struct number_bounds *bounds);
uint32_t integer_grammar(struct grammar_builder *builder, const struct number_bounds *bounds, uint32_t step);

#endif
