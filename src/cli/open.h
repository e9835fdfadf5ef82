/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a model for a command: from the word MODEL to something that runs, with progress and notes on standard error.
 */
#ifndef HOB_CLI_OPEN_H
#define HOB_CLI_OPEN_H

#include "chat/persona.h"
#include "cli/cli.h"

/* A model for a command and what runs it. Zero-initialised is empty. */
struct opened {
    struct model *model;
    struct chat *chat;      /* after open_chat() */
    struct engine *engine;  /* after open_chat() (the chat's) or open_engine() (owned) */
    json_t *settings;       /* of the name in the library; NULL: none */
    struct persona persona; /* made of them by open_chat() */
    double load_ms;         /* from the name to the loaded weights */
};

/* Opens what `name` names: a path, or a model of the library. Enough for metadata, tokenizer and template. */
bool open_model(struct opened *opened, const char *name, struct hob_error *err);

/* The same, and finds its family and its weights. */
bool open_bound(struct opened *opened, const char *name, struct hob_error *err);

/* The same, takes the model's defaults into args->options, and loads it into a chat. `opened->model` may be open
 * already. A context that was reduced is told on standard error. `args` must outlive `opened`. */
bool open_chat(struct opened *opened, struct args *args, const char *name, struct hob_error *err);

/* After open_chat(): finds the digest of the model that receipts hold, with a bar where that takes long. */
bool open_digest(struct opened *opened, struct hob_error *err);

/* As open_chat() without a chat, for commands that want logits. */
bool open_engine(struct opened *opened, const struct args *args, const char *name, struct hob_error *err);

/* Frees all of it. */
void opened_close(struct opened *opened);

#endif
