/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids to text. Tokens may end within a character, so a stream holds such bytes back until the rest arrives.
 */
#include "text/bpe_alphabet.h"
#include "text/tokenizer_parts.h"

static bool write_plain(const struct decoder *decoder, struct str text, struct buf *out)
{
    for (size_t at = 0; at < text.len;) {
        size_t hit = decoder->find.len ? str_find(text, decoder->find, at) : SIZE_MAX;
        buf_add(out, text.ptr + at, (hit == SIZE_MAX ? text.len : hit) - at);
        if (hit == SIZE_MAX)
            break;
        buf_str(out, decoder->content);
        at = hit + decoder->find.len;
    }
    return !out->failed;
}

bool tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, bool special, struct buf *out)
{
    const struct decoder *decoder = &tokenizer->decoder;
    struct str text = tokenizer_text(tokenizer, id);
    switch (tokenizer_type(tokenizer, id)) {
    case TOKEN_CONTROL:
    case TOKEN_UNKNOWN:
        return !special || buf_str(out, text);
    case TOKEN_BYTE:
        return buf_byte(out, (char)lexicon_byte_of(text));
    case TOKEN_USER_DEFINED:
        return write_plain(decoder, text, out);
    case TOKEN_UNDEFINED:
    case TOKEN_NORMAL:
    case TOKEN_UNUSED:
        break;
    }
    return decoder->alphabet ? alphabet_read(text, out) : write_plain(decoder, text, out);
}

bool detokenizer_add(struct detokenizer *state, const struct tokenizer *tokenizer, int32_t id, bool special,
                     struct buf *out)
{
    size_t before = out->len;
    if (!buf_add(out, state->held, state->n_held) || !tokenizer_piece(tokenizer, id, special, out) || out->failed)
        return false;
    struct str added = {out->ptr + before, out->len - before};
    if (added.len && !state->started && tokenizer->decoder.drop_first_space && added.ptr[0] == ' ') {
        memmove(out->ptr + before, out->ptr + before + 1, added.len - 1);
        out->len--;
        added.len--;
        state->started = true;
    }
    state->started = state->started || added.len;
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
