/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids to text. Tokens may end within a character, so a stream holds such bytes back until the rest arrives. The steps
 * of the decoder work on the end of the buffer that the text is appended to, so nothing is allocated but its growth.
 */
#include "text/tokenizer/bpe_alphabet.h"
#include "text/tokenizer/parts.h"

/* The part of a buffer from `start` on, which a step rewrites: it appends the new text and then calls settle(). */
static struct str part(const struct buf *out, size_t start)
{
    return str_from(buf_view(out), start);
}

/* What was appended after `end` takes the place of [start, end). */
static void settle(struct buf *out, size_t start, size_t end)
{
    if (out->failed || start == end)
        return;
    size_t len = out->len - end;
    memmove(out->ptr + start, out->ptr + end, len);
    out->len = start + len;
}

static void replace(struct buf *out, size_t start, struct str find, struct str content)
{
    size_t end = out->len, at = start;
    if (find.len == 0 || str_find(part(out, start), find, 0) == SIZE_MAX)
        return;
    while (at < end && buf_reserve(out, find.len + content.len + end - at)) {
        struct str rest = {out->ptr + at, end - at};
        size_t hit = str_find(rest, find, 0), gap = hit == SIZE_MAX ? rest.len : hit;
        buf_add(out, rest.ptr, gap);
        if (hit != SIZE_MAX)
            buf_str(out, content);
        at += gap + (hit == SIZE_MAX ? 0 : find.len);
    }
    settle(out, start, end);
}

static bool replace_regex(const struct decoder_step *step, struct buf *out, size_t start)
{
    struct regex_scratch scratch;
    struct buf text = {0};
    bool ok = regex_scratch_init(&scratch, NULL) && buf_str(&text, part(out, start));
    struct regex_walk walk = regex_walk_over(step->regex, buf_view(&text));
    size_t done = 0;
    ok = ok && utf8_valid(walk.text);
    if (ok)
        out->len = start;
    for (bool matched = ok; matched;) {
        struct text_span match;
        matched = regex_next(&walk, &scratch, &matched, &match, NULL) && matched;
        buf_add(out, text.ptr + done, (matched ? match.start : text.len) - done);
        if (matched)
            buf_str(out, step->content);
        done = matched ? match.end : text.len;
    }
    regex_scratch_clear(&scratch);
    buf_clear(&text);
    return !out->failed;
}

/* A token loses what it has of `find` at its ends. */
static void strip(const struct decoder_step *step, struct buf *out, size_t start)
{
    size_t from = start, len = step->find.len;
    for (unsigned i = 0; i < step->start && len && str_starts(part(out, from), step->find); i++)
        from += len;
    for (unsigned i = 0; i < step->stop && len && str_ends(part(out, from), step->find); i++)
        out->len -= len;
    settle(out, start, from);
}

/* No space before some texts. */
static void clean_up(struct buf *out, size_t start)
{
    static const char *const tight[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof(tight) / sizeof(*tight); i++)
        replace(out, start, str_of(tight[i][0]), str_of(tight[i][1]));
}

static void put_before(struct buf *out, size_t start)
{
    if (buf_byte(out, ' ')) {
        memmove(out->ptr + start + 1, out->ptr + start, out->len - 1 - start);
        out->ptr[start] = ' ';
    }
}

static void words(const struct decoder_step *step, bool first, struct buf *out, size_t start)
{
    if (!first && str_starts(part(out, start), step->find))
        settle(out, start, start + step->find.len);
    else if (!first)
        put_before(out, start);
    if (step->clean_up)
        clean_up(out, start);
}

/* A space that a suffix asks for comes with the token that follows. */
static void suffix(const struct decoder_step *step, bool first, struct detokenizer *state, struct buf *out,
                   size_t start)
{
    bool ends = step->find.len && str_ends(part(out, start), step->find);
    if (ends)
        out->len -= step->find.len;
    replace(out, start, step->find, STR(" "));
    if (!first && state->space)
        put_before(out, start);
    state->space = ends;
}

static void ctc(const struct decoder_step *step, struct buf *out, size_t start)
{
    replace(out, start, step->find, STR(""));
    if (step->clean_up) {
        clean_up(out, start);
        replace(out, start, step->delimiter, STR(" "));
    }
}

/* What is done to the text that tokens make: `state->n_stripped` counts over all of it. */
static void run_whole(const struct decoder_step *step, struct detokenizer *state, struct buf *out, size_t start)
{
    if (step->kind == DECODER_REPLACE) {
        replace(out, start, step->find, step->content);
        return;
    }
    while (out->len > start && state->n_stripped < step->start) {
        if (!str_starts(part(out, start), step->find)) {
            state->n_stripped = UINT8_MAX;
            return;
        }
        settle(out, start, start + step->find.len);
        state->n_stripped++;
    }
}

/* One step on one token. False when the token is gone, and not even counts as the first one. */
static bool run_step(const struct decoder_step *step, bool first, bool plain, int32_t id, struct detokenizer *state,
                     struct buf *out, size_t start)
{
    switch (step->kind) {
    case DECODER_REPLACE:
        replace(out, start, step->find, first && step->not_in_first ? STR("") : step->content);
        break;
    case DECODER_REPLACE_REGEX:
        return replace_regex(step, out, start);
    case DECODER_STRIP:
        strip(step, out, start);
        break;
    case DECODER_WORDS:
        words(step, first, out, start);
        break;
    case DECODER_JOIN:
        if (!first)
            put_before(out, start);
        break;
    case DECODER_SUFFIX:
        suffix(step, first, state, out, start);
        break;
    case DECODER_ALPHABET:
        if (plain && out->len > start) {
            size_t end = out->len;
            if (buf_reserve(out, end - start) && alphabet_read((struct str){out->ptr + start, end - start}, out))
                settle(out, start, end);
        }
        break;
    case DECODER_CTC:
        if (state->last == id + 1)
            return false;
        state->last = id + 1;
        ctc(step, out, start);
        return out->len > start;
    case DECODER_BYTES:
        break;
    }
    return true;
}

/* Whether a token gives text at all. */
static bool is_shown(const struct tokenizer *tokenizer, int32_t id, bool special)
{
    bool known = id >= 0 && (size_t)id < tokenizer_size(tokenizer);
    return known && (special || !lexicon_is_control(&tokenizer->lexicon, id));
}

/* Appends the text of one token, as the steps for tokens leave it. */
static bool write_token(const struct tokenizer *tokenizer, int32_t id, struct detokenizer *state, struct buf *out)
{
    const struct decoder *decoder = &tokenizer->decoder;
    enum token_type type = tokenizer_type(tokenizer, id);
    bool added = type == TOKEN_CONTROL || type == TOKEN_UNKNOWN || type == TOKEN_USER_DEFINED;
    struct str text =
        added && tokenizer->shown && tokenizer->shown[id].ptr ? tokenizer->shown[id] : tokenizer_text(tokenizer, id);
    size_t start = out->len;
    if (!buf_str(out, text))
        return false;
    for (size_t i = 0; i < decoder->n_steps && !decoder->steps[i].whole; i++) {
        const struct decoder_step *step = &decoder->steps[i];
        int byte = step->kind == DECODER_BYTES ? lexicon_byte_of(part(out, start)) : -1;
        if (byte >= 0) {
            out->ptr[start] = (char)byte;
            out->len = start + 1;
            state->seen |= (uint16_t)(UINT16_MAX << i); /* the steps that follow see it as a token */
            break;
        }
        if (!run_step(step, !(state->seen >> i & 1), !added, id, state, out, start)) {
            out->len = out->failed ? out->len : start;
            break;
        }
        state->seen |= (uint16_t)(1u << i);
    }
    return !out->failed;
}

static void run_whole_steps(const struct decoder *decoder, struct detokenizer *state, struct buf *out, size_t start)
{
    for (size_t i = 0; i < decoder->n_steps && !out->failed; i++)
        if (decoder->steps[i].whole)
            run_whole(&decoder->steps[i], state, out, start);
}

bool tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, bool special, struct buf *out)
{
    struct detokenizer state = {.seen = UINT16_MAX, .n_stripped = UINT8_MAX};
    size_t start = out->len;
    if (!is_shown(tokenizer, id, special))
        return true;
    if (!write_token(tokenizer, id, &state, out))
        return false;
    run_whole_steps(&tokenizer->decoder, &state, out, start);
    return !out->failed;
}

bool detokenizer_add(struct detokenizer *state, const struct tokenizer *tokenizer, int32_t id, bool special,
                     struct buf *out)
{
    size_t start = out->len;
    if (!is_shown(tokenizer, id, special))
        return true;
    if (!buf_add(out, state->held, state->n_held) || !write_token(tokenizer, id, state, out))
        return false;
    state->n_held = (unsigned)utf8_incomplete_tail(part(out, start));
    out->len -= state->n_held;
    if (state->n_held)
        memcpy(state->held, out->ptr + out->len, state->n_held);
    run_whole_steps(&tokenizer->decoder, state, out, start);
    return !out->failed;
}

bool detokenizer_end(struct detokenizer *state, struct buf *out)
{
    bool ok = buf_add(out, state->held, state->n_held);
    *state = (struct detokenizer){0};
    return ok;
}
