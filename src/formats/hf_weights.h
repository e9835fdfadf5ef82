/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of a Hugging Face folder. Internal to its reader.
 */
#ifndef HOB_FORMATS_HF_WEIGHTS_H
#define HOB_FORMATS_HF_WEIGHTS_H

#include "formats/hf.h"

/* Opens the safetensors files of the folder and fills files, tensors and the map. No weights at all is fine. */
bool hf_open_weights(struct hf *hf, struct hob_error *err);

/* The path of a file of the folder, in hf->arena, or NULL when memory is exhausted. */
char *hf_path(struct hf *hf, const char *name, struct hob_error *err);

#endif
