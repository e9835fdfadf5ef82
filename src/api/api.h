/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the public API share.
 */
#ifndef HOB_API_API_H
#define HOB_API_API_H

#include "chat/chat.h"

struct hob_model {
    struct model *model;
    struct buf description;
};

/* The session's options: defaults, and `json` (an object as text, or NULL) over them. The caller clears `options` also
 * after a failure. */
bool api_options(const char *json, struct options *options, struct hob_error *err);

/* The plan in the words of hob.h. */
struct hob_plan api_plan(const struct engine_plan *plan);

#endif
