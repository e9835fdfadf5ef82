/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a decoder. They are run by detokenizer.c.
 */
#include "text/tokenizer/decoder.h"

#include "base/error.h"

void decoder_clear(struct decoder *decoder)
{
    for (size_t i = 0; i < decoder->n_steps; i++)
        regex_free(decoder->steps[i].regex);
    *decoder = (struct decoder){0};
}

static bool is_character(struct str text)
{
    unsigned size = 0;
    return text.len && utf8_decode(text, 0, &size) >= 0 && size == text.len;
}

static bool has_step(const struct decoder *decoder, enum decoder_kind kind)
{
    for (size_t i = 0; i < decoder->n_steps; i++)
        if (decoder->steps[i].kind == kind)
            return true;
    return false;
}

/* What the step comes to when all text is one token; false when that cannot be told from a part of the text. */
static bool make_whole(struct decoder_step *step, bool *idle)
{
    step->whole = true;
    *idle =
        step->kind == DECODER_BYTES || step->kind == DECODER_JOIN || (step->kind == DECODER_WORDS && !step->clean_up);
    if (*idle)
        return true;
    if (step->kind == DECODER_REPLACE && step->not_in_first)
        step->content = STR("");
    step->not_in_first = false;
    if (step->kind == DECODER_SUFFIX) {
        step->kind = DECODER_REPLACE;
        step->content = STR("");
    }
    return (step->kind == DECODER_REPLACE && is_character(step->find)) ||
           (step->kind == DECODER_STRIP && step->stop == 0);
}

bool decoder_add(struct decoder *decoder, struct decoder_step step, struct hob_error *err)
{
    bool idle = false, ok = true;
    const char *why = NULL;
    if (decoder->fused && !make_whole(&step, &idle))
        why = "cannot follow Fuse or ByteLevel: what it does to a text is known only at the text's end";
    else if (step.kind == DECODER_CTC && decoder->n_steps)
        why = "can only be the first";
    else if (!decoder->fused && has_step(decoder, DECODER_SUFFIX))
        why = "only Fuse can follow BPEDecoder";
    else if (!decoder->fused && has_step(decoder, DECODER_BYTES) && step.kind != DECODER_REPLACE &&
             step.kind != DECODER_STRIP)
        why = "cannot follow ByteFallback";
    if (why)
        ok = error_set(err, HOB_FORMAT, "%s", why);
    else if (!idle && decoder->n_steps == DECODER_MAX_STEPS)
        ok = error_set(err, HOB_LIMIT, "more than %d steps", DECODER_MAX_STEPS);
    if (!ok || idle) {
        regex_free(step.regex);
        return ok;
    }
    decoder->steps[decoder->n_steps++] = step;
    decoder->fused = decoder->fused || step.kind == DECODER_ALPHABET;
    return true;
}

bool decoder_drops_first_space(const struct decoder *decoder)
{
    for (size_t i = 0; i < decoder->n_steps; i++) {
        const struct decoder_step *step = &decoder->steps[i];
        if (step->kind == DECODER_WORDS || step->kind == DECODER_JOIN)
            return true;
        if (step->whole && step->kind == DECODER_STRIP && step->start && str_eq(step->find, STR(" ")))
            return true;
    }
    return false;
}
