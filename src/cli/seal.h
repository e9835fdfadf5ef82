/* SPDX-License-Identifier: Apache-2.0
 *
 * Raising the walls around a command.
 */
#ifndef HOB_CLI_SEAL_H
#define HOB_CLI_SEAL_H

#include "cli/cli.h"

/* Grants the keeper what the words and options name, sends all files through it, and raises the walls; `listener` is
 * the socket that stays, or -1. HOB_REFUSED where a wall cannot be raised and that is not allowed; where it is allowed,
 * it is said. */
bool seal(const struct args *args, int listener, struct hob_error *err);

#endif
