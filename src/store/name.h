/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of models: `[folder/]name[:tag]`, matched without case. A name never becomes a path.
 */
#ifndef HOB_STORE_NAME_H
#define HOB_STORE_NAME_H

#include <hob.h>

#include "base/str.h"

#define NAME_BYTES 192 /* of a canonical name and its NUL */

/* A name as the library holds it: with its tag, "latest" where none was given, and without the parts that Ollama leaves
 * out ("registry.ollama.ai/library/"). A part is letters, digits, `_`, and within it `.` and `-`; at most three parts
 * stand before the tag. HOB_USAGE for anything else. */
bool name_canonical(struct str name, char out[NAME_BYTES], struct hob_error *err);

/* The canonical name as it is shown: the same, or with `short_form` without ":latest". A span of `name`. */
struct str name_shown(const char *name, bool short_form);

/* Whether two canonical names are one. */
bool name_equal(const char *a, const char *b);

#endif
