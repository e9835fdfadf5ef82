/* SPDX-License-Identifier: Apache-2.0
 *
 * The panel layouts of the types that do not have the plain one. Each is defined in its panel_*.c and stands in one
 * row of the table in panel.c. (For float types, whose blocks are single elements, the plain layout is already the
 * one wanted: [K][16].)
 */
#ifndef HOB_KERNELS_PANEL_LAYOUTS_H
#define HOB_KERNELS_PANEL_LAYOUTS_H

#include "kernels/panel.h"

extern const struct panel_layout panel_q4_0, panel_q4_1, panel_q5_0, panel_q5_1, panel_q8_0; /* panel_q32.c */
extern const struct panel_layout panel_q4_k, panel_q5_k, panel_q6_k;                         /* panel_kquants.c */

#endif
