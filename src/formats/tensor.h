/* SPDX-License-Identifier: Apache-2.0
 *
 * A tensor in a file: named, shaped, checked to lie within the file, not yet read.
 */
#ifndef HOB_FORMATS_TENSOR_H
#define HOB_FORMATS_TENSOR_H

#include "base/file.h"
#include "quant/quant.h"

#define TENSOR_DIMS 4

struct tensor_info {
    struct str name;               /* borrowed from the container */
    const struct quant_type *type; /* never NULL */
    unsigned n_dims;               /* 0..4 */
    uint64_t ne[TENSOR_DIMS];      /* elements an axis, the contiguous one first; 1 past n_dims */
    const struct file *file;       /* borrowed from the container */
    uint64_t offset;               /* of the first byte, from the start of the file */
    uint64_t bytes;                /* offset + bytes <= file size */
};

#endif
