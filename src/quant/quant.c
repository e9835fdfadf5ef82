/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of formats, and what all formats have in common.
 */
#include <strings.h>

#include "quant/quant.h"

#define QUANT_ROW(type) extern const struct quant_type type;
#include "quant/list.h"
#undef QUANT_ROW

static const struct quant_type *const types[] = {
#define QUANT_ROW(type) &type,
#include "quant/list.h"
#undef QUANT_ROW
};

#define N_TYPES (sizeof types / sizeof *types)

const struct quant_type *quant_find(uint32_t id)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if ((uint32_t)types[i]->id == id)
            return types[i];
    return NULL;
}

const struct quant_type *quant_find_name(const char *name)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcasecmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

size_t quant_row_bytes(const struct quant_type *type, size_t k)
{
    size_t bytes;
    if (k % type->block_elements || !size_mul(k / type->block_elements, type->block_bytes, &bytes))
        return 0;
    return bytes;
}

void quant_decode_row(const struct quant_type *type, const uint8_t *row, size_t k, float *out)
{
    if (type->decode) {
        type->decode(row, k, out);
        return;
    }
    for (size_t i = 0; i < k; i += type->block_elements, row += type->block_bytes)
        quant_decode_block(type, row, out + i);
}
