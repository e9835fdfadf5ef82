/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizers.
 */
#include "text/tokenizer/normalizer.h"

#include "text/tokenizer/bpe_alphabet.h"
#include "text/tokenizer/bpe_pair.h"

static void step_clear(struct normalizer_step *step)
{
    regex_free(step->regex);
    charsmap_clear(&step->charsmap);
}

void normalizer_clear(struct normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n_steps; i++)
        step_clear(&normalizer->steps[i]);
    *normalizer = (struct normalizer){0};
}

bool normalizer_add(struct normalizer *normalizer, struct normalizer_step step, struct hob_error *err)
{
    if (normalizer->n_steps == NORMALIZER_MAX_STEPS) {
        step_clear(&step);
        return error_set(err, HOB_LIMIT, "normalizer: more than %d steps", NORMALIZER_MAX_STEPS);
    }
    normalizer->steps[normalizer->n_steps++] = step;
    return true;
}

static bool add_map(struct normalizer *normalizer, bool wanted, enum character_map map, struct hob_error *err)
{
    struct normalizer_step step = {.kind = NORMALIZER_MAP, .map = map};
    return !wanted || normalizer_add(normalizer, step, err);
}

bool normalizer_add_bert(struct normalizer *normalizer, bool clean, bool space_ideographs, bool strip_accents,
                         bool lower, struct hob_error *err)
{
    struct normalizer_step decompose = {.kind = NORMALIZER_FORM, .form = UNICODE_NFD};
    return add_map(normalizer, clean, CHARACTER_CLEAN, err) &&
           add_map(normalizer, space_ideographs, CHARACTER_SPACE_IDEOGRAPHS, err) &&
           (!strip_accents || normalizer_add(normalizer, decompose, err)) &&
           add_map(normalizer, strip_accents, CHARACTER_DROP_NONSPACING, err) &&
           add_map(normalizer, lower, CHARACTER_LOWER, err);
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

/* `subject` is `text` with code points that the regex knows. */
static bool replace_in_valid(const struct normalizer_step *step, struct regex_scratch *scratch, struct str text,
                             struct str subject, struct buf *out, struct hob_error *err)
{
    struct regex_walk walk = regex_walk_over(step->regex, subject);
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
    struct buf copy = {0};
    struct str subject = text;
    bool ok = true;
    if (unicode_has_newer(text)) {
        ok = unicode_stand_in(text, &copy) || error_memory(err, text.len);
        subject = buf_view(&copy);
    }
    for (size_t at = 0; ok && at < text.len;) {
        size_t end = utf8_stretch_end(text, at, true);
        ok = replace_in_valid(step, scratch, (struct str){text.ptr + at, end - at},
                              (struct str){subject.ptr + at, end - at}, out, err);
        at = utf8_stretch_end(text, end, false);
        if (ok)
            buf_add(out, text.ptr + end, at - end);
    }
    buf_clear(&copy);
    return ok;
}

static struct str strip(const struct normalizer_step *step, struct str text)
{
    size_t start = 0, end = text.len;
    unsigned size;
    while (step->left && start < end && unicode_is_space(utf8_decode(text, start, &size)))
        start += size;
    while (step->right && end > start) {
        size_t before = utf8_before(text, end);
        if (!unicode_is_space(utf8_decode(text, before, &size)))
            break;
        end = before;
    }
    return (struct str){text.ptr + start, end - start};
}

/* Leaves one of neighbouring spaces, and none at an end that is one. At the end a U+2581 of the text is a space too, as
 * SentencePiece looks for spaces there after it has put U+2581 in their place. */
static void spaces(struct str text, struct normalizer_place place, struct buf *out)
{
    bool skip = place.starts;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != ' ' || !skip)
            buf_byte(out, text.ptr[i]);
        skip = text.ptr[i] == ' ';
    }
    while (place.ends && out->len) {
        size_t size = out->ptr[out->len - 1] == ' ' ? 1 : str_ends(buf_view(out), STR(BPE_MARK)) ? 3 : 0;
        if (size == 0)
            break;
        out->len -= size;
    }
}

/* Where the step takes the text to stand. */
static struct normalizer_place place_for(const struct normalizer_step *step, struct normalizer_place place)
{
    return step->once ? place : (struct normalizer_place){.starts = true, .ends = true};
}

/* Whether the step surely leaves the text as it is. */
static bool is_idle(const struct normalizer_step *step, struct str text, struct normalizer_place place)
{
    /* SentencePiece's prefix also goes before a symbol that the text starts with. */
    if (step->kind == NORMALIZER_PREPEND && step->once)
        return !place.starts || (place.empty && place.ends);
    if (step->kind == NORMALIZER_FORM)
        return unicode_is_plain(text, step->form);
    if (step->kind == NORMALIZER_REPLACE)
        return str_find(text, step->find, 0) == SIZE_MAX;
    return text.len == 0;
}

static bool run_step(const struct normalizer_step *step, struct regex_scratch *regex, struct str text,
                     struct normalizer_place place, struct buf *out, struct hob_error *err)
{
    bool ok = true;
    switch (step->kind) {
    case NORMALIZER_FORM:
        ok = unicode_normalize(text, step->form, out);
        break;
    case NORMALIZER_REPLACE:
        replace(step, text, out);
        break;
    case NORMALIZER_REPLACE_REGEX:
        if (!replace_regex(step, regex, text, out, err))
            return false;
        break;
    case NORMALIZER_PREPEND:
        ok = buf_str(out, step->content) && buf_str(out, text);
        break;
    case NORMALIZER_MAP:
        ok = characters_map(step->map, text, out);
        break;
    case NORMALIZER_STRIP:
        ok = buf_str(out, strip(step, text));
        break;
    case NORMALIZER_SPACES:
        spaces(text, place_for(step, place), out);
        break;
    case NORMALIZER_CHARSMAP:
        ok = step->graphemes ? charsmap_apply_graphemes(&step->charsmap, text, out)
                             : charsmap_apply(&step->charsmap, text, out);
        break;
    case NORMALIZER_ALPHABET:
        ok = alphabet_write(text, out);
        break;
    }
    return (ok && !out->failed) || error_memory(err, text.len);
}

/* Whether the step takes the first character of a text away. */
static bool loses_front(const struct normalizer_step *step, struct str text)
{
    unsigned size;
    int32_t code = text.len ? utf8_decode(text, 0, &size) : -1;
    if (step->kind == NORMALIZER_STRIP)
        return step->left && unicode_is_space(code);
    return step->kind == NORMALIZER_MAP && code >= 0 && characters_drops(step->map, code);
}

bool normalizer_run(const struct normalizer *normalizer, struct normalizer_scratch *scratch,
                    struct regex_scratch *regex, struct str text, struct normalizer_place place, struct str *out,
                    struct hob_error *err)
{
    unsigned turn = 0;
    scratch->front_lost = false;
    place.empty = text.len == 0;
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        const struct normalizer_step *step = &normalizer->steps[i];
        place.empty = place.empty || (text.len == 0 && i && normalizer->steps[i - 1].kind == NORMALIZER_SPACES);
        if (is_idle(step, text, place))
            continue;
        struct buf *to = &scratch->texts[turn];
        to->len = 0;
        scratch->front_lost = scratch->front_lost || loses_front(step, text);
        if (!run_step(step, regex, text, place, to, err))
            return false;
        text = buf_view(to);
        turn = !turn;
    }
    *out = text.ptr ? text : STR("");
    return true;
}
