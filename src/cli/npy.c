/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy files.
 */
#include "cli/npy.h"

#include <stdio.h>

#include "base/error.h"

enum { PREFIX = 10, HEADER = 128 }; /* bytes before the dict; before the data */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are written as they lie in memory");

bool npy_open(struct npy *npy, const char *path, size_t rows, size_t columns, struct hob_error *err)
{
    char header[HEADER + 1] = "\x93NUMPY\x01";
    header[8] = HEADER - PREFIX;
    int n = snprintf(header + PREFIX, HEADER - PREFIX,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    memset(header + PREFIX + n, ' ', (size_t)(HEADER - PREFIX - n));
    header[HEADER - 1] = '\n';
    *npy = (struct npy){.rows = rows, .columns = columns};
    if (!file_writer_open(&npy->file, path, err))
        return false;
    if (file_writer_add(&npy->file, (struct str){header, HEADER}, err))
        return true;
    npy_drop(npy);
    return false;
}

bool npy_row(struct npy *npy, const float *row, struct hob_error *err)
{
    if (npy->rows == 0)
        return error_set(err, HOB_USAGE, "%s: one row too many", npy->file.path);
    npy->rows--;
    return file_writer_add(&npy->file, (struct str){(const char *)row, npy->columns * sizeof *row}, err);
}

bool npy_end(struct npy *npy, struct hob_error *err)
{
    if (npy->rows == 0)
        return file_writer_end(&npy->file, err);
    error_set(err, HOB_USAGE, "%s: %zu rows are missing", npy->file.path, npy->rows);
    npy_drop(npy);
    return false;
}

void npy_drop(struct npy *npy)
{
    file_writer_drop(&npy->file);
}
