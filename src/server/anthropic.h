/* SPDX-License-Identifier: Apache-2.0
 *
 * Anthropic's messages.
 */
#ifndef HOB_SERVER_ANTHROPIC_H
#define HOB_SERVER_ANTHROPIC_H

#include "server/generation.h"

extern const struct dialect anthropic_count_dialect;

#endif
