/* SPDX-License-Identifier: Apache-2.0
 *
 * Recognises files that are not what their name says, so that the message can.
 */
#ifndef HOB_FORMATS_FOREIGN_H
#define HOB_FORMATS_FOREIGN_H

#include "base/str.h"

/* What a file starting with `head` (16 bytes are enough) is, as words that follow "is ", or NULL when it is not known.
 */
const char *foreign_name(struct str head);

#endif
