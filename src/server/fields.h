/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of a request: honoured, by a row here or as an option (chat/options_table.c); advisory, which are
 * accepted and named in X-Hob-Ignored; or unknown, which is an error that names them. Null is absent.
 */
#ifndef HOB_SERVER_FIELDS_H
#define HOB_SERVER_FIELDS_H

#include "chat/options.h"
#include "server/generation.h"

/* One member. */
struct field {
    const char *name;
    /* Reads it; NULL: advisory. */
    bool (*read)(struct generation *generation, const json_t *value, struct hob_error *err);
    const char *type; /* for the OpenAPI document: "string", ... */
};

/* Reads `object` by `fields` (ends with {0}) and by the options of `dialect`; an error names the member in
 * generation->param. */
bool fields_read(struct generation *generation, const json_t *object, const struct field *fields,
                 enum option_dialect dialect, struct hob_error *err);

/* Rows that several dialects share. */
bool field_model(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_stream(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_tools(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_receipt(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_keep_alive(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_constraint(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_effort(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_template_variables(struct generation *generation, const json_t *value, struct hob_error *err);

/* The value as a bool; else HOB_USAGE. */
bool field_bool(const json_t *value, bool *out, struct hob_error *err);

#endif
