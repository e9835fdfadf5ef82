/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/embed.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "chat/reply.h"

bool embed_encode(const struct tokenizer *tokenizer, struct str text, size_t most, struct ids *ids, bool *cut,
                  struct hob_error *err)
{
    size_t n_lost = 0, first = ids->len;
    struct encode_options options = {
        .add_bos = tokenizer_adds_bos(tokenizer),
        .add_eos = tokenizer_adds_eos(tokenizer),
        .n_lost = &n_lost,
    };
    if (!tokenizer_encode(tokenizer, text, &options, ids, err))
        return false;
    size_t n = ids->len - first;
    if (n <= most)
        return true;
    *cut = true;
    if (options.add_eos && most > 0) /* it ends what is left as well */
        ids->ptr[first + most - 1] = ids->ptr[ids->len - 1];
    ids->len = first + most;
    return true;
}

struct reply *embed_prepare(struct chat *chat, const int32_t *ids, size_t n, enum pooling pool, size_t ctx,
                            uint64_t owner, void *user, struct hob_error *err)
{
    struct reply *reply = calloc(1, sizeof *reply);
    if (!reply) {
        error_memory(err, sizeof *reply);
        return NULL;
    }
    struct sequence_request request = {
        .tokens = ids, .n_tokens = n, .ctx = ctx, .owner = owner, .pool = pool, .user = reply};
    reply->chat = chat;
    reply->user = user;
    reply->embeds = true;
    reply->sequence = sequence_new(chat->engine, &request, err);
    if (reply->sequence)
        return reply;
    reply_free(reply);
    return NULL;
}

size_t embed_width(struct chat *chat)
{
    return chat->model->hparams.e;
}

void embed_vector(const struct reply *reply, size_t width, bool unit, float *out)
{
    const float *vector = sequence_embedding(reply->sequence);
    double sum = 0, scale = 1;
    for (size_t i = 0; unit && i < width; i++)
        sum += (double)vector[i] * (double)vector[i];
    if (sum > 0)
        scale = 1 / sqrt(sum);
    for (size_t i = 0; i < width; i++)
        out[i] = (float)((double)vector[i] * scale);
}
