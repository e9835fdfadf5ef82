/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648).
 */
#ifndef HOB_BASE_BASE64_H
#define HOB_BASE_BASE64_H

#include "base/str.h"

/* Appends the bytes that `text`, in the standard alphabet with padding, stands for. False when it is not that or
 * memory is exhausted. */
bool base64_read(struct str text, struct buf *out);

/* Appends the text of `bytes`, padded. False when memory is exhausted. */
bool base64_write(struct str bytes, struct buf *out);

#endif
