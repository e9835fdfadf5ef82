/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizing: added tokens are found, the text between them is normalized and cut into pieces, and the pieces are
 * encoded. Everything a call needs it makes for itself, so a tokenizer can be shared by threads.
 */
#include "text/tokenizer/tokenizer.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer/bpe_alphabet.h"
#include "text/tokenizer/parts.h"

bool ids_add(struct ids *ids, int32_t id)
{
    if (ids->len == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 64;
        int32_t *ptr = reallocarray(ids->ptr, cap, sizeof(*ptr));
        if (!ptr)
            return false;
        ids->ptr = ptr;
        ids->cap = cap;
    }
    ids->ptr[ids->len++] = id;
    return true;
}

void ids_clear(struct ids *ids)
{
    free(ids->ptr);
    *ids = (struct ids){0};
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    bpe_clear(&tokenizer->bpe);
    unigram_clear(&tokenizer->unigram);
    wordpiece_clear(&tokenizer->wordpiece);
    pretokenizer_clear(&tokenizer->pretokenizer);
    decoder_clear(&tokenizer->decoder);
    normalizer_clear(&tokenizer->normalizer);
    added_clear(&tokenizer->added);
    added_clear(&tokenizer->added_normalized);
    lexicon_clear(&tokenizer->lexicon);
    arena_clear(&tokenizer->arena);
    free(tokenizer);
}

/* One call of tokenizer_encode(). */
struct encoding {
    const struct tokenizer *tokenizer;
    const char *start; /* of the whole text */
    bool valid;        /* the whole text is UTF-8 */
    bool newer;        /* it has code points that PCRE2 may not know */
    size_t span;       /* the first untrusted span that does not end before the gap at hand */
    struct ids *out;
    const struct encode_options *options;
    size_t before;     /* ids in `out` that are others' */
    size_t most_bytes; /* that a token can stand for; SIZE_MAX: there may be no token for them */
    struct regex_scratch regex;
    struct normalizer_scratch normalizer;
    struct pretokenizer_scratch pretokenizer;
    struct bpe_scratch bpe;
    struct unigram_scratch unigram;
    struct buf bytes; /* bytes that are not UTF-8, in the byte alphabet */
};

/* A piece is an entry or unknown. */
static bool encode_word(const struct tokenizer *t, struct str word, struct ids *out, struct hob_error *err)
{
    int32_t id = lexicon_find_plain(&t->lexicon, word);
    if (id == TOKEN_NONE)
        id = t->unknown;
    if (id == TOKEN_NONE)
        return error_set(err, HOB_FORMAT,
                         "tokenize: the word \"%.*s\" is unknown and the vocabulary has no token for it",
                         (int)(word.len < 40 ? word.len : 40), word.ptr);
    return ids_add(out, id) || error_memory(err, out->cap);
}

static bool take_piece(void *ctx, struct str piece, struct hob_error *err)
{
    struct encoding *e = ctx;
    const struct tokenizer *t = e->tokenizer;
    if (e->options->go_on &&
        !e->options->go_on(e->options->go_on_ctx, e->out->len - e->before + piece.len / e->most_bytes, err))
        return false;
    switch (t->model) {
    case MODEL_BPE:
        return bpe_encode(&t->bpe, &e->bpe, piece, e->out, err);
    case MODEL_UNIGRAM:
        return unigram_encode(&t->unigram, &e->unigram, piece, e->out, err);
    case MODEL_WORDPIECE:
        return wordpiece_encode(&t->wordpiece, piece, e->out, err);
    case MODEL_WORDS:
        break;
    }
    return encode_word(t, piece, e->out, err);
}

/* Bytes that are not UTF-8 are a piece of their own. */
static bool take_bytes(struct encoding *e, struct str bytes, struct hob_error *err)
{
    const struct pretokenizer *pre = &e->tokenizer->pretokenizer;
    for (size_t i = 0; i < pre->n_steps; i++) {
        if (pre->steps[i].kind != PRETOKENIZER_ALPHABET)
            continue;
        e->bytes.len = 0;
        if (!alphabet_write(bytes, &e->bytes))
            return error_memory(err, 2 * bytes.len);
        bytes = buf_view(&e->bytes);
        break;
    }
    return take_piece(e, bytes, err);
}

/* Normalized text without added tokens. */
static bool encode_plain(struct encoding *e, struct str text, bool first, struct hob_error *err)
{
    struct pretokenizer_run run = {.pre = &e->tokenizer->pretokenizer,
                                   .scratch = &e->pretokenizer,
                                   .regex = &e->regex,
                                   .first = first,
                                   .newer = e->newer,
                                   .take = take_piece,
                                   .ctx = e};
    if (e->valid)
        return pretokenizer_cut(&run, text, err);
    for (size_t at = 0; at < text.len;) {
        size_t end = utf8_stretch_end(text, at, true);
        if (!pretokenizer_cut(&run, (struct str){text.ptr + at, end - at}, err))
            return false;
        run.first = false;
        at = utf8_stretch_end(text, end, false);
        if (at > end && !take_bytes(e, (struct str){text.ptr + end, at - end}, err))
            return false;
    }
    return true;
}

/* The text between two added tokens. Of a text that was changed nobody knows where each byte came from, so control
 * tokens that are looked for in it count only when all of it is trusted. */
static bool encode_gap(struct encoding *e, struct str gap, struct normalizer_place place,
                       const struct added_trust *trust, struct hob_error *err)
{
    const struct tokenizer *t = e->tokenizer;
    bool first = gap.ptr == e->start;
    size_t start = (size_t)(gap.ptr - e->start), end = start + gap.len;
    struct str text;
    if (!normalizer_run(&t->normalizer, &e->normalizer, &e->regex, gap, place, &text, err))
        return false;
    first = first && !e->normalizer.front_lost;
    if (t->added_normalized.n_tokens == 0)
        return encode_plain(e, text, first, err);
    struct added_trust here = *trust;
    here.offset = start;
    if (text.ptr != gap.ptr) {
        while (e->span < trust->n_untrusted && trust->untrusted[e->span].end <= start)
            e->span++;
        if (e->span < trust->n_untrusted && trust->untrusted[e->span].start < end)
            here.special = false;
        here.n_untrusted = 0;
    }
    struct added_walk walk = {.added = &t->added_normalized, .trust = &here, .scratch = &e->regex, .text = text};
    for (;;) {
        struct str plain;
        int32_t id;
        if (!added_next(&walk, &plain, &id, err))
            return false;
        if (plain.len && !encode_plain(e, plain, first && plain.ptr == text.ptr, err))
            return false;
        if (id == TOKEN_NONE)
            return true;
        if (!ids_add(e->out, id))
            return error_memory(err, e->out->cap);
    }
}

static bool encode_text(struct encoding *e, struct str text, const struct added_trust *trust, struct hob_error *err)
{
    const struct lexicon *lexicon = &e->tokenizer->lexicon;
    struct added_walk walk = {.added = &e->tokenizer->added, .trust = trust, .scratch = &e->regex, .text = text};
    struct normalizer_place place = {.starts = true};
    for (;;) {
        struct str gap;
        int32_t id;
        if (!added_next(&walk, &gap, &id, err))
            return false;
        bool cuts = id == TOKEN_NONE || lexicon_is_control(lexicon, id);
        place.ends = cuts;
        if (!encode_gap(e, gap, place, trust, err))
            return false;
        place.starts = cuts;
        if (id == TOKEN_NONE)
            return true;
        if (!ids_add(e->out, id))
            return error_memory(err, e->out->cap);
    }
}

static bool add_frame(const struct frame *frame, struct ids *out, struct hob_error *err)
{
    for (size_t i = 0; i < frame->n; i++)
        if (!ids_add(out, frame->ids[i]))
            return error_memory(err, out->cap);
    return true;
}

/* How many bytes of a piece one token stands for at most. */
static size_t most_bytes(const struct tokenizer *t)
{
    bool all = t->model == MODEL_BPE && t->lexicon.max_bytes > 0;
    for (size_t i = 0; all && i < 256; i++)
        all = t->bpe.bytes[i] != TOKEN_NONE;
    return all ? t->lexicon.max_bytes : SIZE_MAX;
}

bool tokenizer_encode(const struct tokenizer *tokenizer, struct str text, const struct encode_options *options,
                      struct ids *out, struct hob_error *err)
{
    if (!text.ptr)
        text = STR("");
    struct encoding e = {.tokenizer = tokenizer,
                         .options = options,
                         .before = out->len,
                         .most_bytes = most_bytes(tokenizer),
                         .bpe = {.go_on = options->go_on, .go_on_ctx = options->go_on_ctx},
                         .start = text.ptr,
                         .valid = utf8_valid(text),
                         .newer = unicode_has_newer(text),
                         .out = out};
    struct added_trust trust = {
        .special = options->special, .untrusted = options->untrusted, .n_untrusted = options->n_untrusted};
    size_t before = out->len;
    bool ok = regex_scratch_init(&e.regex, err) && (!options->add_bos || add_frame(&tokenizer->before, out, err)) &&
              encode_text(&e, text, &trust, err) && (!options->add_eos || add_frame(&tokenizer->after, out, err));
    if (ok && e.bpe.n_lost && !options->n_lost)
        ok = error_set(err, HOB_FORMAT, "the text has the byte 0x%02X, for which the vocabulary has no token",
                       e.bpe.lost);
    if (options->n_lost)
        *options->n_lost += e.bpe.n_lost;
    if (!ok)
        out->len = before;
    regex_scratch_clear(&e.regex);
    normalizer_scratch_clear(&e.normalizer);
    pretokenizer_scratch_clear(&e.pretokenizer);
    bpe_scratch_clear(&e.bpe);
    unigram_scratch_clear(&e.unigram);
    buf_clear(&e.bytes);
    return ok;
}

const char *tokenizer_algorithm(const struct tokenizer *tokenizer)
{
    static const char *const names[] = {
        [MODEL_BPE] = "BPE", [MODEL_UNIGRAM] = "Unigram", [MODEL_WORDPIECE] = "WordPiece", [MODEL_WORDS] = "WordLevel"};
    return names[tokenizer->model];
}

size_t tokenizer_size(const struct tokenizer *tokenizer)
{
    return tokenizer->lexicon.n;
}

static bool in_range(const struct tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (size_t)id < tokenizer->lexicon.n;
}

struct str tokenizer_text(const struct tokenizer *tokenizer, int32_t id)
{
    return in_range(tokenizer, id) ? lexicon_text(&tokenizer->lexicon, id) : STR("");
}

enum token_type tokenizer_type(const struct tokenizer *tokenizer, int32_t id)
{
    return in_range(tokenizer, id) ? (enum token_type)tokenizer->lexicon.types[id] : TOKEN_UNDEFINED;
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, struct str text)
{
    return lexicon_find(&tokenizer->lexicon, text);
}

bool tokenizer_is_eog(const struct tokenizer *tokenizer, int32_t id)
{
    return in_range(tokenizer, id) && tokenizer->eog[id];
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->add_bos;
}

bool tokenizer_adds_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->add_eos;
}
