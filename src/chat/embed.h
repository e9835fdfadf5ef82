/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors of texts: what a model makes of a text before its head, put together as its file wants it (model_pooling()).
 * Each text is a reply without tokens, which runs among the others of its chat.
 */
#ifndef HOB_CHAT_EMBED_H
#define HOB_CHAT_EMBED_H

#include "chat/chat.h"

/* Appends the ids of a text as the model reads it: BOS and EOS as it wants them, and no control token from the text. Of
 * a text that takes more than `most` ids the end is cut off, and `*cut` set. The caller clears `ids`. */
bool embed_encode(const struct tokenizer *tokenizer, struct str text, size_t most, struct ids *ids, bool *cut,
                  struct hob_error *err);

/* What will be the vector of ids, as chat_prepare(). `ctx` as in struct sequence_request. HOB_LIMIT with both numbers
 * when there are more than the context holds, HOB_USAGE for none or an id that is not there. From any thread. */
struct reply *embed_prepare(struct chat *chat, const int32_t *ids, size_t n, enum pooling pool, size_t ctx,
                            uint64_t owner, void *user, struct hob_error *err);

/* The width of the model's vectors. */
size_t embed_width(struct chat *chat);

/* After CHAT_END: writes the first `width` numbers of the vector to `out`, and with `unit` makes their length 1. */
void embed_vector(const struct reply *reply, size_t width, bool unit, float *out);

#endif
