/* SPDX-License-Identifier: Apache-2.0
 *
 * The regular expressions of pre-tokenizers and normalizers, put into PCRE2's words and compiled to machine code where
 * the machine allows it.
 */
#ifndef HOB_TEXT_TOKENIZER_REGEX_H
#define HOB_TEXT_TOKENIZER_REGEX_H

#include "base/error.h"
#include "base/str.h"
#include "text/tokenizer/tokenizer.h"

struct regex;

/* Whose words a pattern is in. */
enum regex_dialect {
    REGEX_ONIGURUMA, /* the `tokenizers` library */
    REGEX_RUST       /* tiktoken: `^` and `$` are the ends of the text, `{n,m}+` is possessive */
};

/* Compiles `pattern`. The caller owns it. HOB_FORMAT tells the pattern and what is wrong with it. */
struct regex *regex_compile(struct str pattern, enum regex_dialect dialect, struct hob_error *err);

/* Frees a regex (NULL is fine). */
void regex_free(struct regex *regex);

/* Appends `pattern` in PCRE2's dialect: `\s` is White_Space, `\w` and `\h` are Oniguruma's, sets within sets and
 * `&&` become groups. HOB_FORMAT for what cannot be said. */
bool regex_translate(struct str pattern, enum regex_dialect dialect, struct buf *out, struct hob_error *err);

/* What matching needs, made by each caller for itself. */
struct regex_scratch {
    struct pcre2_real_match_data_8 *data;
    struct pcre2_real_match_context_8 *context;
    struct pcre2_real_jit_stack_8 *stack;
};

/* Makes a scratch, which regex_scratch_clear() frees also after a failure. */
bool regex_scratch_init(struct regex_scratch *scratch, struct hob_error *err);
void regex_scratch_clear(struct regex_scratch *scratch);

/* Finds the first match in `text`, which must be UTF-8, at or after `from`. Sets `*matched` and, if so, `*span`.
 * HOB_LIMIT when the search takes more steps or stack than any sane pattern needs. Thread-safe for distinct
 * scratches. */
bool regex_search(const struct regex *regex, struct regex_scratch *scratch, struct str text, size_t from, bool *matched,
                  struct text_span *span, struct hob_error *err);

/* A walk over the matches of a text, in order. An empty match right after a match does not count. */
struct regex_walk {
    const struct regex *regex;
    struct str text;
    size_t at;
    size_t last_end; /* of the last match; SIZE_MAX: none yet */
};

/* Starts a walk. */
static inline struct regex_walk regex_walk_over(const struct regex *regex, struct str text)
{
    return (struct regex_walk){.regex = regex, .text = text, .last_end = SIZE_MAX};
}

/* The next match: as regex_search(). */
bool regex_next(struct regex_walk *walk, struct regex_scratch *scratch, bool *matched, struct text_span *span,
                struct hob_error *err);

#endif
