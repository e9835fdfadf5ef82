/* SPDX-License-Identifier: Apache-2.0
 *
 * The template doctor: renders small conversations and says where a chat template, or a template and the tokenizer
 * together, do not give the model what it was trained on.
 */
#ifndef HOB_CHAT_DOCTOR_H
#define HOB_CHAT_DOCTOR_H

#include "chat/chat.h"

/* What is wrong with the model's chat template, or with `replacement` (may be NULL), which stands for it: an array of
 * {"warning", "advice"}, empty when nothing was found or when there is no template. Needs no weights; without a
 * tokenizer, what concerns tokens is left out. The caller owns the reference; NULL with HOB_LIMIT without memory. One
 * thread at a time for a model. */
json_t *doctor_examine(struct model *model, const struct chat_template *replacement, struct hob_error *err);

/* The name of the published model whose template has this text, but for newlines at its end; NULL when it is not one of
 * the known, which is no fault. A static string. Thread-safe. */
const char *doctor_known_template(struct str text);

#endif
