/* SPDX-License-Identifier: Apache-2.0
 *
 * Pre-tokenizers. The steps are nested calls, one deep for each step, so no list of pieces is ever built.
 */
#include "text/tokenizer/pretokenizer.h"

#include "text/tokenizer/bpe_alphabet.h"
#include "text/tokenizer/unicode.h"

void pretokenizer_clear(struct pretokenizer *pre)
{
    for (size_t i = 0; i < pre->n_steps; i++)
        regex_free(pre->steps[i].regex);
    *pre = (struct pretokenizer){0};
}

bool pretokenizer_add(struct pretokenizer *pre, struct pretokenizer_step step, struct hob_error *err)
{
    if (pre->n_steps == PRETOKENIZER_MAX_STEPS) {
        regex_free(step.regex);
        return error_set(err, HOB_LIMIT, "pre-tokenizer: more than %d steps", PRETOKENIZER_MAX_STEPS);
    }
    pre->steps[pre->n_steps++] = step;
    return true;
}

/* Takes the regex. */
static bool add_split(struct pretokenizer *pre, struct regex *regex, enum split_behavior behavior, bool invert,
                      struct hob_error *err)
{
    struct pretokenizer_step step = {
        .kind = PRETOKENIZER_SPLIT, .regex = regex, .behavior = behavior, .invert = invert};
    return regex ? pretokenizer_add(pre, step, err) : error_prefix(err, "pre-tokenizer");
}

bool pretokenizer_add_split(struct pretokenizer *pre, struct str pattern, enum split_behavior behavior, bool invert,
                            struct hob_error *err)
{
    return add_split(pre, regex_compile(pattern, REGEX_ONIGURUMA, err), behavior, invert, err);
}

bool pretokenizer_add_rust(struct pretokenizer *pre, struct str pattern, struct hob_error *err)
{
    return add_split(pre, regex_compile(pattern, REGEX_RUST, err), SPLIT_ISOLATED, false, err);
}

bool pretokenizer_add_bert(struct pretokenizer *pre, struct hob_error *err)
{
    return pretokenizer_add_split(pre, STR("\\s"), SPLIT_REMOVED, false, err) &&
           pretokenizer_add_split(pre, str_of(pretokenizer_punctuation), SPLIT_ISOLATED, false, err);
}

bool pretokenizer_add_named(struct pretokenizer *pre, const struct pretokenizer_name *row, struct hob_error *err)
{
    for (const char *const *split = row->splits; *split; split++)
        if (!pretokenizer_add_split(pre, str_of(*split), SPLIT_ISOLATED, false, err))
            return false;
    return true;
}

bool pretokenizer_pop_alphabet(struct pretokenizer *pre)
{
    size_t n = 0;
    for (size_t i = 0; i < pre->n_steps; i++)
        n += pre->steps[i].kind == PRETOKENIZER_ALPHABET;
    if (n != 1 || pre->steps[pre->n_steps - 1].kind != PRETOKENIZER_ALPHABET)
        return false;
    pre->n_steps--;
    return true;
}

void pretokenizer_scratch_clear(struct pretokenizer_scratch *scratch)
{
    for (size_t i = 0; i < PRETOKENIZER_MAX_STEPS; i++)
        buf_clear(&scratch->changed[i]);
}

static bool cut(const struct pretokenizer_run *run, size_t step, struct str text, bool first, struct hob_error *err);

/* A split on its way: the part of the text that is not given out yet. */
struct splitter {
    const struct pretokenizer_run *run;
    size_t step;
    struct str text;
    size_t start, end; /* held back; empty: nothing */
    bool was_match;    /* the part that was added last */
    bool first;
};

static bool give(struct splitter *s, struct hob_error *err)
{
    struct str piece = {s->text.ptr + s->start, s->end - s->start};
    return piece.len == 0 || cut(s->run, s->step + 1, piece, s->first && s->start == 0, err);
}

/* Adds the part [start, end) of the text, which follows the one before it. It joins what is held back or sends it
 * on its way. */
static bool add_part(struct splitter *s, size_t start, size_t end, bool match, struct hob_error *err)
{
    enum split_behavior behavior = s->run->pre->steps[s->step].behavior;
    bool held = s->end > s->start, join = false;
    if (behavior == SPLIT_MERGED_WITH_PREVIOUS)
        join = held && match && !s->was_match;
    else if (behavior == SPLIT_MERGED_WITH_NEXT)
        join = held && !match && s->was_match;
    else if (behavior == SPLIT_CONTIGUOUS)
        join = held && match == s->was_match;
    s->was_match = match;
    if (join) {
        s->end = end;
        return true;
    }
    if (!give(s, err))
        return false;
    bool removed = behavior == SPLIT_REMOVED && match;
    s->start = start;
    s->end = removed ? start : end;
    return true;
}

static bool split(const struct pretokenizer_run *run, size_t step, struct str text, bool first, struct hob_error *err)
{
    const struct pretokenizer_step *rule = &run->pre->steps[step];
    struct splitter s = {.run = run, .step = step, .text = text, .first = first};
    struct str subject = text;
    if (run->newer) {
        struct buf *copy = &run->scratch->changed[step];
        copy->len = 0;
        if (!unicode_stand_in(text, copy))
            return error_memory(err, text.len);
        subject = buf_view(copy);
    }
    struct regex_walk walk = regex_walk_over(rule->regex, subject);
    size_t done = 0;
    for (;;) {
        bool matched;
        struct text_span match;
        if (!regex_next(&walk, run->regex, &matched, &match, err))
            return false;
        size_t gap_end = matched ? match.start : text.len;
        if (gap_end > done && !add_part(&s, done, gap_end, rule->invert, err))
            return false;
        if (!matched)
            return give(&s, err);
        /* An empty match only ends the piece before it. */
        if (!add_part(&s, match.start, match.end, !rule->invert, err))
            return false;
        done = match.end;
    }
}

/* A piece starts where the script changes. Spaces and what has no script stay with the characters before; at the start
 * of a text they vanish, as in the library. */
static bool cut_scripts(const struct pretokenizer_run *run, size_t step, struct str text, bool first,
                        struct hob_error *err)
{
    size_t start = text.len;
    unsigned size, last = 0;
    for (size_t at = 0; at < text.len; at += size) {
        unsigned script = unicode_script(utf8_decode(text, at, &size));
        if (script == 0 || script == last)
            continue;
        struct str piece = {text.ptr + start, start < at ? at - start : 0};
        if (piece.len && !cut(run, step + 1, piece, first && start == 0, err))
            return false;
        start = at;
        last = script;
    }
    return start == text.len || cut(run, step + 1, str_from(text, start), first && start == 0, err);
}

static bool metaspace(const struct pretokenizer_step *rule, struct str text, bool first, struct buf *out)
{
    struct str mark = {rule->replacement, rule->n_replacement};
    bool prepend = rule->prepend == PREPEND_ALWAYS || (rule->prepend == PREPEND_FIRST && first);
    if (prepend && text.ptr[0] != ' ' && !str_starts(text, mark))
        buf_str(out, mark);
    for (size_t at = 0; at < text.len;) {
        const char *space = memchr(text.ptr + at, ' ', text.len - at);
        size_t end = space ? (size_t)(space - text.ptr) : text.len;
        buf_add(out, text.ptr + at, end - at);
        if (space)
            buf_str(out, mark);
        at = end + (space != NULL);
    }
    return !out->failed;
}

/* Steps from `step` on; `first` as in the run. */
static bool cut(const struct pretokenizer_run *run, size_t step, struct str text, bool first, struct hob_error *err)
{
    if (step == run->pre->n_steps)
        return run->take(run->ctx, text, err);
    const struct pretokenizer_step *rule = &run->pre->steps[step];
    if (rule->kind == PRETOKENIZER_SPLIT)
        return split(run, step, text, first, err);
    if (rule->kind == PRETOKENIZER_SCRIPTS)
        return cut_scripts(run, step, text, first, err);
    struct buf *out = &run->scratch->changed[step];
    out->len = 0;
    bool ok = true;
    switch (rule->kind) {
    case PRETOKENIZER_PREFIX_SPACE:
        if (text.ptr[0] == ' ')
            return cut(run, step + 1, text, first, err);
        ok = buf_byte(out, ' ') && buf_str(out, text);
        break;
    case PRETOKENIZER_METASPACE:
        ok = metaspace(rule, text, first, out);
        break;
    case PRETOKENIZER_ALPHABET:
        ok = alphabet_write(text, out);
        break;
    case PRETOKENIZER_SPLIT:
    case PRETOKENIZER_SCRIPTS:
        break;
    }
    if (!ok)
        return error_memory(err, 2 * text.len);
    return cut(run, step + 1, buf_view(out), first, err);
}

bool pretokenizer_cut(const struct pretokenizer_run *run, struct str text, struct hob_error *err)
{
    return text.len == 0 || cut(run, 0, text, run->first, err);
}
