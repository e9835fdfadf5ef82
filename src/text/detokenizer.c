/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids to text. Tokens may end within a character, so a stream holds such bytes back until the rest arrives.
 */
#include "text/bpe_alphabet.h"
#include "text/tokenizer_parts.h"

/* Appends `text` with every `find` replaced, or in the first token taken away. */
static void write_replaced(const struct decoder *decoder, struct str text, bool first, struct buf *out)
{
    for (size_t at = 0; at < text.len;) {
        size_t hit = decoder->find.len ? str_find(text, decoder->find, at) : SIZE_MAX;
        buf_add(out, text.ptr + at, (hit == SIZE_MAX ? text.len : hit) - at);
        if (hit == SIZE_MAX)
            return;
        if (!first || !decoder->drop_in_first)
            buf_str(out, decoder->content);
        at = hit + decoder->find.len;
    }
}

/* A word with a space before it, or the rest of one. WordPiece's decoder takes the space back before some texts. */
static void write_word(const struct decoder *decoder, struct str text, struct buf *out)
{
    static const char *const tight[] = {".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"};
    if (decoder->prefix.len && str_starts(text, decoder->prefix)) {
        buf_add(out, text.ptr + decoder->prefix.len, text.len - decoder->prefix.len);
        return;
    }
    bool space = true;
    for (size_t i = 0; decoder->clean_up && i < sizeof(tight) / sizeof(*tight); i++)
        space = space && !str_starts(text, str_of(tight[i]));
    if (space)
        buf_byte(out, ' ');
    buf_str(out, text);
}

static bool write_plain(const struct decoder *decoder, struct str text, bool first, struct buf *out)
{
    if (decoder->words)
        write_word(decoder, text, out);
    else
        write_replaced(decoder, text, first, out);
    return !out->failed;
}

/* tokenizer_piece() of a token that is the first of a text, or not. */
static bool write_token(const struct tokenizer *tokenizer, int32_t id, bool special, bool first, struct buf *out)
{
    const struct decoder *decoder = &tokenizer->decoder;
    struct str text = tokenizer_text(tokenizer, id);
    switch (tokenizer_type(tokenizer, id)) {
    case TOKEN_CONTROL:
    case TOKEN_UNKNOWN:
        return !special || (decoder->words ? write_plain(decoder, text, first, out) : buf_str(out, text));
    case TOKEN_BYTE:
        return buf_byte(out, (char)lexicon_byte_of(text));
    case TOKEN_USER_DEFINED:
        return write_plain(decoder, text, first, out);
    case TOKEN_UNDEFINED:
    case TOKEN_NORMAL:
    case TOKEN_UNUSED:
        break;
    }
    return decoder->alphabet ? alphabet_read(text, out) : write_plain(decoder, text, first, out);
}

bool tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, bool special, struct buf *out)
{
    return write_token(tokenizer, id, special, false, out);
}

/* Whether a token gives text at all. */
static bool is_shown(const struct tokenizer *tokenizer, int32_t id, bool special)
{
    enum token_type type = tokenizer_type(tokenizer, id);
    return special || (type != TOKEN_CONTROL && type != TOKEN_UNKNOWN);
}

bool detokenizer_add(struct detokenizer *state, const struct tokenizer *tokenizer, int32_t id, bool special,
                     struct buf *out)
{
    size_t before = out->len;
    if (!buf_add(out, state->held, state->n_held) || !write_token(tokenizer, id, special, !state->started, out) ||
        out->failed)
        return false;
    struct str added = {out->ptr + before, out->len - before};
    if (added.len && !state->started && tokenizer->decoder.drop_first_space && added.ptr[0] == ' ') {
        memmove(out->ptr + before, out->ptr + before + 1, added.len - 1);
        out->len--;
        added.len--;
        state->started = true;
    }
    state->started =
        state->started || added.len || (tokenizer->decoder.drop_in_first && is_shown(tokenizer, id, special));
    state->n_held = (unsigned)utf8_incomplete_tail(added);
    out->len -= state->n_held;
    if (state->n_held)
        memcpy(state->held, out->ptr + out->len, state->n_held);
    return true;
}

bool detokenizer_end(struct detokenizer *state, struct buf *out)
{
    bool ok = buf_add(out, state->held, state->n_held);
    *state = (struct detokenizer){0};
    return ok;
}
