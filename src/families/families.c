/* SPDX-License-Identifier: Apache-2.0 */
#include "families/families.h"

#define FAMILY(name) extern const struct family family_##name;
#include "families/list.h"
#undef FAMILY

static const struct family *const families[] = {
#define FAMILY(name) &family_##name,
#include "families/list.h"
#undef FAMILY
};

const struct family *const *families_all(size_t *n)
{
    *n = sizeof families / sizeof *families;
    return families;
}
