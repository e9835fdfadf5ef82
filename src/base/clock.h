/* SPDX-License-Identifier: Apache-2.0
 *
 * Time.
 */
#ifndef HOB_BASE_CLOCK_H
#define HOB_BASE_CLOCK_H

/* Monotonic time in milliseconds, from an arbitrary start. Thread-safe. */
double clock_ms(void);

#endif
