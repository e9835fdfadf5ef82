/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: a JSON header that names, shapes and places tensors, then their bytes. Checked as the format demands:
 * offsets start at 0, ascend without hole or overlap, cover the file exactly.
 */
#ifndef HOB_FORMATS_SAFETENSORS_H
#define HOB_FORMATS_SAFETENSORS_H

#include "base/arena.h"
#include "formats/tensor.h"

/* Reads the header of an open file. `*tensors` (in order of offset, axes turned so that the contiguous one is first)
 * and their names live in `arena`; each borrows `file`. F32, F16, BF16, F64, I8..I64 become the formats of the same
 * meaning; a tensor of another dtype is an error that names it. */
bool safetensors_read(const struct file *file, struct arena *arena, struct tensor_info **tensors, size_t *n,
                      struct hob_error *err);

#endif
