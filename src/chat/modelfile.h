/* SPDX-License-Identifier: Apache-2.0
 *
 * Modelfiles: FROM, PARAMETER, TEMPLATE, SYSTEM, MESSAGE, LICENSE, as Ollama writes them. What cannot be honoured is
 * refused by its line.
 */
#ifndef HOB_CHAT_MODELFILE_H
#define HOB_CHAT_MODELFILE_H

#include "chat/options.h"

/* Reads a Modelfile: `from` gets what FROM names, the return value the settings (chat/persona.h) that the caller owns.
 * `name` stands in errors. */
json_t *modelfile_read(struct str text, const char *name, struct buf *from, struct hob_error *err);

/* Adds a parameter under its name in Modelfiles, from a JSON value or a string of one. */
bool modelfile_parameter(json_t *settings, struct str name, const json_t *value, struct hob_error *err);

/* Sets the template: Jinja, or Ollama's Go form where that can be said in Jinja. */
bool modelfile_template(json_t *settings, struct str text, struct hob_error *err);

/* Appends the Modelfile that would give `settings` to what `from` names. */
bool modelfile_write(const json_t *settings, struct str from, struct buf *out);

/* Appends the parameters, a line each: name, padded to 30 columns, and value. */
bool modelfile_parameters(const json_t *settings, struct buf *out);

#endif
