/* SPDX-License-Identifier: Apache-2.0
 *
 * The panel layouts of the types that do not have the plain one. Each is defined in its panel_*.c and stands in one
 * row of the table in panel.c.
 */
#ifndef HOB_KERNELS_PANEL_LAYOUTS_H
#define HOB_KERNELS_PANEL_LAYOUTS_H

#include "kernels/panel.h"

#endif
