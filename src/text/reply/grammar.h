/* SPDX-License-Identifier: Apache-2.0
 *
 * The other side of a reply format: the grammar that makes a model keep to it where tools are given. A reply is free
 * until the mark that starts a call; from there on it names one of the tools, and the arguments keep to its schema.
 */
#ifndef HOB_TEXT_REPLY_GRAMMAR_H
#define HOB_TEXT_REPLY_GRAMMAR_H

#include "text/constraint/constraint.h"
#include "text/reply/parser.h"

enum reply_choice {
    REPLY_CALLS_MAY,  /* the model decides */
    REPLY_CALLS_NONE, /* tools are known, but none may be called */
    REPLY_CALLS_MUST  /* one at least is called, and nothing else is said */
};

/* What a reply must keep to. */
struct reply_demand {
    struct reply_form form;
    const json_t *tools;      /* that may be called; NULL or empty: none */
    enum reply_choice choice; /* of them */
    const json_t *only;       /* the names of those that may be called; NULL: all */
    bool one_call;            /* at most one call */
    bool no_thinking;         /* a thinking part that the prompt has not opened does not come */
    /* Adds what the answer's text must be, where it does not call; NULL: anything. */
    uint32_t (*answer)(struct grammar_builder *builder, void *user);
    void *user;
};

/* The grammar of replies that do as demanded. `tokenizer` (may be NULL: marks are text) knows the marks that are
 * control tokens; it and what the demand borrows are borrowed during the call. The caller owns the grammar. NULL with
 * HOB_USAGE where tools are no tools or the demand is not one, with HOB_FORMAT where a schema cannot be honoured, and
 * for tools in a format without calls. */
struct grammar *reply_grammar_new(const struct reply_demand *demand, const struct tokenizer *tokenizer,
                                  struct hob_error *err);

/* ---- for the files of formats ---- */

/* A grammar that is being made. */
struct reply_grammar {
    struct grammar_builder *builder;
    const struct tokenizer *tokenizer;
    json_t *tools; /* that may be called; empty: none */
    bool must;     /* one of them is called, and nothing else is said */
    bool one_call;
    bool has_answer; /* text is `answer` and nothing else */
    uint32_t answer;
    bool no_thinking;
    struct str at;   /* the tool that was written last, whose schema may be what failed */
    uint32_t shared; /* a rule of the format's own, or 0 */
    uint32_t *json;  /* [tools] the arguments of each as JSON, 0 until they are made */
    json_t *made;    /* schemas that were made, which live until the grammar is */
};

/* One tool as formats see it. */
struct reply_tool {
    struct str name;
    const json_t *schema; /* of its arguments, an object */
    size_t at;            /* its number among the tools */
};

/* One argument, or a member of an object in one. */
struct reply_member {
    const char *key;
    const json_t *schema; /* NULL: any value */
    bool required;
};

#define REPLY_GRAMMAR_END UINT32_MAX

/* Part after part; ends with REPLY_GRAMMAR_END. */
uint32_t reply_seq(struct reply_grammar *g, const uint32_t *parts);

/* Text; a mark, which may be a control token; up to eight spaces and newlines; `part` or nothing. */
uint32_t reply_literal(struct reply_grammar *g, const char *text);
uint32_t reply_mark(struct reply_grammar *g, const char *mark);
uint32_t reply_space(struct reply_grammar *g);
uint32_t reply_optional(struct reply_grammar *g, uint32_t part);

/* `call` at least once, with `between` between; just once where more may not come. */
uint32_t reply_one_or_many(struct reply_grammar *g, uint32_t call, uint32_t between);

/* `part` at least once, with `between` between. */
uint32_t reply_many(struct reply_grammar *g, uint32_t part, uint32_t between);

/* One of the tools, as `one` writes a call of it. */
uint32_t reply_any_tool(struct reply_grammar *g,
                        uint32_t (*one)(struct reply_grammar *g, const struct reply_tool *tool));

/* A call of one of the tools: before NAME between ARGUMENTS after; the name stands within a JSON string if it does in
 * `before`. */
uint32_t reply_call_in_json(struct reply_grammar *g, const char *before, const char *between, const char *after);

/* A tool's arguments as a JSON object. */
uint32_t reply_json_arguments(struct reply_grammar *g, const struct reply_tool *tool);

/* Members of an object, some of them optional, in their order, with `between` between. `parts` [n]. */
uint32_t reply_members(struct reply_grammar *g, const uint32_t *parts, const bool *required, size_t n,
                       uint32_t between);

/* The value of a tool's argument as plain text in which none of `ends` (NULL ends them) stands: a string as it is, else
 * JSON. `schema` is the argument's, NULL: any. */
uint32_t reply_plain_value(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                           const char *const *ends);

/* Appends the regular expression of this text. */
void reply_quote_pattern(struct str text, struct buf *pattern);

/* `inner`, a schema within a tool's (may be NULL), by itself. Lives until the grammar is made. */
const json_t *reply_inner_schema(struct reply_grammar *g, const struct reply_tool *tool, const json_t *inner);

/* Texts of a string schema, as they stand and without any of `ends` in them. */
uint32_t reply_plain_string(struct reply_grammar *g, const json_t *schema, const char *const *ends);

/* All arguments of a tool, in the schema's order: each is written by `one`; `between` stands between them. */
uint32_t reply_arguments_of(struct reply_grammar *g, const struct reply_tool *tool,
                            uint32_t (*one)(struct reply_grammar *g, const struct reply_tool *tool,
                                            const struct reply_member *member),
                            const char *between);

/* ---- schemas, where arguments are not JSON (reply/schema.c) ---- */

/* The first keyword of a schema that says more than its type about values of these types, but for `but` (may be NULL);
 * NULL where none does. */
const char *reply_schema_says(const json_t *schema, const char *but, unsigned types);

/* The builder fails: this keyword cannot be honoured. Returns GRAMMAR_NOTHING. */
uint32_t reply_schema_refuse(struct reply_grammar *g, const char *keyword);

/* The schema that a $ref leads to, or the schema itself; NULL where the builder has failed, or where it says nothing.
 */
const json_t *reply_schema_follow(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema);

/* The members that objects of a schema have, [*n] in the schema's order; the builder fails at what cannot be honoured.
 * The caller frees the list; NULL where the builder has failed. */
struct reply_member *reply_schema_members(struct reply_grammar *g, const json_t *schema, size_t *n);

/* JSON values of this type that keep to the schema (may be NULL). */
uint32_t reply_schema_typed(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                            const char *type);

#endif
