/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies in the dialect of openai completions.
 */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return read_dialect(&openai_completions_dialect, data, size);
}
