/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizers.
 */
#include "text/tokenizer_normalizer.h"

void normalizer_clear(struct normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n_steps; i++)
        regex_free(normalizer->steps[i].regex);
    *normalizer = (struct normalizer){0};
}

bool normalizer_add(struct normalizer *normalizer, struct normalizer_step step, struct hob_error *err)
{
    if (normalizer->n_steps == NORMALIZER_MAX_STEPS) {
        regex_free(step.regex);
        return error_set(err, HOB_LIMIT, "normalizer: more than %d steps", NORMALIZER_MAX_STEPS);
    }
    normalizer->steps[normalizer->n_steps++] = step;
    return true;
}

void normalizer_scratch_clear(struct normalizer_scratch *scratch)
{
    buf_clear(&scratch->texts[0]);
    buf_clear(&scratch->texts[1]);
}

static void replace(const struct normalizer_step *step, struct str text, struct buf *out)
{
    for (size_t at = 0; at < text.len;) {
        size_t hit = str_find(text, step->find, at);
        size_t end = hit == SIZE_MAX ? text.len : hit;
        buf_add(out, text.ptr + at, end - at);
        if (hit == SIZE_MAX)
            return;
        buf_str(out, step->content);
        at = hit + step->find.len;
    }
}

static bool replace_in_valid(const struct normalizer_step *step, struct regex_scratch *scratch, struct str text,
                             struct buf *out, struct hob_error *err)
{
    struct regex_walk walk = regex_walk_over(step->regex, text);
    size_t done = 0;
    for (;;) {
        bool matched;
        struct text_span match;
        if (!regex_next(&walk, scratch, &matched, &match, err))
            return false;
        buf_add(out, text.ptr + done, (matched ? match.start : text.len) - done);
        if (!matched)
            return true;
        buf_str(out, step->content);
        done = match.end;
    }
}

/* A regex is only for text that is UTF-8. */
static bool replace_regex(const struct normalizer_step *step, struct regex_scratch *scratch, struct str text,
                          struct buf *out, struct hob_error *err)
{
    for (size_t at = 0; at < text.len;) {
        size_t end = utf8_stretch_end(text, at, true);
        if (!replace_in_valid(step, scratch, (struct str){text.ptr + at, end - at}, out, err))
            return false;
        at = utf8_stretch_end(text, end, false);
        buf_add(out, text.ptr + end, at - end);
    }
    return true;
}

/* Whether the step surely leaves the text as it is. */
static bool is_idle(const struct normalizer_step *step, struct str text)
{
    switch (step->kind) {
    case NORMALIZER_FORM:
        return unicode_is_plain(text, step->form);
    case NORMALIZER_REPLACE:
        return str_find(text, step->find, 0) == SIZE_MAX;
    case NORMALIZER_REPLACE_REGEX:
    case NORMALIZER_PREPEND:
        break;
    }
    return text.len == 0;
}

bool normalizer_run(const struct normalizer *normalizer, struct normalizer_scratch *scratch,
                    struct regex_scratch *regex, struct str text, struct str *out, struct hob_error *err)
{
    unsigned turn = 0;
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        const struct normalizer_step *step = &normalizer->steps[i];
        if (is_idle(step, text))
            continue;
        struct buf *to = &scratch->texts[turn];
        to->len = 0;
        switch (step->kind) {
        case NORMALIZER_FORM:
            to->failed = !unicode_normalize(text, step->form, to);
            break;
        case NORMALIZER_REPLACE:
            replace(step, text, to);
            break;
        case NORMALIZER_REPLACE_REGEX:
            if (!replace_regex(step, regex, text, to, err))
                return false;
            break;
        case NORMALIZER_PREPEND:
            buf_str(to, step->content);
            buf_str(to, text);
            break;
        }
        if (to->failed)
            return error_memory(err, text.len);
        text = buf_view(to);
        turn = !turn;
    }
    *out = text;
    return true;
}
