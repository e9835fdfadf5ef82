/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npy files, version 1.0, of float32 matrices in row-major order, written row by row.
 *
 *   0   6  \x93NUMPY
 *   6   2  version, 1 0
 *   8   2  u16 length of the header that follows
 *   10  -  a Python dict as text: {'descr': '<f4', 'fortran_order': False, 'shape': (R, C), }, padded with spaces and
 *          ended by a newline, so that the data start at a multiple of 64
 *   -   -  R * C little-endian float32
 *
 * Source: NumPy Enhancement Proposal 1.
 */
#ifndef HOB_CLI_NPY_H
#define HOB_CLI_NPY_H

#include "base/file.h"

struct npy {
    struct file_writer file;
    size_t rows, columns; /* still to be written; of each row */
};

/* Starts a matrix [rows, columns] in the file `path` ("-": standard output). */
bool npy_open(struct npy *npy, const char *path, size_t rows, size_t columns, struct hob_error *err);

/* Writes the next row, [columns]. At most as many as were announced. */
bool npy_row(struct npy *npy, const float *row, struct hob_error *err);

/* Ends the file, which appears only now, once all rows were written. */
bool npy_end(struct npy *npy, struct hob_error *err);

/* Gives up: nothing is left behind. */
void npy_drop(struct npy *npy);

#endif
