/* SPDX-License-Identifier: Apache-2.0
 *
 * A regular expression, parsed.
 */
#ifndef HOB_TEXT_REGEX_PARTS_H
#define HOB_TEXT_REGEX_PARTS_H

#include "text/grammar/grammar.h"

enum regex_kind { REGEX_EMPTY, REGEX_SET, REGEX_SEQ, REGEX_ALT, REGEX_REPEAT, REGEX_BEGIN, REGEX_END };

/* A node: its first child and its next sibling are indices, 0 is none. */
struct regex_node {
    enum regex_kind kind;
    uint32_t child, next;
    uint32_t set;      /* of REGEX_SET */
    uint32_t min, max; /* of REGEX_REPEAT */
    bool anchored;     /* holds REGEX_BEGIN or REGEX_END */
    size_t at;         /* byte of the pattern */
};

/* Zero-initialised is empty; node 0 is not used. */
struct regex {
    struct regex_node *nodes;
    struct code_set *sets;
    size_t n_nodes, cap_nodes, n_sets, cap_sets;
    uint32_t root;
    bool wide; /* set before parsing: what either language takes, instead of what both do */
};

/* Parses; the builder takes the failure. The caller clears `regex` in any case. */
bool regex_parse(struct regex *regex, struct grammar_builder *builder, struct str pattern);

/* Adds the set of characters from `first` to `last`; false and the builder fails without memory. */
bool regex_add_range(struct regex *regex, struct grammar_builder *builder, uint32_t first, uint32_t last,
                     uint32_t *set);

/* Frees what a parse made. */
void regex_clear(struct regex *regex);

/* Reads a class after its "[", or an escape after its "\" when `escape`, into `set`: what both languages take it for,
 * or (`wide`) either. False and `*refused` says why. */
bool regex_read_class(struct str pattern, size_t *at, bool wide, struct code_set *set, const char **refused);
bool regex_read_escape(struct str pattern, size_t *at, bool wide, struct code_set *set, const char **refused);

/* What . matches. */
void regex_any(bool wide, struct code_set *set);

#endif
