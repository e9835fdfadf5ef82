/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of a request, a row each: honoured, by a row or as an option (chat/options_table.c); advisory, which are
 * accepted and named in X-Hob-Ignored; or unknown, which is an error that names them. Null is absent.
 */
#ifndef HOB_SERVER_FIELDS_H
#define HOB_SERVER_FIELDS_H

#include "chat/options.h"
#include "server/generation.h"

/* What a value may be, or'ed. */
enum field_type {
    FIELD_BOOL = 1,
    FIELD_WHOLE = 2, /* a whole number in [0, max] */
    FIELD_NUMBER = 4,
    FIELD_STRING = 8,
    FIELD_ARRAY = 16,
    FIELD_OBJECT = 32
};

/* One member. Where it goes is told by one of the last five; a row without them is advisory. */
struct field {
    const char *name;
    unsigned types; /* 0: anything */
    int max;
    bool required;
    bool (*read)(struct generation *generation, const json_t *value, struct hob_error *err);
    size_t flag;         /* the offset in struct generation of a bool */
    const char *request; /* the member of generation->request */
    const char *extra;   /* that of generation->extra, where an empty string or array is absent */
    const char *only;    /* what hob does in any case, as JSON, parted by spaces: any other value is refused */
};

/* The flag of a row. */
#define FIELD_FLAG(member) offsetof(struct generation, member)

/* The row of that name in a dialect's tables (NULL: none), or NULL. */
const struct field *fields_find(const struct field *const *tables, const char *name);

/* Whether the field is accepted and no more. */
bool field_is_advisory(const struct field *field);

/* Reads `object` by tables (each ends with {0}; NULL ends them; the first row of a name counts) and by the options of
 * `dialect`; an error names the member in generation->param. */
bool fields_read(struct generation *generation, const json_t *object, const struct field *const *tables,
                 enum option_dialect dialect, struct hob_error *err);

/* What every request takes that needs a model, and every one that makes text. */
extern const struct field fields_model[], fields_reply[];

/* Functions of rows that several dialects share. */
bool field_model(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_keep_alive(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_constraint(struct generation *generation, const json_t *value, struct hob_error *err);
bool field_template_variables(struct generation *generation, const json_t *value, struct hob_error *err);

/* Thinking in all its spellings: true or false, a level, {"effort": a level}. */
bool field_think(struct generation *generation, const json_t *value, struct hob_error *err);

/* Brings "logprobs", a flag, and "top_logprobs" together once both are read. HOB_USAGE for the second alone. */
bool fields_logprobs(struct generation *generation, struct hob_error *err);

#endif
