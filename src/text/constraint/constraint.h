/* SPDX-License-Identifier: Apache-2.0
 *
 * Constraints on a reply. A constraint is compiled to a grammar (GBNF, JSON Schema, a regular expression, choices, or
 * parts of grammar.h); a trie holds the bytes of a tokenizer's tokens; a matcher follows one reply and says which
 * tokens may come next. A token may cross the grammar's elements as it likes: its bytes count. Generation may end only
 * where the grammar accepts, and a control token stands only where the grammar names it.
 *
 * Grammars and tries are immutable and shared between threads; a matcher belongs to one thread.
 */
#ifndef HOB_TEXT_CONSTRAINT_H
#define HOB_TEXT_CONSTRAINT_H

#include "base/json.h"
#include "text/grammar/grammar.h"
#include "text/tokenizer/tokenizer.h"

/* ---- constraints ---- */

/* GBNF as llama.cpp reads it, at most 1 MB; the root rule is "root". Tokens (<think>, <[12]>, !<...>) are looked up in
 * `tokenizer`; NULL refuses them. The caller owns the grammar; NULL with HOB_FORMAT names the line. */
struct grammar *constraint_gbnf(struct str text, const struct tokenizer *tokenizer, struct hob_error *err);

/* The same as a part of a larger grammar; the builder takes the failure. `text` is borrowed until the builder's end. */
uint32_t gbnf_grammar(struct grammar_builder *builder, struct str text, const struct tokenizer *tokenizer);

/* A JSON value that validates against `schema`, with properties in the schema's order. HOB_FORMAT names a keyword that
 * cannot be honoured, and its place as a JSON pointer. The caller owns the grammar. */
struct grammar *constraint_schema(const json_t *schema, struct hob_error *err);

/* The same from the schema's text, at most 1 MB. `name` stands in errors about the JSON. */
struct grammar *constraint_schema_text(struct str text, const char *name, struct hob_error *err);

/* The same as a part of a larger grammar; the builder takes the failure. `schema` is borrowed until the builder's end.
 */
uint32_t schema_grammar(struct grammar_builder *builder, const json_t *schema);

/* Any JSON object. */
struct grammar *constraint_json_object(struct hob_error *err);

/* Text that a regular expression matches as a whole; see regex/grammar.h for the dialect. */
struct grammar *constraint_regex(struct str pattern, struct hob_error *err);

/* One of these texts. */
struct grammar *constraint_choices(const struct str *texts, size_t n, struct hob_error *err);

/* ---- a vocabulary's bytes ---- */

struct token_trie;

/* The trie of a tokenizer, for a model with `n_vocab` logits (at least tokenizer_size(); the rest are never allowed).
 * Borrows the tokenizer. About 200 ms for 262,144 tokens. The caller owns it. */
struct token_trie *token_trie_new(const struct tokenizer *tokenizer, size_t n_vocab, struct hob_error *err);

/* Frees a trie that no matcher uses (NULL is fine). */
void token_trie_free(struct token_trie *trie);

/* 32-bit words of a mask: n_vocab / 32, rounded up. */
size_t token_trie_words(const struct token_trie *trie);

/* ---- following a reply ---- */

struct matcher;

/* A matcher at the start of a reply. `trie` may be NULL: then only matcher_text() may be called. Both are borrowed.
 * `text_start`: the reply is the start of a text, where SentencePiece vocabularies drop a space. */
struct matcher *matcher_new(const struct grammar *grammar, const struct token_trie *trie, bool text_start,
                            struct hob_error *err);

/* Frees it (NULL is fine). */
void matcher_free(struct matcher *matcher);

/* Goes back to the start of a reply, keeping what was learnt. */
void matcher_reset(struct matcher *matcher);

/* The tokens that may come next: bit id % 32 of word id / 32. Borrowed until the next call with this matcher. All
 * zero after a failure (see matcher_failed()). */
const uint32_t *matcher_mask(struct matcher *matcher);

/* Takes a token. False, and nothing may follow, when the mask did not allow it. */
bool matcher_accept(struct matcher *matcher, int32_t id);

/* Takes bytes, which may stop anywhere. False when they do not fit; *at (may be NULL) is the first byte that does
 * not. Nothing may follow then. */
bool matcher_text(struct matcher *matcher, struct str bytes, size_t *at);

/* Whether the reply may end here. */
bool matcher_whole(const struct matcher *matcher);

/* Whether nothing but the end may follow. */
bool matcher_ended(const struct matcher *matcher);

/* Whether the matcher gave up: no memory, or a grammar so ambiguous that a limit was met. */
bool matcher_failed(const struct matcher *matcher);

#endif
