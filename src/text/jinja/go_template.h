/* SPDX-License-Identifier: Apache-2.0
 *
 * Ollama's prompt templates, which are Go's text/template, said in Jinja: the fields of the whole, of messages, calls
 * and tools; if, else if, else, with, range, end; variables; eq, ne, lt, le, gt, ge, and, or, not, len, slice, index,
 * json, currentDate. What has no counterpart is refused with its line.
 */
#ifndef HOB_TEXT_GO_TEMPLATE_H
#define HOB_TEXT_GO_TEMPLATE_H

#include <hob.h>

#include "base/str.h"

/* Whether a template is in Go's form: it has actions, and nothing that only Jinja has. */
bool go_template_is(struct str text);

/* Appends the template in Jinja. */
bool go_template_jinja(struct str text, struct buf *out, struct hob_error *err);

#endif
