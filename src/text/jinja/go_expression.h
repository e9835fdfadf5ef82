/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions of Go's text/template as Ollama's templates write them, said in Jinja. What a dot or a variable holds is
 * known by its kind, so that a field means the member that Jinja's messages and tools have.
 */
#ifndef HOB_TEXT_GO_EXPRESSION_H
#define HOB_TEXT_GO_EXPRESSION_H

#include <hob.h>

#include "base/str.h"

enum go_kind {
    GO_VALUE,
    GO_ROOT,
    GO_MESSAGES,
    GO_MESSAGE,
    GO_CALLS,
    GO_CALL,
    GO_CALLED,
    GO_TOOLS,
    GO_TOOL,
    GO_FUNCTION,
    GO_JSON
};

enum { GO_MAX_OPEN = 32, GO_MAX_VARIABLES = 64, GO_NAME = 24 };

/* A variable: `name` in Go; the member v<number> of the namespace `go` in Jinja. */
struct go_variable {
    char name[GO_NAME];
    unsigned depth; /* blocks that were open at its declaration */
    enum go_kind kind;
};

struct go_writer {
    struct buf *out;
    struct {
        bool is_loop;
        enum go_kind kind;   /* of the dot inside */
        char dot[GO_NAME];   /* in Jinja */
    } open[GO_MAX_OPEN + 1]; /* [0] is the whole */
    unsigned n_open;
    struct go_variable variables[GO_MAX_VARIABLES]; /* never forgotten: a number names one only */
    bool gone[GO_MAX_VARIABLES];                    /* their blocks are closed */
    unsigned n_variables;
    bool responded; /* what follows .Response is for a reply that is there already */
    struct hob_error *err;
};

/* Refuses what has no counterpart. */
bool go_refuse(struct go_writer *w, struct str what);

/* Writes a whole expression, with nothing behind it, to w->out; `*kind` is what it gives. */
bool go_expression(struct go_writer *w, struct str text, enum go_kind *kind);

/* Declares a variable, or finds it; its number, or -1 when it is not there or there are too many. */
int go_declare(struct go_writer *w, struct str name, enum go_kind kind);
int go_find(const struct go_writer *w, struct str name);

/* The length of a name at the start of `text`: letters, digits and '_'. */
size_t go_name_length(struct str text);

/* What the elements of a list are. */
enum go_kind go_element(enum go_kind list);

/* Without white space at both ends. */
struct str go_trim(struct str text);

/* Whether the text starts with a word. */
bool go_starts(struct str text, const char *word);

#endif
