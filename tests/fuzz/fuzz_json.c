/* SPDX-License-Identifier: Apache-2.0
 *
 * What json_read() takes, json_write() writes so that it reads back equal.
 */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hob_error err = {0};
    json_t *value = json_read((struct str){(const char *)data, size}, "input", &err);
    if (!value) {
        if (err.status == HOB_OK || !utf8_valid(str_of(err.text)) || strchr(err.text, '\n'))
            abort();
        return 0;
    }
    struct buf out = {0};
    if (!json_write(value, &out))
        abort();
    json_t *again = json_read(buf_view(&out), "again", &err);
    if (!again || !json_equal(value, again))
        abort();
    json_decref(again);
    json_decref(value);
    buf_clear(&out);
    return 0;
}
