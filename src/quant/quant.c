/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of formats, and what all formats have in common.
 */
#include <math.h>
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

void quant_group_decode(const struct quant_group *group, float *out)
{
    const unsigned half = QUANT_GROUP / 2;
    for (unsigned j = 0; j < 2; j++) {
        float s = group->s[j * (group->n_parts - 1)];
        float minus_m = group->has_min ? -(group->m * (float)group->min[j]) : -0.0f;
        for (unsigned i = j * half; i < (j + 1) * half; i++)
            out[i] = fmaf(s, (float)(group->scale[j] * group->q[i]), minus_m);
    }
}

void quant_decode_block(const struct quant_type *type, const uint8_t *block, float *out)
{
    if (type->decode) {
        type->decode(block, type->block_elements, out);
        return;
    }
    for (unsigned g = 0; g < type->block_elements / QUANT_GROUP; g++) {
        struct quant_group group;
        type->group(block, g, &group);
        quant_group_decode(&group, out + (size_t)g * QUANT_GROUP);
    }
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
