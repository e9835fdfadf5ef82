/* SPDX-License-Identifier: Apache-2.0
 *
 * What safetensors_read() takes covers the file exactly; what it refuses, it refuses in one line.
 */
#include <hob.h>

#include "formats/safetensors.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hob_error err = {0};
    struct file file;
    require(file_open(&file, memory_file(data, size), &err));
    struct arena arena = {0};
    struct tensor_info *tensors;
    size_t n;
    if (safetensors_read(&file, &arena, &tensors, &n, &err)) {
        uint64_t end = 0;
        for (size_t i = 0; i < n; i++) {
            const struct tensor_info *t = &tensors[i];
            require(t->type && t->n_dims <= TENSOR_DIMS && t->bytes <= size && t->offset <= size - t->bytes);
            require(i == 0 || t->offset == end);
            require(t->bytes == t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3] * t->type->block_bytes);
            end = t->offset + t->bytes;
        }
        require(n == 0 || end == size);
    } else {
        require(err.status != HOB_OK && err.text[0] && utf8_valid(str_of(err.text)) && !strchr(err.text, '\n'));
    }
    arena_clear(&arena);
    file_close(&file);
    return 0;
}
