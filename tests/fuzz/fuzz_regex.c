/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a regular expression: of a text, and as the pattern of a string with a length.
 */
#include "grammar_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hob_error err = {0};
    struct str text = {(const char *)data, size};
    struct grammar *grammar = constraint_regex(text, &err);
    grammar_walk_check(grammar, &err, data, size);
    grammar_free(grammar);
    json_t *pattern = json_bytes(text);
    json_t *schema = json_pack("{s:s,s:o,s:i,s:i}", "type", "string", "pattern", pattern, "minLength",
                               size ? data[0] % 4 : 0, "maxLength", 9);
    err = (struct hob_error){0};
    grammar = schema ? constraint_schema(schema, &err) : NULL;
    if (schema)
        grammar_walk_check(grammar, &err, data, size);
    grammar_free(grammar);
    json_decref(schema);
    return 0;
}
