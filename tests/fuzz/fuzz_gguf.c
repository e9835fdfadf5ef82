/* SPDX-License-Identifier: Apache-2.0
 *
 * What gguf_open() takes keeps its promises; what it refuses, it refuses in one line.
 */
#include <hob.h>

#include "formats/gguf.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* Reads the whole value, and asks for it as each kind. */
static void use_value(const struct gguf *gguf, const struct gguf_entry *entry)
{
    const struct gguf_value *value = &entry->value;
    uint64_t sum = 0;
    if (value->type == GGUF_ARRAY) {
        for (size_t i = 0; i < value->n; i++)
            if (value->element == GGUF_STRING)
                sum += value->strings[i].len ? (uint8_t)value->strings[i].ptr[value->strings[i].len - 1] : 0;
            else
                sum += (uint64_t)gguf_array_int(value, i) + (gguf_array_float(value, i) > 0);
    } else if (value->type == GGUF_STRING) {
        sum += value->s.len ? (uint8_t)value->s.ptr[value->s.len - 1] : 0;
    }
    volatile uint64_t used = sum;
    (void)used;
    char key[256];
    if (entry->key.len >= sizeof(key))
        return;
    memcpy(key, entry->key.ptr, entry->key.len);
    key[entry->key.len] = '\0';
    require(gguf_find(gguf, key) == value);
    struct hob_error err = {0};
    int64_t integer = 1;
    double real = 1;
    bool flag;
    struct str text;
    require(gguf_get_int(gguf, key, 0, 100, &integer, &err) ? integer >= 0 && integer <= 100 : err.text[0] != '\0');
    require(gguf_get_float(gguf, key, 0, 100, &real, &err) ? real >= 0 && real <= 100 : err.text[0] != '\0');
    gguf_get_bool(gguf, key, &flag, &err);
    require(gguf_get_string(gguf, key, &text, &err) == (value->type == GGUF_STRING));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hob_error err = {0};
    struct gguf *gguf = gguf_open(memory_file(data, size), &err);
    if (!gguf) {
        require(err.status != HOB_OK && err.text[0] && utf8_valid(str_of(err.text)) && !strchr(err.text, '\n'));
        return 0;
    }
    size_t n;
    const struct gguf_entry *entries = gguf_entries(gguf, &n);
    for (size_t i = 0; i < n; i++)
        use_value(gguf, &entries[i]);
    const struct tensor_info *tensors = gguf_tensors(gguf, &n);
    for (size_t i = 0; i < n; i++) {
        const struct tensor_info *t = &tensors[i];
        require(gguf_tensor(gguf, t->name) == t && t->type && t->n_dims >= 1 && t->n_dims <= TENSOR_DIMS);
        require(t->bytes > 0 && t->bytes <= size && t->offset <= size - t->bytes);
        require(t->bytes / quant_row_bytes(t->type, (size_t)t->ne[0]) == t->ne[1] * t->ne[2] * t->ne[3]);
        for (size_t j = 0; j < i && n < 50; j++)
            require(t->offset + t->bytes <= tensors[j].offset || tensors[j].offset + tensors[j].bytes <= t->offset);
    }
    gguf_close(gguf);
    return 0;
}
