/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a JSON schema.
 */
#include "grammar_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hob_error err = {0};
    struct str text = {(const char *)data, size};
    struct grammar *grammar = constraint_schema_text(text, "schema", &err);
    grammar_walk_check(grammar, &err, data, size);
    grammar_free(grammar);
    return 0;
}
